"""The command lines that filled a folder of runs, for its report."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from ._store import folder_of_runs

_FILE = "commands.txt"
_MAX_CHARACTERS = 10_000  # a report shows them all


def record_command(folder: str | os.PathLike[str], arguments: Sequence[str]) -> None:
    """Note the command line that makes the runs of a folder, unless it is there already.

    Parameters
    ----------
    folder : path-like
        Folder of runs. It is made if it does not exist.
    arguments : sequence of str
        Words of the command line, the name of the command first.

    """
    line = " ".join(shlex.join(arguments).splitlines())
    if line in recorded_commands(folder):
        return
    with open(folder_of_runs(folder) / _FILE, "a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def recorded_commands(folder: str | os.PathLike[str]) -> list[str]:
    """Return the command lines noted in a folder, oldest first.

    Parameters
    ----------
    folder : path-like
        Folder of runs.

    Returns
    -------
    commands : list of str
        Empty if the runs were not made on the command line.

    """
    try:
        with open(Path(folder) / _FILE, encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_CHARACTERS).splitlines()
    except OSError:
        return []
