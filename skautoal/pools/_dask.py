"""Pools in dask arrays, read block by block in this process or by dask's workers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ._base import Chunk, Pool, rechunk
from ._checks import ChunkCheck


def is_dask_array(X: object) -> bool:
    """Return True for a dask array; dask itself is not imported.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    is_dask_array : bool

    """
    return hasattr(X, "__dask_graph__") and hasattr(X, "blocks") and hasattr(X, "dtype")


class DaskPool(Pool):
    """Pool in a dask array.

    Parameters
    ----------
    array : dask.array.Array of shape (n, ...)
        Blocks along the first axis are computed one at a time, or by the workers of a
        ``distributed`` cluster if the program is connected to one.
    check : ChunkCheck
        Checks and converts each block.

    """

    def __init__(self, array: Any, check: ChunkCheck) -> None:
        if any(np.isnan(size) for size in array.chunks[0]):
            raise ValueError(
                f"'{check.name}' is a dask array whose length is not known yet. Call its"
                " compute_chunk_sizes() first."
            )
        # A row must not be spread over several blocks.
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

    def take(self, indices: np.ndarray) -> Chunk:
        indices = np.asarray(indices)
        ascending, inverse = np.unique(indices, return_inverse=True)
        return self.check(self.array[ascending].compute(), 0)[inverse]

    @property
    def client(self) -> Any:
        """Client of the cluster that this program is connected to, or None."""
        if "distributed" not in sys.modules:
            return None
        try:
            return sys.modules["distributed"].get_client()
        except ValueError:
            return None

    def map_blocks(
        self, function: Callable[[Any, Chunk, int], Any], shared: object, n_rows: int
    ) -> Iterator[Any]:
        """Call ``function(shared, rows, start)`` for each block on the workers, in order.

        Parameters
        ----------
        function : callable
            Takes ``shared``, the checked rows of a block, and the position of the first.
        shared : object
            Sent to every worker once.
        n_rows : int
            Blocks hold a multiple of this many rows, so that results computed in chunks of
            this size are rounded as on a single machine.

        Yields
        ------
        result : object
            Return value of the function for one block.

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
        # If a worker dies, the cluster computes its blocks again on another one.
        futures = self.client.compute(tasks)
        while futures:
            yield futures.pop(0).result()


def _checked_call(
    function: Callable[[Any, Chunk, int], Any],
    shared: object,
    check: ChunkCheck,
    block: np.ndarray,
    start: int,
) -> Any:
    return function(shared, check(block, start), start)
