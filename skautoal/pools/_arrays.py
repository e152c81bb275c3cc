"""Pools in arrays that are read by slices: NumPy, memmap, zarr, HDF5, tensor, dicts of these."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ._base import (
    Chunk,
    Pool,
    chunk_rows,
    cut,
    join,
    leaves,
    map_leaves,
    n_rows_of,
    rechunk,
    row_elements,
)
from ._checks import ChunkCheck, as_array

_BLOCK_BYTES = 2**25  # upper limit of the stored chunks of a file that are read whole


class ArrayPool(Pool):
    """Pool in an array-like that has a shape and can be sliced along its rows.

    Reading takes slices of at most one chunk, so that data on disk stays there and other
    dtypes are converted one chunk at a time.

    Parameters
    ----------
    array : array-like of shape (n, ...), or dict of them
        NumPy array or memmap, tensor, zarr array, HDF5 data set, or anything else with
        ``shape``, ``dtype`` and slices.
    check : ChunkCheck
        Checks and converts each chunk.

    """

    def __init__(self, array: Any, check: ChunkCheck) -> None:
        self.array = array
        self.check = check
        self.n_samples = n_rows_of(array)

    @property
    def head(self) -> Chunk:
        """First sample as given, neither checked nor converted."""
        return map_leaves(as_array, cut(self.array, slice(0, 1)))

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        step = self._stored_rows() or n_rows
        starts = range(0, len(self), step)
        yield from rechunk((self._read(start, start + step) for start in starts), n_rows)

    def first_row(self) -> Chunk:
        return self._read(0, 1)

    def take(self, indices: np.ndarray) -> Chunk:
        indices = np.asarray(indices)
        if len(indices) == 0:
            return cut(self.first_row(), slice(0, 0))
        order = np.argsort(indices, kind="stable")
        ascending = indices[order]
        step = self._stored_rows() or chunk_rows(self.array)
        parts = []
        for block in np.split(ascending, np.flatnonzero(np.diff(ascending // step)) + 1):
            # Read only the span of the stored block that holds the wanted rows.
            start = int(block[0])
            part = self._read(start, int(block[-1]) + 1)
            parts.append(_pick(part, block - start))
        return _pick(join(parts), np.argsort(order, kind="stable"))

    def _read(self, start: int, stop: int) -> Chunk:
        part = cut(self.array, slice(start, min(stop, len(self))))
        checked = self.check(part, start)
        for given, kept in zip(leaves(part), leaves(checked), strict=True):
            if isinstance(given, np.memmap) and not np.shares_memory(given, kept):
                _forget_pages(given)
        return checked

    def _stored_rows(self) -> int | None:
        """Return the rows of a stored chunk of the file, or None if it is too large to be read."""
        stored = getattr(self.array, "chunks", None)
        if not isinstance(stored, tuple) or not stored or not isinstance(stored[0], int):
            return None
        return stored[0] if 4 * stored[0] * row_elements(self.array) <= _BLOCK_BYTES else None


class TransformedPool(Pool):
    """Pool whose chunks go through the transformers of a pipeline.

    Parameters
    ----------
    pool : Pool
        Samples that the transformers take.
    transform : callable
        Turns a chunk into a float32 chunk with the same rows.

    """

    def __init__(self, pool: Pool, transform: Callable[[Chunk], Chunk]) -> None:
        self.pool, self.transform = pool, transform
        self.random_access, self.rereadable = pool.random_access, pool.rereadable

    @property
    def n_samples(self) -> int | None:  # type: ignore[override]
        """Number of samples, or None if it is not known yet."""
        return self.pool.n_samples

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        return (self.transform(chunk) for chunk in self.pool.chunks(n_rows))

    def first_row(self) -> Chunk:
        return self.transform(self.pool.first_row())

    def take(self, indices: np.ndarray) -> Chunk:
        return self.transform(self.pool.take(indices))


def _forget_pages(part: np.memmap) -> None:
    """Release the pages of a mapped file that were read from the memory of this process.

    They stay in the system's cache. Pages of a private mapping are kept: they may hold
    changes that exist nowhere else.
    """
    advice = getattr(mmap, "MADV_DONTNEED", None)
    if advice is None or part.mode not in ("r", "r+") or not part.flags.c_contiguous:
        return
    mapped: mmap.mmap = part._mmap  # type: ignore[attr-defined]
    first = np.frombuffer(mapped, dtype=np.uint8).ctypes.data
    start = part.ctypes.data - first
    page = start - start % mmap.PAGESIZE
    mapped.madvise(advice, page, start + part.nbytes - page)


def _pick(chunk: Chunk, rows: np.ndarray) -> Chunk:
    """Return some rows of a chunk that is in memory."""
    if isinstance(chunk, dict):
        return {key: _pick(part, rows) for key, part in chunk.items()}
    return chunk[rows]


def is_sliceable(X: object) -> bool:
    """Return True for an array of another library than NumPy and torch, read by slices.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    is_sliceable : bool

    """
    return (
        all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))
        and not hasattr(X, "index")  # frames and series
    )
