"""Parse memory limits, and store signals that exceed them in a temporary folder."""

from __future__ import annotations

import re
import tempfile
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_UNITS |= {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def check_memory(max_memory: Any) -> int | None:
    """Convert ``max_memory`` to a number of bytes.

    Parameters
    ----------
    max_memory : int, str or None
        Number of bytes, or a string such as ``"2GB"``. None means no limit.

    Returns
    -------
    n_bytes : int or None

    Examples
    --------
    >>> from skautoal.data import check_memory
    >>> check_memory("2GB"), check_memory("1.5 MiB"), check_memory(10_000), check_memory(None)
    (2000000000, 1572864, 10000, None)

    """
    if max_memory is None:
        return None
    value = max_memory
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*((?:[kmgt]i?)?)b?\s*", value.lower())
        if match is None:
            raise ValueError(
                f"'max_memory' must be a number of bytes or a string such as '2GB'; got {value!r}."
            )
        value = int(float(match[1]) * _UNITS[match[2]])
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(
            "'max_memory' must be a number of bytes, a string such as '2GB', or None; got"
            f" {max_memory!r} of type {type(max_memory).__name__}."
        )
    value = float(value) if not isinstance(value, int) else value
    if not 1 <= value < float("inf"):
        raise ValueError(f"'max_memory' must be at least 1 byte; got {max_memory!r}.")
    return int(value)


class Scratch:
    """Temporary folder of signals that are written in chunks and then memory-mapped.

    :mod:`tempfile` chooses the location, which the environment variable TMPDIR changes.
    :meth:`close` removes the folder. Files are mapped only when they are complete: writing to
    a full disk raises an OSError, while writing to a mapped file would kill the process.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="skautoal-", ignore_cleanup_errors=True)
        self._columns: dict[str, _Column] = {}

    @property
    def path(self) -> Path:
        """Path of the folder."""
        return Path(self._folder.name)

    def append(self, name: str, rows: Tensor) -> None:
        """Append rows of shape (m, ...) to the signal ``name``."""
        if name not in self._columns:
            self._columns[name] = _Column(self.path / f"{name}.bin", rows)
        self._columns[name].append(rows)

    def finish(self, name: str) -> Tensor:
        """Return all rows of the signal ``name`` as a memory-mapped tensor."""
        return self._columns[name].mapped()

    def close(self) -> None:
        """Close the files and remove the folder."""
        for column in self._columns.values():
            column.file.close()
        self._folder.cleanup()


class _Column:
    """File of one signal, to which rows are appended."""

    def __init__(self, path: Path, like: Tensor):
        self.path = path
        self.file = path.open("wb")
        self.shape, self.dtype = tuple(like.shape[1:]), like.cpu().numpy().dtype
        self.n_rows = 0

    def append(self, rows: Tensor) -> None:
        _write(self.file, np.ascontiguousarray(rows.cpu().numpy()))
        self.n_rows += len(rows)

    def mapped(self) -> Tensor:
        self.file.close()
        # Mode "c" is copy-on-write: torch warns about read-only memory, and changes must
        # not reach the file.
        array = np.memmap(self.path, self.dtype, "c", shape=(self.n_rows, *self.shape))
        return torch.from_numpy(array)


def _write(file: Any, array: np.ndarray) -> None:
    array.tofile(file)
