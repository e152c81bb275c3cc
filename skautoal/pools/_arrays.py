"""Pools in arrays that are read by slices: NumPy, memmaps, zarr, HDF5, tensors, dicts of them."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator

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

_BLOCK_BYTES = 2**25  # most of a block that is read at once to match the chunks of a file


class ArrayPool(Pool):
    """Samples in something that has a shape and gives slices of its rows.

    Only slices are ever asked for, none of them longer than a chunk: what is on disk stays
    there, and what has another dtype is converted a chunk at a time.

    Parameters
    ----------
    array : array-like of shape (n, ...), or dict of them
        NumPy array or memmap, tensor, zarr array, HDF5 data set, or anything else with
        ``shape``, ``dtype`` and slices.
    check : ChunkCheck
        Checks and converts what is read.

    """

    def __init__(self, array, check: ChunkCheck):
        self.array = array
        self.check = check
        self.n_samples = n_rows_of(array)

    @property
    def head(self) -> Chunk:
        """The first sample, as it came."""
        return map_leaves(as_array, cut(self.array, slice(0, 1)))

    def chunks(self, n_rows):
        step = self._stored_rows() or n_rows
        starts = range(0, len(self), step)
        yield from rechunk((self._read(start, start + step) for start in starts), n_rows)

    def first_row(self):
        return self._read(0, 1)

    def take(self, indices):
        indices = np.asarray(indices)
        if len(indices) == 0:
            return cut(self.first_row(), slice(0, 0))
        order = np.argsort(indices, kind="stable")
        ascending = indices[order]
        step = self._stored_rows() or chunk_rows(self.array)
        parts = []
        for block in np.split(ascending, np.flatnonzero(np.diff(ascending // step)) + 1):
            # From a block of the file only the span that holds wanted rows.
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
        """Rows of the chunks that a file is stored in, if they are of a size to be read whole."""
        stored = getattr(self.array, "chunks", None)
        if not isinstance(stored, tuple) or not stored or not isinstance(stored[0], int):
            return None
        return stored[0] if 4 * stored[0] * row_elements(self.array) <= _BLOCK_BYTES else None


class TransformedPool(Pool):
    """A pool whose chunks go through the transformers of a pipeline.

    Parameters
    ----------
    pool : Pool
        The samples as the transformers take them.
    transform : callable
        Chunk in, float32 chunk with the same rows out.

    """

    def __init__(self, pool: Pool, transform: Callable[[Chunk], Chunk]):
        self.pool, self.transform = pool, transform
        self.random_access, self.rereadable = pool.random_access, pool.rereadable

    @property
    def n_samples(self) -> int | None:  # type: ignore[override]
        """Number of samples, or None if it is not known yet."""
        return self.pool.n_samples

    def chunks(self, n_rows) -> Iterator[Chunk]:
        return (self.transform(chunk) for chunk in self.pool.chunks(n_rows))

    def first_row(self):
        return self.transform(self.pool.first_row())

    def take(self, indices):
        return self.transform(self.pool.take(indices))


def _forget_pages(part: np.memmap) -> None:
    """Let go of the pages of a mapped file that were read: they need not count as ours.

    They stay in the system's cache. Pages of a private mapping may hold changes that are
    nowhere else, and are left alone.
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
    """Some rows of a chunk that is in memory."""
    if isinstance(chunk, dict):
        return {key: _pick(part, rows) for key, part in chunk.items()}
    return chunk[rows]


def is_sliceable(X) -> bool:
    """Whether this is an array that is neither NumPy's nor torch's, read by slices.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    yes : bool

    """
    return (
        all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))
        and not hasattr(X, "index")  # frames and series
    )
