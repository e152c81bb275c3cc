"""K-means on the embeddings: the sample nearest to the centre of each cluster."""

from __future__ import annotations

from ..ops._kmeans import nearest_to_centers
from ._base import BatchStrategy


class KMeans(BatchStrategy):
    """One sample of each of b clusters, largest cluster first.

    The embeddings are clustered by Lloyd's algorithm from a greedy k-means++ seeding; of
    each cluster the sample nearest to its centre is picked. Clusters that end up empty, as
    with repeated points, are made up for by samples farthest from the centre of theirs.
    Cost O(nbd) an iteration.

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
    cost = "O(nbd) an iteration"

    def _pick(self, signals, n_instances, rng):
        return nearest_to_centers(signals.embeddings, n_instances, signals.order(rng), rng)
