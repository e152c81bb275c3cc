"""K-means sampling: the sample nearest to the centre of each cluster."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._kmeans import nearest_to_centers
from ..signals import Signals
from ._base import BatchStrategy


class KMeans(BatchStrategy):
    """K-means sampling: the sample nearest to the centre of each of b clusters.

    The embeddings are clustered by Lloyd's algorithm with greedy k-means++ seeding. Samples of
    large clusters come first. If there are fewer than b clusters, as with repeated samples,
    the samples farthest from the centres of their clusters fill the batch. Each iteration
    costs O(nbd).

    References
    ----------
    Nguyen & Smeulders, "Active learning using pre-clustering", ICML 2004; as a
    candidate of AutoAL, Wang et al., ICML 2025, arXiv 2410.13853.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import KMeans
    >>> signals = Signals(embeddings=[[0.0], [0.1], [0.2], [9.0]])
    >>> KMeans().select(signals, 2, random_state=0).tolist()
    [1, 3]

    """

    needs = ("embeddings",)
    cost = "O(nbd) per iteration"

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        return nearest_to_centers(signals.embeddings, n_instances, signals.order(rng), rng)
