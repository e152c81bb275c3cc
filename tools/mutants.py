"""Mutation test of the functions that score, mix and search: ``make mutants``.

mutmut writes the mutants ([tool.mutmut] in pyproject.toml); this script draws a sample of
them and runs the tests. ``mutmut run`` collects the tests anew for every mutant, which
takes longer than most mutants live. Here they are collected once: each mutant is a fork
of that process, and runs only the tests that reach its function, quickest first, until
one fails. A line for each mutant goes to mutants/results.jsonl as it comes, and a run
that was stopped goes on where it was; ``mutmut show NAME`` prints a mutant.

    python tools/mutants.py --sample 1000         # of all, drawn by --seed
    python tools/mutants.py --names FILE -k TEST  # these again; pytest gets what is left
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from mutmut import __main__ as mutmut
from mutmut.mutation.data import SourceFileMutationData
from mutmut.state import state

ROOT = Path(__file__).resolve().parents[1]
RESULTS, REACH = (ROOT / "mutants" / name for name in ("results.jsonl", "reach.json"))
# A test may take so many CPU seconds, and so many times what it takes without a mutant.
_SECONDS, _TIMES = 8, 8


class Mutants:
    """A pytest plugin that runs the collected tests once for every mutant."""

    def __init__(self, names: list[str], budget: float):
        self.names, self.budget = names, budget

    def pytest_runtestloop(self, session):
        """Learn which test reaches which function, then try the mutants one by one."""
        # No dots: what counts goes to RESULTS.
        session.config.pluginmanager.unregister(name="terminalreporter")
        reach = json.loads(REACH.read_text()) if REACH.exists() else {}
        new = [item for item in session.items if item.nodeid not in reach]
        if new:
            _fork(lambda: _learn_reach(session, new, reach), 3600)
            reach = json.loads(REACH.read_text())
        tests = [(item, *reach[item.nodeid]) for item in session.items if reach[item.nodeid]]
        tests.sort(key=lambda test: test[1])
        importlib.import_module("torch._dynamo")  # by torch.optim otherwise, in every fork
        gc.collect()
        gc.freeze()
        for name in self.names:
            self._try(session, name, tests)
        return True

    def _try(self, session, name: str, tests) -> None:
        function = name.partition("__mutmut_")[0]
        chosen, left, total = [], 0, 0.0
        for item, seconds, functions in tests:
            if function in functions:
                total += seconds
                if self.budget and total > self.budget:
                    left += 1
                else:
                    chosen.append((item, seconds))
        status, by = "no tests", None
        if chosen:
            status, by = _fork(lambda: _first_failure(session, name, chosen), 1800)
        row = {"mutant": name, "status": status, "by": by, "tests": len(chosen), "left": left}
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")


def _learn_reach(session, items, reach: dict) -> str:
    """Write for each test its CPU seconds and the functions it reaches, [] if it fails.

    Some fail: a warning points to the wrong frame where mutmut's functions are between.
    """
    os.environ["MUTANT_UNDER_TEST"] = "stats"
    for item, following in zip(items, [*items[1:], None], strict=True):
        state()._stats.clear()
        failed, start = session.testsfailed, time.process_time()
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        seconds = time.process_time() - start
        passed = session.testsfailed == failed
        reach[item.nodeid] = [seconds, sorted(state()._stats)] if passed else []
    REACH.write_text(json.dumps(reach))
    return ""


def _first_failure(session, name: str, tests) -> str:
    """Name of the first test that fails on a mutant, empty if none does."""
    os.environ["MUTANT_UNDER_TEST"] = name
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    following = [item for item, _ in tests[1:]] + [None]
    for (item, seconds), after in zip(tests, following, strict=True):
        limit = int(_SECONDS + _TIMES * seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + limit, hard))
        signal.alarm(60 + 5 * limit)  # what sleeps takes no CPU time
        item.ihook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed:
            return item.nodeid
    return ""


def _fork(work, timeout: int) -> tuple[str, str | None]:
    """What became of a mutant, and by which test, after ``work()`` in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        signal.alarm(timeout)
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        code = 3
        try:
            os.write(write, work().encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError):  # what the tests started ends with them
        os.killpg(child, signal.SIGKILL)
    with os.fdopen(read) as pipe:
        by = pipe.read()
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGXCPU, -signal.SIGALRM):
        return "timeout", None
    if code:
        return "killed", f"exit code {code}"
    return ("killed", by) if by else ("survived", None)


def _write_mutants() -> list[str]:
    """Have mutmut write ``mutants/``; the names of all mutants."""
    Path("mutants").mkdir(exist_ok=True)
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.create_mutants(1)
    names = []
    for path in sorted(mutmut.walk_mutatable_files()):
        data = SourceFileMutationData(path=path)
        data.load()
        names += data.exit_code_by_key
    return names


def _results() -> dict[str, str]:
    """Status of each mutant that was tried, the latest where it was tried again."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return {row["mutant"]: row["status"] for row in map(json.loads, lines)}


def main() -> int:
    """Run the tests on mutants and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, help="how many mutants; all by default")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--names", type=Path, help="file of mutants, instead of a sample")
    parser.add_argument("--budget", type=float, default=0, help="CPU seconds of tests for each")
    options, for_pytest = parser.parse_known_args()
    os.chdir(ROOT)
    names = _write_mutants()
    if options.names:
        names = options.names.read_text().split()
    else:
        random.Random(options.seed).shuffle(names)
        done = _results()
        names = [name for name in names[: options.sample] if name not in done]
    os.chdir("mutants")
    os.environ["PYTHONPATH"] = os.getcwd()  # what the tests start sees the mutant, too
    config = mutmut.config()
    arguments = ["--rootdir=.", "-q", "--tb=native", "-p", "no:cacheprovider", *for_pytest]
    arguments += config.pytest_add_cli_args + config.pytest_add_cli_args_test_selection
    code = pytest.main(arguments, plugins=[Mutants(names, options.budget)])
    print(dict(Counter(_results().values())))
    return code


if __name__ == "__main__":
    sys.exit(main())
