"""Arrays from ``.npy`` and ``.npz`` files; nothing in them is unpickled."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

_TEXT = ".csv"
_NAMES = {
    ".npy": "a NumPy array",
    ".npz": "an archive (.npz, or a spreadsheet)",
    ".parquet": "a Parquet table",
    _TEXT: "something else, perhaps text",
}


def check_content(path: Path) -> None:
    """Raise an error if a file begins as one of another kind than its name says."""
    ending, kind = path.suffix.lower(), _kind(path)
    if kind == ending:
        return
    remedy = f"Rename it to {kind}, or save it as {ending}."
    if kind == _TEXT:
        remedy = "Save it as it is named, or rename it to .csv if it is a table with a header."
    raise ValueError(f"{path} ends in {ending}, but holds {_NAMES[kind]}. {remedy}")


def _kind(path: Path) -> str:
    """Return the ending that fits the content; what is not known may be text."""
    with open(path, "rb") as file:
        start = file.read(6)
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4))
        end = file.read()
    if start == b"\x93NUMPY":
        return ".npy"
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return ".npz"
    # A table of text may well begin with a column named PAR1.
    return ".parquet" if start[:4] == end == b"PAR1" else _TEXT


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file."""
    check_content(path)
    try:
        with open(path, "rb") as file:
            return np.load(file, allow_pickle=False)
    except Exception as exc:  # damaged files raise whatever a parser of theirs does
        raise ValueError(
            f"{path} cannot be read as a plain array: {exc}. Save numbers with numpy.save(path, X)."
        ) from exc


def read_npz(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return arrays of an ``.npz`` file by name."""
    check_content(path)
    usage = f"Make one with numpy.savez(path, {', '.join(f'{name}={name}' for name in names)})."
    try:
        # Opened here: NumPy leaves it open if it turns out to be no zip file.
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            held = list(file.files)
            found = {name: _read_array(file, name, path) for name in names if name in held}
    except _UnreadableArray as exc:
        raise ValueError(str(exc)) from exc
    except Exception as exc:
        raise ValueError(f"{path} cannot be read as arrays in .npz: {exc}. {usage}") from exc
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"{path} must hold the arrays {list(names)}; it holds {held}. {usage}")
    return found


class _UnreadableArray(Exception):
    """An array of a readable ``.npz`` file cannot be used."""


def _read_array(file: Any, name: str, path: Path) -> np.ndarray:
    try:
        return file[name]
    except Exception as exc:
        fix = "y=y.astype(str)" if name == "y" else f"{name}={name}.astype(float)"
        raise _UnreadableArray(
            f"The array {name} of {path} is not a plain array: {exc}. Text in pandas and Python"
            f" objects are saved as plain arrays with numpy.savez(path, ..., {fix})."
        ) from exc
