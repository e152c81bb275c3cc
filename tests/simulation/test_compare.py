"""Comparisons: the same numbers however they are run, stopped and taken up again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config

from skautoal import StrategySampler
from skautoal.exceptions import SimulationError, SkautoalWarning
from skautoal.simulation import Budget, compare, load_results, write_report
from tests._internals import internal, record_command, recorded_commands
from tests.simulation._tiny import TINY, tiny_task

METHODS = ["random", "margin"]


def run(out=None, **params):
    params = {"methods": METHODS, "tasks": tiny_task(), "seeds": 2, "budgets": TINY, **params}
    return compare(out=out, verbose=0, **params)


def table(results):
    return results.rows(seconds=False)


@pytest.fixture
def simulated(monkeypatch):
    """Names of the runs that are really computed."""
    names = []
    original = getattr(*internal("compare.simulate"))

    def spy(method, *args, **kwargs):
        names.append((method, kwargs["random_state"]))
        return original(method, *args, **kwargs)

    monkeypatch.setattr(*internal("compare.simulate"), spy)
    return names


def test_order_and_names():
    results = run(tasks=[tiny_task(), tiny_task("other")])
    names = [(run.task, run.budget, run.method, run.seed) for run in results]
    assert names == [
        (task, "tiny", method, seed)
        for task in ("blobs", "other")
        for method in METHODS
        for seed in (0, 1)
    ]
    assert results.methods == METHODS
    assert results.seeds == [0, 1]


def test_the_number_of_workers_changes_nothing():
    expected = table(run())
    assert table(run(n_jobs=2)) == expected
    with parallel_config(backend="threading"):
        assert table(run(n_jobs=2)) == expected


def test_backends_without_generators(monkeypatch):
    # joblib's multiprocessing backend stands for those built on it (ray's).
    from joblib._parallel_backends import ThreadingBackend

    expected = table(run())
    monkeypatch.setattr(ThreadingBackend, "supports_return_generator", False)
    with parallel_config(backend="threading"):
        assert table(run(n_jobs=2)) == expected


def test_a_second_call_computes_what_is_missing(tmp_path, simulated):
    few = run(tmp_path, seeds=1)
    assert simulated == [("random", 0), ("margin", 0)]
    simulated.clear()
    more = run(tmp_path)
    assert simulated == [("random", 1), ("margin", 1)]
    assert few.rows() == more.rows()[:3] + more.rows()[6:9]
    simulated.clear()
    assert run(tmp_path).rows() == more.rows()
    assert simulated == []
    assert {run.method for run in load_results(tmp_path)} == set(METHODS)


@pytest.mark.parametrize(
    "change",
    [
        {"budgets": Budget("tiny", 6, 3, 1)},
        {"tasks": tiny_task(initial="balanced")},
        {
            "methods": {
                "random": StrategySampler(strategy="random", n_instances=3),
                "margin": "margin",
            }
        },
    ],
    ids=["budget", "start", "parameter"],
)
def test_another_configuration_is_another_run(tmp_path, simulated, change):
    run(tmp_path, seeds=1)
    simulated.clear()
    run(tmp_path, seeds=1, **change)
    assert simulated
    with pytest.raises(ValueError, match="two different runs"):
        load_results(tmp_path)


_KILLED = """
import sys, time
from tests._internals import internal, record_command, recorded_commands
from tests.simulation.test_compare import run

original = getattr(*internal("store.write_whole"))
def slow(path, text):
    original(path, text)
    time.sleep(0.2)  # the parent kills between two runs, or in the middle of one
setattr(*internal("store.write_whole"), slow)
print("ready", flush=True)
run(sys.argv[1], seeds=6)
"""


def test_killed_in_the_middle_and_resumed(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = table(run(whole, seeds=6))
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(broken)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
    )
    with process:
        deadline = time.monotonic() + 60
        while len(list(broken.glob("*.json"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finished = list(broken.glob("*.json"))
    assert 2 <= len(finished) < 12
    before = {path: path.read_bytes() for path in finished}
    assert table(run(broken, seeds=6)) == expected
    assert {path: path.read_bytes() for path in finished} == before
    assert json.dumps(table(load_results(broken))) == json.dumps(table(load_results(whole)))


def test_damaged_and_foreign_files(tmp_path, simulated):
    expected = table(run(tmp_path, seeds=1))
    simulated.clear()
    first, second = sorted(tmp_path.glob("*.json"))
    text = first.read_text()
    first.write_text(text[: len(text) // 2])
    (tmp_path / "mine.json").write_text('{"a": 1}')
    (tmp_path / "mine.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.warns(SkautoalWarning, match="damaged-0"):
        assert table(run(tmp_path, seeds=1)) == expected
    assert len(simulated) == 1
    assert (tmp_path / f"{first.name}.damaged-0").read_text() == text[: len(text) // 2]
    assert (tmp_path / "mine.json").read_text() == '{"a": 1}'
    with pytest.warns(SkautoalWarning, match="not a run of skautoal"):
        assert len(load_results(tmp_path)) == 2
    (tmp_path / "mine.json").unlink()
    # A result put under another's name, or edited, is not taken for it.
    second.write_text(first.read_text())
    with pytest.warns(SkautoalWarning, match="renamed or edited"):
        assert table(run(tmp_path, seeds=1)) == expected


def test_results_of_other_software_are_pointed_out(tmp_path):
    run(tmp_path, seeds=1, methods="random")
    (path,) = tmp_path.glob("*.json")
    path.write_text(path.read_text().replace('"torch": "', '"torch": "0'))
    with pytest.warns(SkautoalWarning, match=r"1 run .* torch 0"):
        load_results(tmp_path)
    with pytest.warns(SkautoalWarning, match=r"1 run .* torch 0"):
        run(tmp_path, seeds=1, methods="random")


def test_folders_that_cannot_be(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        load_results(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="'out'"):
        run(tmp_path / "file")


def _broken(signals):
    raise RuntimeError("no idea")


def test_a_run_that_fails(tmp_path):
    methods = {"random": "random", "broken": _broken}
    with pytest.raises(SimulationError, match=r"'broken' on 'blobs' .*\n*no idea"):
        run(tmp_path, methods=methods, seeds=1)
    assert len(load_results(tmp_path)) == 1
    with pytest.warns(SkautoalWarning, match="no idea"):
        results = run(tmp_path, methods=methods, seeds=1, on_error="warn")
    assert results.methods == ["random"]


def test_functions_are_told_apart_by_their_code(tmp_path, simulated):
    for sign in (1, -1):
        run(tmp_path, methods={"f": lambda s, sign=sign: sign * s.probabilities[:, 0]}, seeds=1)
    assert len(simulated) == 2
    with pytest.raises(TypeError, match="cannot be described"):
        run(methods=StrategySampler(strategy=Opaque()))


class Opaque:
    """Callable without parameters, attributes or a lasting repr."""

    __slots__ = ()

    def __call__(self, signals):
        return signals.probabilities[:, 0]


def test_full_data():
    results = run(seeds=[3, 4], methods="margin", full_data=True)
    assert len(results) == 3
    assert results.settings == run(seeds=1).settings
    full = results[-1]
    assert (full.budget, full.n_labeled.tolist(), full.seed) == ("full", [60], 3)
    assert results.full_accuracy("blobs") == full.rounds[0].accuracy
    assert results.full_accuracy("other") is None


def test_arguments_that_make_no_sense():
    for wrong, message in [
        ({"seeds": 0}, "'seeds'"),
        ({"seeds": [1, 1]}, "'seeds'"),
        ({"tasks": [tiny_task(), tiny_task()]}, "distinct names"),
        ({"budgets": "high"}, "no budget 'high'"),
        ({"budgets": [TINY, TINY]}, "distinct names"),
        ({"methods": []}, "'methods' is empty"),
        ({"methods": ["margin", "margin"]}, r"several named \['margin'\]"),
        ({"on_error": "ignore"}, "'on_error'"),
        ({"tasks": "nowhere"}, "Unknown task 'nowhere'"),
    ]:
        with pytest.raises(ValueError, match=message):
            run(**wrong)


def test_each_run_is_named_when_it_ends(tmp_path, capsys):
    run(tmp_path, seeds=1)
    assert capsys.readouterr().err == ""
    compare(METHODS, tiny_task(), seeds=2, budgets=TINY, out=tmp_path)
    found, *lines = capsys.readouterr().err.splitlines()
    assert found == f"2 of 4 runs found in {tmp_path}"
    assert [line.partition(":")[0] for line in lines] == [
        "3/4 'random' on 'blobs' (tiny, seed 1)",
        "4/4 'margin' on 'blobs' (tiny, seed 1)",
    ]
    assert all("with 12 labels, " in line for line in lines)


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    compare(METHODS, tiny_task(), seeds=1, budgets=TINY)
    assert "2/2 [" in capsys.readouterr().err


def test_runs_know_what_they_are_of(tmp_path):
    """The report names data, net, versions, whether the runs come from memory or disk."""
    results = run(tmp_path, seeds=1)
    kept = load_results(tmp_path)
    assert {repr(r.config) for r in kept} == {repr(r.config) for r in results}
    assert all(r.software == results[0].software for r in [*kept, *results])
    for number, given in enumerate((results, kept)):
        text = write_report(given, tmp_path / f"{number}.md").read_text()
        assert (
            "- Data: blobs: 60 samples in the pool, 30 to test on, 3 features, 3 classes\n" in text
        )
        assert "- Budgets: tiny: 6 labels at the start, 2 rounds of 3\n" in text
        assert "- Net: LinearHead (SGD, learning rate 0.1, 3 epochs, batches of 128)\n" in text
        assert f"torch {version('torch')}" in text.replace("\\", "")


def test_command_lines_of_a_folder(tmp_path):
    assert recorded_commands(tmp_path) == []
    for _ in range(2):
        record_command(tmp_path / "new", ["skautoal", "compare", "--out", "a b", "--data", "x\ny"])
    record_command(tmp_path / "new", ["skautoal", "compare"])
    first, second = recorded_commands(tmp_path / "new")
    assert first == "skautoal compare --out 'a b' --data 'x y'"
    assert second == "skautoal compare"
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="'out' must be a folder"):
        record_command(tmp_path / "file", ["skautoal"])


def test_frames(tmp_path):
    frame = run().to_frame(seconds=False)
    assert len(frame) == 12
    assert not {"seconds_train", "seconds_query"} & set(frame.columns)
    assert {"seconds_train", "seconds_query"} <= set(run(seeds=1).to_frame().columns)
    assert np.isfinite(frame[["accuracy", "balanced_accuracy", "log_loss"]].to_numpy()).all()
