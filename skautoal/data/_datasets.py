"""Pools in torch Datasets, read by the data loader of the net."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch.utils.data import Dataset, Subset

from ._base import Chunk, Pool, map_leaves, rechunk


class DatasetPool(Pool):
    """Samples of a torch Dataset.

    Parameters
    ----------
    dataset : Dataset
        Dataset with a length that returns pairs ``(x, y)``.
    load : callable
        Function that takes a Dataset and returns an iterator of chunks, based on the data
        loader of the user's net.

    """

    def __init__(self, dataset: Dataset, load: Callable[[Dataset], Iterator[Chunk]]):
        self.dataset, self.load = dataset, load
        self.n_samples = len(dataset)  # type: ignore[arg-type]  # torch declares no len

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        return rechunk(self._load(self.dataset), n_rows)

    def first_row(self) -> Chunk:
        return self.take(np.arange(1))

    def take(self, indices: Any) -> Chunk:
        subset = Subset(self.dataset, np.asarray(indices).tolist())
        return next(rechunk(self._load(subset), len(subset)))

    def _load(self, dataset: Dataset) -> Iterator[Chunk]:
        # Loaders collate several inputs to a list; in chunks they are tuples.
        return (map_leaves(lambda leaf: leaf, batch) for batch in self.load(dataset))
