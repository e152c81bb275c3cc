"""Checks of the places that the user wants results in, before any time is spent on them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path


def check_output_file(path: Path, option: str, inputs: Sequence[Path] = ()) -> None:
    """Raise an error if no file can be written at ``path``.

    Parameters
    ----------
    path : Path
        File to write; one that is there may be replaced.
    option : str
        Option that named it, for messages.
    inputs : sequence of Path, default=()
        Files that must not be replaced.

    """
    if path.is_dir():
        raise IsADirectoryError(
            f"{option} must name a file, but {path} is a folder. Add the name of a file."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{option}: there is no folder {path.parent}. Make it first, or name a file in"
            " another folder."
        )
    for given in inputs:
        if path.exists() and given.exists() and path.samefile(given):
            raise ValueError(f"{option} would replace the input {given}. Name another file.")
    _check_writable(path.parent, option)


def check_output_folder(path: Path, option: str) -> None:
    """Raise an error if no folder can be made, or written to, at ``path``.

    Parameters
    ----------
    path : Path
        Folder; it and its parents need not be there yet.
    option : str
        Option that named it, for messages.

    """
    nearest = next(place for place in (path, *path.parents) if place.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(
            f"{option} must be a folder, but {nearest} is a file. Name another folder."
        )
    _check_writable(nearest, option)


def _check_writable(folder: Path, option: str) -> None:
    # Permission bits do not tell: they mean nothing for root, on a full disk, or on a
    # file system that is mounted read-only.
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        raise PermissionError(
            f"{option}: the folder {folder} cannot be written to ({exc.strerror}). Name a place"
            " in another folder."
        ) from exc
