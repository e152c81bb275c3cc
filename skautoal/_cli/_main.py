"""Entry point of the console command: options in, exit code out."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..exceptions import SimulationError, SkautoalWarning
from ._parser import build_parser

_USER_ERRORS = (ValueError, TypeError, OSError, ImportError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments after the name of the program; those of the process by default.

    Returns
    -------
    code : int
        0 for success, 1 if a run failed, 2 for input that cannot be used, 130 after an
        interruption.

    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = build_parser().parse_args(words)
    options.words = ["skautoal", *words]  # the report of a comparison names its command
    name = f"skautoal {options.command}"
    try:
        with _short_warnings(name):
            _run(options)
            sys.stdout.flush()
    except SimulationError as exc:
        print(f"{name}: {exc}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of a pipe, `head` say, has ended. Python flushes once more at exit,
        # which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except _USER_ERRORS as exc:
        print(f"{name}: error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = " The same command goes on where this one stopped."
        print(f"\nInterrupted.{hint if options.command == 'compare' else ''}", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    """Import what one command needs, and nothing for the others, then run it."""
    if options.command == "compare":
        from ._compare import compare_methods

        compare_methods(options)
    elif options.command == "report":
        from ._report import report

        report(options)
    elif options.command == "query":
        from ._query import query

        query(options)
    else:
        from ._list import print_methods

        print_methods()


@contextmanager
def _short_warnings(name: str) -> Iterator[None]:
    """Print warnings of skautoal as one line, without the place in the code."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_short(message: Any, category: Any, *args: Any, **kwargs: Any) -> None:
            if issubclass(category, SkautoalWarning):
                print(f"{name}: warning: {message}", file=sys.stderr)
            else:
                show(message, category, *args, **kwargs)

        warnings.showwarning = show_short
        yield
