"""Core-set selection: greedy k-center on the embeddings."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._greedy import farthest_first
from ..ops._projection import principal_components
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import labeled_signals


class KCenterGreedy(BatchStrategy):
    """Core-set selection (CoreSet): greedy k-center on the embeddings.

    Each pick is the sample farthest from its nearest labelled or picked sample.

    Parameters
    ----------
    n_components : int or None, default=None
        Number of principal components of the pool's embeddings in which distances are
        measured. None uses the embeddings themselves.

    Notes
    -----
    The greedy batch is a 2-approximation: its covering radius is at most twice the smallest
    radius with which b additional centres cover the pool. Cost O((l + b) n d), memory O(nd).

    References
    ----------
    Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985; Sener &
    Savarese, "Active learning for convolutional neural networks: a core-set approach",
    ICLR 2018, arXiv 1708.00489.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import KCenterGreedy
    >>> signals = Signals(embeddings=[[0.0], [1.0], [5.0]],
    ...                   labeled=Signals(embeddings=[[0.0]]))
    >>> KCenterGreedy().select(signals, 2).tolist()
    [2, 1]

    """

    needs = ("embeddings",)
    cost = "O((l + b) n d)"

    def __init__(self, n_components: int | None = None):
        self.n_components = n_components

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        H = signals.embeddings
        labeled = labeled_signals(signals, self.needs, self.name)
        H_labeled = None if labeled is None else labeled.embeddings
        if self.n_components is not None:
            H, H_labeled = principal_components(H, self.n_components, H_labeled)
        return farthest_first(H, n_instances, signals.order(rng), H_labeled)
