"""TypiClust: the most typical sample of each large cluster that holds no label yet."""

from __future__ import annotations

import torch
from torch import Tensor

from ..ops._distances import normalize_rows
from ..ops._kmeans import kmeans
from ..ops._neighbors import typicality_within
from ..ops._ranking import round_robin
from ._base import BatchStrategy
from ._checks import check_integer, labeled_signals

_MIN_CLUSTER = 5  # samples; smaller clusters are left to the end
_MAX_REFERENCES = 5_000  # members of a cluster among which neighbours are looked for


class TypiClust(BatchStrategy):
    """Typical samples of uncovered clusters, for when there are few labels.

    Pool and labelled samples are clustered together, by k-means on embeddings scaled to
    length 1, into l + b clusters. In each lap every cluster gives its most typical sample,
    those with the fewest labelled samples first and the larger before the smaller.
    Typicality is the inverse of the mean distance to the nearest neighbours within the
    cluster.

    Parameters
    ----------
    max_clusters : int, default=500
        There are never more clusters than that.
    n_neighbors : int, default=20
        Neighbours typicality is measured by, or as many as the cluster has.

    Notes
    -----
    Clusters of fewer than 5 samples of the pool come after all others. In clusters of
    more than 5,000 the neighbours are looked for among 5,000 random members. Which
    clusters give how many follows from their sizes: typicality is computed in those alone.
    k-means stops when a step lowers the inertia by less than 0.3 % (the authors take
    mini-batch k-means above 50 clusters). Cost O(n (l + b) d) an iteration of k-means and
    O(sum of squared cluster sizes x d) for typicality; memory O(nd).

    References
    ----------
    Hacohen, Dekel & Weinshall, "Active learning on a budget: opposite strategies suit
    high and low budgets", ICML 2022, arXiv 2202.02794.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import TypiClust
    >>> signals = Signals(embeddings=[[0.9, 0.1], [1.0, 0.0], [0.9, -0.1]])
    >>> TypiClust().select(signals, 1).tolist()
    [1]

    """

    needs = ("embeddings",)
    cost = "O(n (l + b) d) an iteration of k-means"

    def __init__(self, max_clusters: int = 500, n_neighbors: int = 20):
        self.max_clusters = max_clusters
        self.n_neighbors = n_neighbors

    def _pick(self, signals, n_instances, rng):
        check_integer("max_clusters", self.max_clusters, lowest=1)
        check_integer("n_neighbors", self.n_neighbors, lowest=1)
        order = signals.order(rng)
        X, n = normalize_rows(signals.embeddings)[order], signals.n_samples
        labeled = labeled_signals(signals, self.needs, self.name)
        if labeled is not None:
            L = normalize_rows(labeled.embeddings)[labeled.order(rng)]
            X = torch.cat([X, L])
        n_clusters = min(len(X) - n + n_instances, self.max_clusters)
        along = torch.arange(len(X), device=X.device)
        labels = kmeans(X, n_clusters, along, rng, quick=True).labels
        labels, n_labeled = labels[:n], torch.bincount(labels[n:], minlength=n_clusters)
        sizes = torch.bincount(labels, minlength=n_clusters)
        turns = round_robin(labels, sizes - n * n_labeled, along[:n])
        turns = turns[(sizes[labels[turns]] < _MIN_CLUSTER).long().argsort(stable=True)]
        return order[self._most_typical(X[:n], labels, turns[:n_instances])]

    def _most_typical(self, X: Tensor, labels: Tensor, turns: Tensor) -> Tensor:
        """Rows in whose clusters it is someone's turn, exchanged for the most typical ones."""
        typical = typicality_within(
            X, labels, labels[turns].unique(), self.n_neighbors, _MAX_REFERENCES
        )
        by_typicality = typical.argsort(descending=True, stable=True)
        by_typicality = by_typicality[labels[by_typicality].argsort(stable=True)]
        # The first row of a cluster stands for its most typical one, and so on.
        by_row = labels.argsort(stable=True)
        place = torch.empty_like(by_row)
        place[by_row] = torch.arange(len(X), device=X.device)
        return by_typicality[place[turns]]
