"""BADGE: k-means++ on gradient embeddings, which are kept as factors."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._kmeanspp import FactorDistances, kmeans_plusplus
from ..signals import Signals
from ._base import BatchStrategy


class BADGE(BatchStrategy):
    """BADGE: k-means++ on the gradient embeddings of the last layer.

    The gradient embedding of a sample is g = (p - onehot(argmax p)) h^T. A large gradient
    means uncertainty; distances between gradients make the batch diverse. The first pick is
    the largest gradient, as in the authors' code.

    Notes
    -----
    The gradients are kept as factors a and h, with
    ``||g - g'||^2 = |a|^2 |h|^2 + |a'|^2 |h'|^2 - 2 <a, a'> <h, h'>``. A pick costs O(n (C + d))
    time, and no array of size n C d is formed.

    References
    ----------
    Ash, Zhang, Krishnamurthy, Langford & Agarwal, "Deep batch active learning by
    diverse, uncertain gradient lower bounds", ICLR 2020, arXiv 1906.03671.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import BADGE
    >>> signals = Signals(probabilities=[[1.0, 0.0], [0.5, 0.5], [0.6, 0.4]],
    ...                   embeddings=[[1.0], [1.0], [1.0]])
    >>> BADGE().select(signals, 1).tolist()
    [1]

    """

    needs = ("gradient_factors",)
    cost = "O(b n (C + d))"

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        order = signals.order(rng)
        factors = (part.index_select(0, order) for part in signals.gradient_factors)
        return order[kmeans_plusplus(FactorDistances(*factors), n_instances, rng)]
