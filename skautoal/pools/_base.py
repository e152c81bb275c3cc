"""Base classes of pools, and the slicing and joining of chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

_CHUNK_ELEMENTS = 2**20  # target for the numbers in a chunk
_MAX_CHUNK = 4096

Chunk = Any  # an array or tensor with rows first, or a dict, list or tuple of them


class Pool(ABC):
    """Base class of samples that are read in order, some rows at a time.

    Attributes
    ----------
    n_samples : int or None
        Number of samples; None if it is not known before the first reading.
    random_access : bool
        Whether the cost of :meth:`take` depends on the rows taken, not on the whole pool.
    rereadable : bool
        Whether the pool can be read more than once.

    """

    n_samples: int | None = None
    random_access: bool = True
    rereadable: bool = True

    def __len__(self) -> int:
        if self.n_samples is None:
            raise TypeError("The length of this pool is not known before it has been read once.")
        return self.n_samples

    @abstractmethod
    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        """Yield all samples in order, ``n_rows`` at a time; the last chunk may be shorter."""

    @abstractmethod
    def first_row(self) -> Chunk:
        """Return the first sample as a chunk of one row; this does not count as a reading."""

    @abstractmethod
    def take(self, indices: np.ndarray) -> Chunk:
        """Return the samples at ``indices``, in that order, as one chunk."""


class SubPool(Pool):
    """Pool of selected rows of another pool, in any order, read when they are needed.

    Parameters
    ----------
    pool : Pool
        Pool that holds the rows.
    indices : ndarray of int or bool
        Positions of the rows, or a mask.

    """

    def __init__(self, pool: Pool, indices: np.ndarray) -> None:
        self.pool = pool
        self.indices = np.arange(len(pool))[indices]
        self.n_samples = len(self.indices)
        self.random_access = pool.random_access

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        for start in range(0, len(self.indices), n_rows):
            yield self.pool.take(self.indices[start : start + n_rows])

    def first_row(self) -> Chunk:
        return self.pool.first_row()

    def take(self, indices: np.ndarray) -> Chunk:
        return self.pool.take(self.indices[indices])


def leaves(chunk: Chunk) -> list[Any]:
    """Return the arrays that a chunk consists of."""
    if isinstance(chunk, dict):
        return [leaf for part in chunk.values() for leaf in leaves(part)]
    if isinstance(chunk, (list, tuple)):
        return [leaf for part in chunk for leaf in leaves(part)]
    return [chunk]


def map_leaves(function: Callable[[Any], Any], chunk: Chunk) -> Chunk:
    """Apply ``function`` to each array and return the same structure."""
    if isinstance(chunk, dict):
        return {key: map_leaves(function, part) for key, part in chunk.items()}
    if isinstance(chunk, (list, tuple)):
        return type(chunk)(map_leaves(function, part) for part in chunk)
    return function(chunk)


def n_rows_of(chunk: Chunk) -> int:
    """Return the number of samples in a chunk."""
    return int(leaves(chunk)[0].shape[0])


def row_elements(chunk: Chunk) -> int:
    """Return how many numbers one sample holds."""
    return max(1, sum(int(np.prod(leaf.shape[1:])) for leaf in leaves(chunk)))


def chunk_rows(row: Chunk) -> int:
    """Return how many samples like ``row`` make one chunk."""
    return min(max(_CHUNK_ELEMENTS // row_elements(row), 32), _MAX_CHUNK)


def cut(chunk: Chunk, rows: slice) -> Chunk:
    """Slice the rows of every array of a chunk."""
    return map_leaves(lambda leaf: leaf[rows], chunk)


def join(chunks: list[Chunk]) -> Chunk:
    """Concatenate chunks along the rows; a single chunk is returned as it is."""
    if len(chunks) == 1:
        return chunks[0]
    first = chunks[0]
    if isinstance(first, dict):
        return {key: join([chunk[key] for chunk in chunks]) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)(join(list(parts)) for parts in zip(*chunks, strict=True))
    return torch.cat(chunks) if isinstance(first, torch.Tensor) else np.concatenate(chunks)


def rechunk(chunks: Iterator[Chunk], n_rows: int) -> Iterator[Chunk]:
    """Yield the rows of chunks of any size ``n_rows`` at a time; the last chunk may be shorter.

    Forward passes then see the same rows together from every kind of pool, so that matrix
    products are rounded in the same way.
    """
    held: list[Chunk] = []
    missing = n_rows
    for chunk in chunks:
        size, start = n_rows_of(chunk), 0
        while start < size:
            stop = min(size, start + missing)
            held.append(chunk if stop - start == size else cut(chunk, slice(start, stop)))
            missing -= stop - start
            start = stop
            if missing == 0:
                yield join(held)
                held, missing = [], n_rows
    if held:
        yield join(held)
