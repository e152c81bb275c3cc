"""Pools in torch Datasets, read through the net's own loader."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from torch.utils.data import Dataset, Subset

from ._base import Chunk, Pool, rechunk


class DatasetPool(Pool):
    """Pool in a torch Dataset.

    Parameters
    ----------
    dataset : Dataset
        Yields ``(x, y)``.
    load : callable
        Turns a dataset into an iterator of chunks, with the loader of the net.

    """

    def __init__(self, dataset: Dataset, load: Callable[[Dataset], Iterator[Chunk]]) -> None:
        self.dataset, self.load = dataset, load
        self.n_samples = len(dataset)  # type: ignore[arg-type]  # torch declares no len

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        return rechunk(self.load(self.dataset), n_rows)

    def first_row(self) -> Chunk:
        return self.take(np.arange(1))

    def take(self, indices: np.ndarray) -> Chunk:
        subset = Subset(self.dataset, np.asarray(indices).tolist())
        return next(rechunk(self.load(subset), len(subset)))
