"""The loops of the examples: four ways to write one, the same picks."""

from __future__ import annotations

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
OTHERS = {
    "loop_modal.py": "modAL",
    "loop_skactiveml.py": "skactiveml",
    "loop_pipeline.py": "sklearn",
}


@pytest.fixture(scope="module")
def plain():
    return run("loop_plain.py")


def run(name):
    """Run a loop, which must leave a figure of its picks open for the documentation to take."""
    plt.switch_backend("Agg")
    plt.close("all")  # those that other tests left
    try:
        names = runpy.run_path(str(EXAMPLES / name))
        assert len(plt.get_fignums()) == 1
    finally:
        plt.close("all")
    return names


def test_every_loop_is_here(plain):
    assert {path.name for path in EXAMPLES.glob("loop_*.py")} == {"loop_plain.py", *OTHERS}
    assert len({pick for batch in plain["picks"] for pick in batch}) == 30
    assert min(pick for batch in plain["picks"] for pick in batch) >= 20


@pytest.mark.parametrize("name", OTHERS)
def test_a_loop_asks_for_the_same(plain, name, capsys):
    pytest.importorskip(OTHERS[name])
    picks = run(name)["picks"]
    assert picks == plain["picks"]
    printed = capsys.readouterr().out
    assert [f"{n} labels, accuracy" in printed for n in (20, 30, 40)] == [True] * 3
    assert "\n".join(map(str, picks)) in printed
