"""Pools that arrive in chunks: generators, iterators, and functions that return them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ._arrays import _pick
from ._base import Chunk, Pool, join, map_leaves, n_rows_of, rechunk
from ._checks import ChunkCheck, as_array


class StreamPool(Pool):
    """Pool that arrives in chunks, arrays of shape (n_i, ...), one after the other.

    Parameters
    ----------
    source : callable or iterator
        A function without arguments that returns a new iterator of chunks at each call can
        be read again. An iterator is consumed: it can be read once.
    check : ChunkCheck
        Checks and converts each chunk.

    """

    random_access = False

    def __init__(
        self, source: Callable[[], Iterable[Chunk]] | Iterable[Chunk], check: ChunkCheck
    ) -> None:
        self.check = check
        self._reopen = source if callable(source) else None
        self.rereadable = self._reopen is not None
        opened = iter(source() if callable(source) else source)
        self._opened: Iterator[Chunk] | None = opened
        head = next((c for c in opened if n_rows_of(map_leaves(as_array, c))), None)
        if head is None:
            raise ValueError(
                f"'{check.name}' is empty: its iterator gave no samples, but a minimum of 1 is"
                " required."
            )
        #: First chunk as given, neither checked nor converted.
        self.head: Chunk = map_leaves(as_array, head)

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        return rechunk(self._read(), n_rows)

    def _read(self) -> Iterator[Chunk]:
        if self._opened is None:
            if self._reopen is None:
                raise ValueError(
                    f"'{self.check.name}' is an iterator, which is consumed by the first pass over"
                    " it, and what was asked for takes another look at the samples. Give a"
                    " function that returns a fresh iterator, or an array."
                )
            source = self._reopen()
        else:
            source, self._opened = _chain(self.head, self._opened), None
        position = 0
        for chunk in source:
            chunk = map_leaves(as_array, chunk)
            if n_rows_of(chunk):
                yield self.check(chunk, position)
                position += n_rows_of(chunk)
        if self.n_samples is not None and self.n_samples != position:
            raise ValueError(
                f"'{self.check.name}' gave {self.n_samples} samples in one reading and {position}"
                " in another. The function must return the same chunks each time."
            )
        self.n_samples = position

    def first_row(self) -> Chunk:
        return self.check(_pick(self.head, np.arange(1)), 0)

    def take(self, indices: np.ndarray) -> Chunk:
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


def is_stream(X: object) -> bool:
    """Return True for samples in chunks: an iterator, or a function that returns one.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    is_stream : bool

    """
    return isinstance(X, Iterator) or (
        callable(X) and not any(hasattr(X, name) for name in ("shape", "__len__", "__array__"))
    )


def _chain(head: Chunk, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    yield head
    yield from rest
