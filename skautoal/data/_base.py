"""Base class of pools, and functions to split and join chunks of samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

_CHUNK_ELEMENTS = 2**20  # target number of elements of a chunk, 4 MB of float32
_MAX_CHUNK = 4096  # maximum number of rows of a chunk

Chunk = Any  # an array or tensor with rows first, or a dict or tuple of them


class Pool(ABC):
    """Samples that are read in order, one chunk of rows at a time.

    Attributes
    ----------
    n_samples : int or None
        Number of samples. It is None for a stream that was not read to its end yet.
    random_access : bool
        True if :meth:`take` reads little more than the requested rows.
    rereadable : bool
        True if the samples can be read more than once.

    """

    n_samples: int | None = None
    random_access: bool = True
    rereadable: bool = True

    def __len__(self) -> int:
        if self.n_samples is None:
            raise TypeError("The length of this pool is unknown until it has been read once.")
        return self.n_samples

    @abstractmethod
    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        """Yield all samples in order, checked, in chunks of ``n_rows``; the last may be shorter."""

    @abstractmethod
    def first_row(self) -> Chunk:
        """Return the first sample as a chunk of one row, without consuming a stream."""

    @abstractmethod
    def take(self, indices: np.ndarray) -> Chunk:
        """Return samples in the order of ``indices`` as one chunk."""


class SubPool(Pool):
    """Selected rows of a pool, in any order. The rows are read on demand.

    Parameters
    ----------
    pool : Pool
        Pool to select from.
    indices : ndarray of int or bool
        Rows to select, as positions or as a mask.

    """

    def __init__(self, pool: Pool, indices: np.ndarray):
        self.pool = pool
        self.indices = np.arange(len(pool))[indices]
        self.n_samples = len(self.indices)
        self.random_access = pool.random_access

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        for start in range(0, len(self.indices), n_rows):
            yield self.pool.take(self.indices[start : start + n_rows])

    def first_row(self) -> Chunk:
        return self.pool.first_row()

    def take(self, indices: Any) -> Chunk:
        return self.pool.take(self.indices[indices])


def leaves(chunk: Chunk) -> list:
    """Return the arrays that a chunk consists of."""
    if isinstance(chunk, dict):
        return [leaf for part in chunk.values() for leaf in leaves(part)]
    if isinstance(chunk, (list, tuple)):
        return [leaf for part in chunk for leaf in leaves(part)]
    return [chunk]


def map_leaves(function: Any, chunk: Chunk) -> Chunk:
    """Apply ``function`` to each array of a chunk and keep its structure.

    Lists, in which data loaders return the inputs of a net that takes several, become tuples.
    """
    if isinstance(chunk, dict):
        return {key: map_leaves(function, part) for key, part in chunk.items()}
    if isinstance(chunk, (list, tuple)):
        return tuple(map_leaves(function, part) for part in chunk)
    return function(chunk)


def n_rows_of(chunk: Chunk) -> int:
    """Return the number of samples in a chunk."""
    return int(leaves(chunk)[0].shape[0])


def row_elements(chunk: Chunk) -> int:
    """Return the number of elements of one sample, at least 1."""
    return max(1, sum(int(np.prod(leaf.shape[1:])) for leaf in leaves(chunk)))


def chunk_rows(row: Chunk) -> int:
    """Return the number of rows per chunk for samples of the size of ``row``."""
    return min(max(_CHUNK_ELEMENTS // row_elements(row), 32), _MAX_CHUNK)


def cut(chunk: Chunk, rows: slice) -> Chunk:
    """Return a slice of the rows of a chunk."""
    return map_leaves(lambda leaf: leaf[rows], chunk)


def join(chunks: list[Chunk]) -> Chunk:
    """Concatenate the rows of several chunks. A single chunk is returned without a copy."""
    if len(chunks) == 1:
        return chunks[0]
    first = chunks[0]
    if isinstance(first, dict):
        return {key: join([chunk[key] for chunk in chunks]) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)(join(list(parts)) for parts in zip(*chunks, strict=True))
    return torch.cat(chunks) if isinstance(first, torch.Tensor) else np.concatenate(chunks)


def rechunk(chunks: Iterator[Chunk], n_rows: int) -> Iterator[Chunk]:
    """Yield the same rows in chunks of ``n_rows``; the last chunk may be shorter.

    Matrix products round differently for other batch sizes. With equal chunks, the forward
    passes of all kinds of pools give identical results.
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
