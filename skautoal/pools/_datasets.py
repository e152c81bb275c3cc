"""Pools in torch Datasets, read through the net's own loader."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from torch.utils.data import Dataset, Subset

from ._base import Chunk, Pool, rechunk


class DatasetPool(Pool):
    """Samples of a torch Dataset.

    Parameters
    ----------
    dataset : Dataset
        Gives ``(x, y)``; of an IterableDataset the length is not known.
    load : callable
        Dataset in, iterator of chunks out: the loader that the user gave the net.

    """

    def __init__(self, dataset: Dataset, load: Callable[[Dataset], Iterator[Chunk]]):
        self.dataset, self.load = dataset, load
        self.n_samples = len(dataset)  # type: ignore[arg-type]  # torch declares no len

    def chunks(self, n_rows):
        return rechunk(self.load(self.dataset), n_rows)

    def first_row(self):
        return self.take(np.arange(1))

    def take(self, indices):
        subset = Subset(self.dataset, np.asarray(indices).tolist())
        return next(rechunk(self.load(subset), len(subset)))
