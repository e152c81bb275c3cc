"""The time that a test run took, against the time that `make test` may take.

``pytest --durations=N`` prints the slowest tests; these hooks add one line about the whole.
A run over budget is no failure: machines differ. It says that a test should be made faster.
"""

from __future__ import annotations

import time

import pytest

BUDGET_S = 360.0  # for `make test` on two cores

_START = pytest.StashKey[float]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_START] = time.perf_counter()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    # Under xdist only the controller has a terminal, and it starts before its workers do.
    start = config.stash.get(_START, None)
    if start is None or config.getoption("durations") is None:
        return
    seconds = time.perf_counter() - start
    over = seconds > BUDGET_S
    terminalreporter.write_line(line(seconds), yellow=over, bold=over)


def line(seconds: float) -> str:
    """Return what to print about a run of so many seconds."""
    text = f"test time {seconds:.0f} s of a budget of {BUDGET_S:.0f} s"
    if seconds > BUDGET_S:
        text += ": over budget. Make the slowest tests faster, or split them"
    return text
