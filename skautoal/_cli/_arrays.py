"""Arrays from ``.npy`` and ``.npz`` files; nothing in them is unpickled."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

#: What NumPy raises for files that are cut, damaged or made by somebody else.
_UNREADABLE = (
    *(ValueError, TypeError, KeyError, AttributeError, EOFError, OSError, RuntimeError),
    *(BadZipFile, zlib.error, SyntaxError, MemoryError),
)
#: First bytes of each kind of file, and what to call it.
_MARKS = {
    b"\x93NUMPY": (".npy", "a NumPy array"),
    b"PK": (".npz", "an archive (.npz, or a spreadsheet)"),
    b"PAR1": (".parquet", "a Parquet table"),
}


def check_content(path: Path) -> None:
    """Raise an error if a file begins as one of another kind than its name says."""
    with open(path, "rb") as file:
        start = file.read(8)
    kind, name = next(
        (found for mark, found in _MARKS.items() if start.startswith(mark)),
        (".csv", "something else, perhaps text"),
    )
    ending = path.suffix.lower()
    if kind != ending:
        raise ValueError(
            f"{path} ends in {ending}, but holds {name}. "
            + (
                "Save it as it is named, or rename it to .csv if it is a table with a header."
                if kind == ".csv"
                else f"Rename it to {kind}, or save it as {ending}."
            )
        )


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file."""
    check_content(path)
    try:
        with open(path, "rb") as file:
            return np.load(file, allow_pickle=False)
    except _UNREADABLE as exc:
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
    except _UNREADABLE as exc:
        raise ValueError(f"{path} cannot be read as arrays in .npz: {exc}. {usage}") from exc
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"{path} must hold the arrays {list(names)}; it holds {held}. {usage}")
    return found


class _UnreadableArray(Exception):
    """An array of a readable ``.npz`` file cannot be used."""


def _read_array(file, name: str, path: Path) -> np.ndarray:
    try:
        return file[name]
    except _UNREADABLE as exc:
        fix = "y=y.astype(str)" if name == "y" else f"{name}={name}.astype(float)"
        raise _UnreadableArray(
            f"The array {name} of {path} is not a plain array: {exc}. Text in pandas and Python"
            f" objects are saved as plain arrays with numpy.savez(path, ..., {fix})."
        ) from exc
