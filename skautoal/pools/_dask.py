"""Pools in dask arrays: read block by block here, or block by block by dask's workers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np

from ._base import Pool, rechunk
from ._checks import ChunkCheck


def is_dask_array(X) -> bool:
    """Whether this is a dask array; dask itself is not imported for it.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    yes : bool

    """
    return hasattr(X, "__dask_graph__") and hasattr(X, "blocks") and hasattr(X, "dtype")


class DaskPool(Pool):
    """Samples in a dask array.

    Parameters
    ----------
    array : dask.array.Array of shape (n, ...)
        Its blocks along the first axis are computed one at a time or, where the program
        is connected to a ``distributed`` cluster, by the workers.
    check : ChunkCheck
        Checks and converts what is computed.

    """

    def __init__(self, array, check: ChunkCheck):
        if any(np.isnan(size) for size in array.chunks[0]):
            raise ValueError(
                f"'{check.name}' is a dask array whose length is not known yet. Call its"
                " compute_chunk_sizes() first."
            )
        # A row is not spread over several blocks.
        self.array = array.rechunk(dict.fromkeys(range(1, array.ndim), -1))
        self.check = check
        self.n_samples = int(array.shape[0])
        self.head = np.asarray(self.array[:1])

    def chunks(self, n_rows):
        return rechunk(self._blocks(), n_rows)

    def _blocks(self) -> Iterator[np.ndarray]:
        start = 0
        for position, size in enumerate(self.array.chunks[0]):
            if size:
                yield self.check(self.array.blocks[position].compute(), start)
            start += size

    def first_row(self):
        return self.check(self.head, 0)

    def take(self, indices):
        indices = np.asarray(indices)
        ascending, inverse = np.unique(indices, return_inverse=True)
        return self.check(self.array[ascending].compute(), 0)[inverse]

    @property
    def client(self):
        """The client of a cluster that this program is connected to, or None."""
        if "distributed" not in sys.modules:
            return None
        try:
            return sys.modules["distributed"].get_client()
        except ValueError:
            return None

    def map_blocks(self, function: Callable, shared, n_rows: int) -> Iterator:
        """``function(shared, rows, start)`` of each block, computed by the workers, in order.

        Parameters
        ----------
        function : callable
            Takes what is shared, the checked rows of a block, and where they start.
        shared : object
            Sent to every worker once.
        n_rows : int
            Blocks are cut to multiples of so many rows: what is computed of them in chunks
            of that size rounds as it does when one machine reads all.

        Yields
        ------
        result : object
            What the function returns, block by block.

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
        # Those of a worker that dies are computed again by another.
        futures = self.client.compute(tasks)
        while futures:
            yield futures.pop(0).result()


def _checked_call(function: Callable, shared, check: ChunkCheck, block, start: int):
    return function(shared, check(block, start), start)
