"""Pools in arrays that support slices: NumPy, memmaps, zarr, HDF5, tensors, and dicts of them."""

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

#: Maximum bytes of a block that is read at once to match the chunks of a file.
_BLOCK_BYTES = 2**25


class ArrayPool(Pool):
    """Samples in an array that supports slices of its rows.

    Only slices of at most one chunk are read. Arrays on disk therefore stay on disk, and
    other dtypes are converted one chunk at a time.

    Parameters
    ----------
    array : array-like of shape (n, ...), or dict of them
        NumPy array or memmap, tensor, zarr array, HDF5 data set, or any other object with
        ``shape``, ``dtype`` and slices.
    check : ChunkCheck
        Function that checks and converts each chunk.

    """

    def __init__(self, array: Any, check: ChunkCheck) -> None:
        self.array = array
        self.check = check
        self.n_samples = n_rows_of(array)

    @property
    def head(self) -> Chunk:
        """First sample, not converted, of shape (1, ...)."""
        return map_leaves(as_array, cut(self.array, slice(0, 1)))

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        # Reading along the chunks of the file decompresses each of them once only.
        step = self._stored_rows() or n_rows
        starts = range(0, len(self), step)
        yield from rechunk((self._read(start, start + step) for start in starts), n_rows)

    def first_row(self) -> Chunk:
        return self._read(0, 1)

    def take(self, indices: Any) -> Chunk:
        indices = np.asarray(indices)
        if len(indices) == 0:
            return cut(self.first_row(), slice(0, 0))
        # Rows are read in the order of the file, block by block, and put back in the order
        # of the indices at the end.
        order = np.argsort(indices, kind="stable")
        ascending = indices[order]
        step = self._stored_rows() or chunk_rows(self.array)
        parts = []
        for block in np.split(ascending, np.flatnonzero(np.diff(ascending // step)) + 1):
            # Within a block, only the span that contains the wanted rows is read.
            start = int(block[0])
            part = self._read(start, int(block[-1]) + 1)
            parts.append(_pick(part, block - start))
        return _pick(join(parts), np.argsort(order, kind="stable"))

    def _read(self, start: int, stop: int) -> Chunk:
        part = cut(self.array, slice(start, min(stop, len(self))))
        checked = self.check(part, start)
        # The pages can be dropped only if the check made a copy.
        for given, kept in zip(leaves(part), leaves(checked), strict=True):
            if isinstance(given, np.memmap) and not np.shares_memory(given, kept):
                _forget_pages(given)
        return checked

    def _stored_rows(self) -> int | None:
        """Return the rows per chunk of a file, or None if there are no chunks or they are large."""
        stored = getattr(self.array, "chunks", None)
        if not isinstance(stored, tuple) or not stored or not isinstance(stored[0], int):
            return None
        return stored[0] if 4 * stored[0] * row_elements(self.array) <= _BLOCK_BYTES else None


class TransformedPool(Pool):
    """Pool whose chunks are transformed by the transformers of a pipeline.

    Parameters
    ----------
    pool : Pool
        Samples as the transformers take them.
    transform : callable
        Function that takes a chunk and returns a float32 chunk with the same rows.

    """

    def __init__(self, pool: Pool, transform: Callable[[Chunk], Chunk]):
        self.pool, self.transform = pool, transform
        self.random_access, self.rereadable = pool.random_access, pool.rereadable

    @property
    def n_samples(self) -> int | None:  # type: ignore[override]
        """Number of samples, or None if it is unknown."""
        return self.pool.n_samples

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        return (self.transform(chunk) for chunk in self.pool.chunks(n_rows))

    def first_row(self) -> Chunk:
        return self.transform(self.pool.first_row())

    def take(self, indices: Any) -> Chunk:
        return self.transform(self.pool.take(indices))


def _forget_pages(part: np.memmap) -> None:
    """Release the pages of a mapped file after reading, so that the process keeps little memory.

    The pages stay in the page cache of the operating system. Private mappings are skipped,
    because their pages may contain changes that are not in the file.
    """
    advice = getattr(mmap, "MADV_DONTNEED", None)
    if advice is None or part.mode not in ("r", "r+") or not part.flags.c_contiguous:
        return
    mapped: mmap.mmap = part._mmap  # type: ignore[attr-defined]
    first = np.frombuffer(mapped, dtype=np.uint8).ctypes.data
    start = part.ctypes.data - first
    # madvise takes addresses at the start of a page.
    page = start - start % mmap.PAGESIZE
    mapped.madvise(advice, page, start + part.nbytes - page)


def _pick(chunk: Chunk, rows: np.ndarray) -> Chunk:
    """Return some rows of a chunk in memory."""
    if isinstance(chunk, dict):
        return {key: _pick(part, rows) for key, part in chunk.items()}
    return chunk[rows]


def is_sliceable(X: Any) -> bool:
    """Return True for array-like objects that support slices, such as zarr and HDF5 arrays.

    NumPy arrays and tensors are included, pandas objects are not.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    sliceable : bool

    """
    return (
        all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))
        and not hasattr(X, "index")  # pandas objects select columns by []
    )
