"""Pools in streams of chunks: iterators, generators, and functions that return them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..exceptions import InvalidSamplesError
from ._arrays import _pick
from ._base import Chunk, Pool, join, map_leaves, n_rows_of, rechunk
from ._checks import ChunkCheck, as_array


class StreamPool(Pool):
    """Samples in a stream of chunks, which are arrays of shape (n_i, ...).

    Parameters
    ----------
    source : callable or iterator
        Function without arguments that returns a new iterator of chunks at each call. An
        iterator is accepted as well, but can be read only once.
    check : ChunkCheck
        Function that checks and converts each chunk.

    """

    random_access = False

    def __init__(self, source: Any, check: ChunkCheck) -> None:
        self.source = source
        self.check = check
        self.rereadable = callable(source)
        self._opened = iter(source() if self.rereadable else source)
        head = next((c for c in self._opened if n_rows_of(map_leaves(as_array, c))), None)
        if head is None:
            raise InvalidSamplesError(
                f"'{check.name}' is empty: its iterator returned no samples, but a minimum of 1"
                " is required."
            )
        #: First chunk that is not empty, not converted. It is needed to check the shape before
        #: the pool is read.
        self.head: Chunk = map_leaves(as_array, head)

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        return rechunk(self._read(), n_rows)

    def _read(self) -> Iterator[Chunk]:
        if self._opened is None:
            if not self.rereadable:
                raise InvalidSamplesError(
                    f"'{self.check.name}' is an iterator, which can be read only once, but this"
                    " query needs to read it again. Pass a function that returns a new iterator, or"
                    " an array."
                )
            source = self.source()
        else:
            # The first reading continues the iterator from which the head was taken.
            source, self._opened = _chain(self.head, self._opened), None
        position = 0
        for chunk in source:
            chunk = map_leaves(as_array, chunk)
            if n_rows_of(chunk):
                yield self.check(chunk, position)
                position += n_rows_of(chunk)
        if self.n_samples is not None and self.n_samples != position:
            raise InvalidSamplesError(
                f"'{self.check.name}' returned {self.n_samples} samples at the first reading and"
                f" {position} at a later one. The function must return the same chunks each time."
            )
        self.n_samples = position

    def first_row(self) -> Chunk:
        return self.check(_pick(self.head, np.arange(1)), 0)

    def take(self, indices: Any) -> Chunk:
        indices = np.asarray(indices)
        found, parts, position = [], [], 0
        for chunk in self._read():
            rows = np.flatnonzero((indices >= position) & (indices < position + n_rows_of(chunk)))
            if len(rows):
                parts.append(_pick(chunk, indices[rows] - position))
                found.append(rows)
            position += n_rows_of(chunk)
        if not parts:
            return _pick(self.first_row(), np.arange(0))
        return _pick(join(parts), np.argsort(np.concatenate(found), kind="stable"))


def is_stream(X: Any) -> bool:
    """Return True for iterators of chunks and for functions that return one.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    stream : bool

    """
    return isinstance(X, Iterator) or (
        callable(X) and not any(hasattr(X, name) for name in ("shape", "__len__", "__array__"))
    )


def _chain(head: Chunk, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    yield head
    yield from rest
