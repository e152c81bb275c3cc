"""Pools in dask arrays, whose blocks are computed one by one or by the workers of a cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ._base import Chunk, Pool, rechunk
from ._checks import ChunkCheck


def is_dask_array(X: Any) -> bool:
    """Return True for dask arrays, without importing dask.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    is_dask : bool

    """
    return hasattr(X, "__dask_graph__") and hasattr(X, "blocks") and hasattr(X, "dtype")


class DaskPool(Pool):
    """Samples in a dask array.

    Parameters
    ----------
    array : dask.array.Array of shape (n, ...)
        Array whose blocks along the first axis are computed one at a time, or by the
        workers if the program is connected to a ``distributed`` cluster.
    check : ChunkCheck
        Function that checks and converts each block.

    """

    def __init__(self, array: Any, check: ChunkCheck) -> None:
        if any(np.isnan(size) for size in array.chunks[0]):
            raise ValueError(
                f"'{check.name}' is a dask array of unknown length. Call its method"
                " compute_chunk_sizes() first."
            )
        # Checks and forward passes need whole rows, so each row must be in one block.
        self.array = array.rechunk(dict.fromkeys(range(1, array.ndim), -1))
        self.check = check
        self.n_samples = int(array.shape[0])
        self.head = np.asarray(self.array[:1])

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        return rechunk(self._blocks(), n_rows)

    def _blocks(self) -> Iterator[np.ndarray]:
        start = 0
        for position, size in enumerate(self.array.chunks[0]):
            if size:
                yield self.check(self.array.blocks[position].compute(), start)
            start += size

    def first_row(self) -> Chunk:
        return self.check(self.head, 0)

    def take(self, indices: Any) -> Chunk:
        indices = np.asarray(indices)
        ascending, inverse = np.unique(indices, return_inverse=True)
        return self.check(self.array[ascending].compute(), 0)[inverse]

    @property
    def client(self) -> Any:
        """Client of the cluster that this program is connected to, or None."""
        # Without an import of distributed there is no client, and importing it is slow.
        if "distributed" not in sys.modules:
            return None
        try:
            return sys.modules["distributed"].get_client()
        except ValueError:
            return None

    def map_blocks(self, function: Callable, shared: Any, n_rows: int) -> Iterator:
        """Apply a function to each block on the workers, and yield the results in order.

        Parameters
        ----------
        function : callable
            Function ``function(shared, rows, start)`` of the shared object, the checked rows
            of a block and the position of its first row.
        shared : object
            Object that is sent to every worker once, such as the net.
        n_rows : int
            Rows of a chunk. The blocks get a multiple of this size. The function can then
            use the same chunks as a single machine would, which gives identical rounding.

        Yields
        ------
        result : object
            Result of the function for each block.

        """
        import dask

        largest = max(self.array.chunks[0])
        array = self.array.rechunk({0: n_rows * max(1, round(largest / n_rows))})
        everywhere = self.client.scatter(shared, broadcast=True, hash=False)
        work = dask.delayed(_checked_call, pure=False)
        starts = np.cumsum([0, *array.chunks[0]])[:-1].tolist()
        blocks = array.to_delayed().ravel().tolist()
        tasks = [
            work(function, everywhere, self.check, block, start)
            for block, start in zip(blocks, starts, strict=True)
        ]
        # The scheduler computes the tasks of a lost worker again on another one. A future
        # that is popped is released, so that its result is freed on the cluster.
        futures = self.client.compute(tasks)
        while futures:
            yield futures.pop(0).result()


def _checked_call(
    function: Callable, shared: Any, check: ChunkCheck, block: Any, start: int
) -> Any:
    return function(shared, check(block, start), start)
