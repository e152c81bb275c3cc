"""What every pool is: samples read in order, and the cutting and joining of chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

_CHUNK_ELEMENTS = 2**20  # numbers that a chunk aims at
_MAX_CHUNK = 4096

Chunk = Any  # an array or tensor with rows first, or a dict, list or tuple of them


class Pool(ABC):
    """Samples that are read in order, some rows at a time.

    Attributes
    ----------
    n_samples : int or None
        Number of samples; None while it is unknown, which ends with the first reading.
    random_access : bool
        Whether :meth:`take` costs about as much as the rows it is asked for.
    rereadable : bool
        Whether there can be a second reading.

    """

    n_samples: int | None = None
    random_access: bool = True
    rereadable: bool = True

    def __len__(self) -> int:
        if self.n_samples is None:
            raise TypeError("The length of this pool is unknown until it was read once.")
        return self.n_samples

    @abstractmethod
    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        """All samples in order, ``n_rows`` at a time, the last chunk shorter; checked."""

    @abstractmethod
    def first_row(self) -> Chunk:
        """The first sample, as a chunk of one row; does not count as a reading."""

    @abstractmethod
    def take(self, indices: np.ndarray) -> Chunk:
        """Some samples, in the order of ``indices``, as one chunk."""


class SubPool(Pool):
    """Some rows of a pool, in an order of their own; nothing is read before it is needed.

    Parameters
    ----------
    pool : Pool
        The whole.
    indices : ndarray of int or bool
        Which rows of it.

    """

    def __init__(self, pool: Pool, indices: np.ndarray):
        self.pool = pool
        self.indices = np.arange(len(pool))[indices]
        self.n_samples = len(self.indices)
        self.random_access = pool.random_access

    def chunks(self, n_rows):
        for start in range(0, len(self.indices), n_rows):
            yield self.pool.take(self.indices[start : start + n_rows])

    def first_row(self):
        return self.pool.first_row()

    def take(self, indices):
        return self.pool.take(self.indices[indices])


def leaves(chunk: Chunk) -> list:
    """The arrays that a chunk is made of."""
    if isinstance(chunk, dict):
        return [leaf for part in chunk.values() for leaf in leaves(part)]
    if isinstance(chunk, (list, tuple)):
        return [leaf for part in chunk for leaf in leaves(part)]
    return [chunk]


def map_leaves(function, chunk: Chunk) -> Chunk:
    """The same structure with ``function`` applied to each array."""
    if isinstance(chunk, dict):
        return {key: map_leaves(function, part) for key, part in chunk.items()}
    if isinstance(chunk, (list, tuple)):
        return type(chunk)(map_leaves(function, part) for part in chunk)
    return function(chunk)


def n_rows_of(chunk: Chunk) -> int:
    """Number of samples in a chunk."""
    return int(leaves(chunk)[0].shape[0])


def row_elements(chunk: Chunk) -> int:
    """Numbers in one sample."""
    return max(1, sum(int(np.prod(leaf.shape[1:])) for leaf in leaves(chunk)))


def chunk_rows(row: Chunk) -> int:
    """Rows of a chunk of samples like ``row``."""
    return min(max(_CHUNK_ELEMENTS // row_elements(row), 32), _MAX_CHUNK)


def cut(chunk: Chunk, rows: slice) -> Chunk:
    """A slice of the rows."""
    return map_leaves(lambda leaf: leaf[rows], chunk)


def join(chunks: list[Chunk]) -> Chunk:
    """The rows of several chunks as one chunk; of a single one, itself."""
    if len(chunks) == 1:
        return chunks[0]
    first = chunks[0]
    if isinstance(first, dict):
        return {key: join([chunk[key] for chunk in chunks]) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)(join(list(parts)) for parts in zip(*chunks, strict=True))
    return torch.cat(chunks) if isinstance(first, torch.Tensor) else np.concatenate(chunks)


def rechunk(chunks: Iterator[Chunk], n_rows: int) -> Iterator[Chunk]:
    """The same rows, ``n_rows`` at a time whatever came; the last chunk may be shorter.

    Forward passes then see the same rows together from every kind of pool, so that their
    products round alike.
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
