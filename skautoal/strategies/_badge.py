"""BADGE: diverse gradients, by k-means++ on gradient embeddings kept in factors."""

from __future__ import annotations

from ..ops._kmeanspp import FactorDistances, kmeans_plusplus
from ._base import BatchStrategy


class BADGE(BatchStrategy):
    """k-means++ on the gradients g = (p - onehot(argmax p)) h^T of the last layer.

    Large gradients mean uncertainty, spread gradients diversity. The gradients stay in
    factors, ``||g - g'||^2 = |a|^2 |h|^2 + |a'|^2 |h'|^2 - 2 <a, a'> <h, h'>``, so a pick
    costs O(n(C + d)) and nothing of size n C d exists. The first pick is the largest
    gradient, as in the authors' code.

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

    def _pick(self, signals, n_instances, rng):
        order = signals.order(rng)
        factors = (part.index_select(0, order) for part in signals.gradient_factors)
        return order[kmeans_plusplus(FactorDistances(*factors), n_instances, rng)]
