"""The console command ``skautoal``: compare, report, list, query."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

_USER_ERRORS = (ValueError, TypeError, OSError, ImportError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    code : int
        0; 1 if a run failed; 2 if the user asked for something impossible; 130 if
        interrupted.

    """
    parser = _parser()
    options = parser.parse_args(arguments)
    # Imported here: torch takes a second, and --help should not.
    from .exceptions import SimulationError

    try:
        options.function(options)
    except SimulationError as exc:
        print(f"skautoal {options.command}: {exc}", file=sys.stderr)
        return 1
    except _USER_ERRORS as exc:
        print(f"skautoal {options.command}: error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on where this one stopped.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skautoal", description="Deep active learning: which samples to label next."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    compare = commands.add_parser(
        "compare",
        help="try methods on data whose labels are known",
        description="Try methods on data whose labels are known. Finished runs are kept in"
        " the folder OUT; the same command goes on where it was stopped.",
    )
    compare.add_argument(
        "--data",
        required=True,
        type=_words,
        help="tasks, separated by commas: digits, .npz files (X_train, y_train, X_test, y_test),"
        " or, from the folder of the environment variable SKAUTOAL_DATA, names of such files and"
        " the paper's data sets as paper:cifar10",
    )
    compare.add_argument(
        "--strategies",
        required=True,
        type=_words,
        help="methods, separated by commas; 'skautoal list' names them",
    )
    compare.add_argument("--out", required=True, type=Path, help="folder of finished runs")
    compare.add_argument(
        "--budget",
        type=_words,
        default=["low"],
        help="budgets: low, mid, low,mid; paper for the paper's data sets (default: low)",
    )
    compare.add_argument("--initial", type=int, help="labels at the start, instead of the budget's")
    compare.add_argument("--batch", type=int, help="labels a round, instead of the budget's")
    compare.add_argument("--rounds", type=int, help="rounds, instead of the budget's")
    compare.add_argument(
        "--seeds", type=_seeds, default=5, help="how many, or a list as 3,4,5 (default: 5)"
    )
    compare.add_argument("--pool-size", type=int, help="use this many samples of each pool")
    compare.add_argument("--test-size", type=int, help="test on this many samples")
    compare.add_argument(
        "--variants",
        type=_words,
        default=[],
        help="instead of the tasks themselves: imbalanced (10:1), noisy (20 %% of the labels are"
        " wrong), skewed (first labels from half of the classes); plain for the tasks themselves",
    )
    compare.add_argument("--jobs", type=int, help="runs at a time; -1 for one a core (default: 1)")
    compare.add_argument(
        "--full-data",
        action="store_true",
        help="train on each whole pool as well, to count labels saved",
    )
    compare.add_argument(
        "--keep-going", action="store_true", help="warn about runs that fail instead of stopping"
    )
    compare.add_argument("--quiet", action="store_true", help="no progress bar")
    compare.set_defaults(function=_compare)

    listing = commands.add_parser("list", help="name the methods and what they need")
    listing.set_defaults(function=_list)

    report = commands.add_parser("report", help="write the HTML report of a folder of runs")
    report.add_argument("folder", type=Path, help="the OUT of skautoal compare")
    report.add_argument(
        "--out", type=Path, help="file to write (default: report.html in the folder)"
    )
    report.set_defaults(function=_report)

    query = commands.add_parser(
        "query",
        help="choose the samples of a pool that should be labelled next",
        description="Train a small net on labelled samples and choose the samples of a pool"
        " that should be labelled next.",
    )
    query.add_argument(
        "--labeled", required=True, type=Path, help=".npz file with arrays X and y: the labelled"
    )
    query.add_argument("--pool", required=True, type=Path, help=".npy file: the unlabelled samples")
    query.add_argument("--n-instances", required=True, type=int, help="how many to choose")
    query.add_argument(
        "--out", required=True, type=Path, help=".npy file to write: rows of the pool, best first"
    )
    query.add_argument("--strategy", default="auto", help="method (default: auto)")
    query.add_argument("--seed", type=int, default=0, help="decides everything random (default: 0)")
    query.set_defaults(function=_query)
    return parser


def _compare(options) -> None:
    from .simulation import compare, load_paper_task, load_results, load_task
    from .simulation.analysis._export import overview, write_tables

    tasks = [
        load_paper_task(name.removeprefix("paper:")) if name[:6] == "paper:" else load_task(name)
        for name in options.data
    ]
    tasks = [task.subset(options.pool_size, options.test_size) for task in tasks]
    tasks = [_variant(task, name) for task in tasks for name in options.variants or ["plain"]]
    tasks = [_with_budget(task, options) for task in tasks]
    compare(
        options.strategies,
        tasks,
        seeds=options.seeds,
        budgets=options.budget,
        full_data=options.full_data,
        out=options.out,
        n_jobs=options.jobs,
        on_error="warn" if options.keep_going else "raise",
        verbose=int(not options.quiet),
    )
    results = load_results(options.out)
    written = write_tables(results, options.out)
    print(overview(results))
    print("Written: " + ", ".join(str(path) for path in written))


def _variant(task, name: str):
    from .simulation.tasks._variants import VARIANTS

    if name == "plain":
        return task
    if name not in VARIANTS:
        raise ValueError(f"Unknown variant {name!r}. Known are {['plain', *VARIANTS]}.")
    return VARIANTS[name](task)


def _with_budget(task, options):
    """The task with the numbers of the command line in place of its budgets'."""
    from .simulation import Budget

    given = {"n_initial": options.initial, "n_instances": options.batch, "n_rounds": options.rounds}
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return task
    budgets = {}
    for name in options.budget:
        budget = dataclasses.replace(task.budget(name, scaled=False), **given)
        label = f"{budget.n_initial}+{budget.n_rounds}x{budget.n_instances}"
        budgets[name] = Budget(label, budget.n_initial, budget.n_instances, budget.n_rounds)
    return dataclasses.replace(task, budgets=budgets)


def _report(options) -> None:
    from .simulation import load_results, write_report

    path = options.out or options.folder / "report.html"
    write_report(load_results(options.folder), path)
    print(f"Written: {path}")


def _list(options) -> None:
    from .simulation import list_methods
    from .strategies import list_strategies

    rows = {row["name"]: row for row in list_strategies()}
    for name in list_methods():
        row = rows.get(name, {"needs": "sampler", "cost": ""})
        print(f"{name:28s} {row['needs']:32s} {row['cost']}".rstrip())


def _query(options) -> None:
    import numpy as np

    from .simulation.runs._choose import choose

    labeled = _read(options.labeled)
    missing = [key for key in ("X", "y") if not hasattr(labeled, "files") or key not in labeled]
    if missing:
        raise ValueError(
            f"{options.labeled} must be a .npz file with the arrays X and y. Make one with"
            " numpy.savez(path, X=X, y=y)."
        )
    pool = _read(options.pool)
    if not isinstance(pool, np.ndarray):
        raise ValueError(f"{options.pool} must be a .npy file. Make one with numpy.save(path, X).")
    rows = choose(
        options.strategy,
        labeled["X"],
        labeled["y"],
        pool,
        options.n_instances,
        random_state=options.seed,
    )
    with open(options.out, "wb") as file:
        np.save(file, rows)
    print(f"{len(rows)} of {len(pool)} rows written to {options.out}, best first.")


def _read(path: Path):
    """Content of a .npy or .npz file; nothing is unpickled."""
    import numpy as np

    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as exc:
        raise ValueError(f"{path} is not a file of plain NumPy arrays: {exc}") from exc


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise argparse.ArgumentTypeError("give at least one name")
    return words


def _seeds(text: str) -> int | list[int]:
    try:
        return [int(word) for word in _words(text)] if "," in text else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"give a number, or numbers separated by commas; got {text!r}"
        ) from None
