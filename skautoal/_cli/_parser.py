"""Options and help texts of the console command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .._version import __version__


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``skautoal`` and its commands."""
    parser = argparse.ArgumentParser(
        prog="skautoal", description="Deep active learning: which samples to label next."
    )
    parser.add_argument("--version", action="version", version=f"skautoal {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_query(commands)
    _add_list(commands)
    _add_compare(commands)
    _add_report(commands)
    return parser


def _add_command(
    commands: Any, name: str, summary: str, description: str = "", example: str = ""
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=description or f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"Example: {example}",
    )


def _add_query(commands: Any) -> None:
    query = _add_command(
        commands,
        "query",
        "choose the samples of a pool to label next",
        "Train a small net on labelled samples and choose the samples of a pool to label"
        " next. Files are read by their endings: tables (.csv, .parquet) with a header, whose"
        " columns are matched by name, or NumPy arrays (.npz, .npy).",
        "skautoal query --labeled train.csv --label-column y --pool pool.csv --out picks.csv",
    )
    query.add_argument(
        "--labeled",
        required=True,
        type=Path,
        metavar="FILE",
        help="labelled samples: .csv or .parquet with a label column, or .npz with the arrays"
        " X and y",
    )
    query.add_argument(
        "--label-column", metavar="NAME", help="column of the labels; needed for tables"
    )
    query.add_argument(
        "--pool",
        required=True,
        type=Path,
        metavar="FILE",
        help="unlabelled samples: .csv, .parquet, .npy, or .npz with the array X",
    )
    query.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help="file to write, best sample first: .csv or .parquet (row in the pool, counted from"
        " 0; place; utility; the pool's own columns) or .npy (rows only)",
    )
    query.add_argument(
        "--n-instances",
        type=int,
        default=10,
        metavar="N",
        help="number of samples to choose (default: 10)",
    )
    query.add_argument(
        "--strategy",
        default="auto",
        metavar="METHOD",
        help="method, one that 'skautoal list' names (default: auto)",
    )
    query.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")


def _add_list(commands: Any) -> None:
    _add_command(
        commands, "list", "name the methods, each with a line of explanation", "", "skautoal list"
    )


def _add_compare(commands: Any) -> None:
    compare = _add_command(
        commands,
        "compare",
        "try methods on data whose labels are known",
        "Try methods on data whose labels are known. Finished runs are kept in the folder of"
        " --out; the same command goes on where it was stopped.",
        "skautoal compare --data digits --strategies random,margin,auto --out runs",
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
    compare.add_argument(
        "--out", required=True, type=Path, metavar="FOLDER", help="folder of finished runs"
    )
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
        "--batch-seeds",
        action="store_true",
        help="train the nets of all seeds together: faster for small layers, times unknown",
    )
    compare.add_argument(
        "--full-data",
        action="store_true",
        help="train on each whole pool as well, to count labels saved",
    )
    compare.add_argument(
        "--keep-going", action="store_true", help="warn about runs that fail instead of stopping"
    )
    compare.add_argument(
        "--quiet", action="store_true", help="print results only: no plan, no estimate, no progress"
    )


def _add_report(commands: Any) -> None:
    report = _add_command(
        commands,
        "report",
        "write the report of a folder of runs",
        "",
        "skautoal report runs",
    )
    report.add_argument("folder", type=Path, help="the --out of 'skautoal compare'")
    report.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to write; a name that ends in .md makes Markdown without figures"
        " (default: report.html in the folder)",
    )


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
