"""The line of a test run about its time, with and without workers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import _budget

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "xdist"])
def test_a_run_ends_with_its_time(tmp_path, workers):
    output = run(tmp_path, "--durations=20", *workers)
    assert output.count("of a budget of 360 s") == 1
    assert "slowest durations" in output or "slowest 20 durations" in output
    assert "1 passed" in output.splitlines()[-1]  # CI reads pytest's own last line


def test_other_runs_say_nothing_about_it(tmp_path):
    assert "budget" not in run(tmp_path)


def test_a_run_over_budget_says_so():
    assert _budget.line(168.4) == "test time 168 s of a budget of 360 s"
    assert _budget.line(400).startswith("test time 400 s of a budget of 360 s: over budget.")


def test_the_project_takes_part(request):
    hooks = request.config.pluginmanager.hook.pytest_terminal_summary.get_hookimpls()
    assert _budget.pytest_terminal_summary in [hook.function for hook in hooks]


def run(folder: Path, *options: str) -> str:
    """Run one trivial test in a folder of its own; return what pytest prints."""
    (folder / "test_it.py").write_text("def test_it(): ...\n")
    # Settings of the run that this test is part of must not reach the inner one, and its
    # plugins take seconds to import.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests._budget", *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
