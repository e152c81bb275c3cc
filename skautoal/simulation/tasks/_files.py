"""Data files of the user: their folder, and arrays read from ``.npz`` archives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

#: Environment variable with the folder of the user's data.
DATA_VARIABLE = "SKAUTOAL_DATA"


def data_folder(folder: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the folder of the user's data.

    Parameters
    ----------
    folder : path-like, optional
        The folder. By default it is taken from the environment variable
        ``SKAUTOAL_DATA``.

    Returns
    -------
    folder : Path or None
        None if neither is set.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.

    """
    given = folder or os.environ.get(DATA_VARIABLE)
    if not given:
        return None
    path = Path(given)
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no folder {str(path)!r}. Give the folder with your data, or set"
            f" {DATA_VARIABLE} to it."
        )
    return path


def read_npz(path: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Read the named arrays of a ``.npz`` file; nothing is unpickled.

    Raises
    ------
    ValueError
        If the file is damaged or lacks one of the arrays.

    """
    try:
        # NumPy does not close a file that turns out to be no zip archive.
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            missing = [key for key in keys if key not in file]
            if missing:
                raise ValueError(
                    f"{path} has no array {missing}; it holds {sorted(file)}. Save it with the"
                    f" arrays {list(keys)}."
                )
            return {key: file[key] for key in keys}
    except (OSError, EOFError, ValueError, TypeError, AttributeError, BadZipFile) as exc:
        if str(path) in str(exc):
            raise
        raise ValueError(
            f"{path} cannot be read as a .npz file of plain arrays: {exc}. Save it with"
            " numpy.savez, without object arrays."
        ) from exc
