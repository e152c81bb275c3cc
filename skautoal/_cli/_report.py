"""The command ``skautoal report``: the HTML page of a folder of runs."""

from __future__ import annotations

import argparse

from ..simulation import load_results, write_report
from ..simulation.runs._commands import recorded_commands
from ._outputs import check_output_file


def report(options: argparse.Namespace) -> None:
    """Write the report, into the folder of runs unless the user names another file."""
    if options.out is not None:
        check_output_file(options.out, "--out")
    results = load_results(options.folder)
    path = options.out or options.folder / "report.html"
    write_report(results, path, commands=recorded_commands(options.folder))
    print(f"Written: {path}\nNext: open it in a browser.")
