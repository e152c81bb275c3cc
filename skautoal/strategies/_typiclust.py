"""TypiClust: the most typical sample of each large cluster without labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._distances import normalize_rows
from ..ops._kmeans import kmeans
from ..ops._neighbors import typicality_within
from ..ops._ranking import round_robin
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_integer, labeled_signals

_MIN_CLUSTER = 5  # clusters with fewer samples come last, as in the authors' code
_MAX_REFERENCES = 5_000  # members of a cluster among which neighbours are searched


class TypiClust(BatchStrategy):
    """TypiClust: the most typical samples of clusters with few labels, for low budgets.

    Pool and labelled samples are clustered together into l + b clusters, by k-means on
    embeddings scaled to length 1. Clusters take turns: those with the fewest labelled samples
    come first and, among these, the larger ones. Each gives its most typical remaining sample.
    The typicality is the inverse of the mean distance to the nearest neighbours within the
    cluster.

    Parameters
    ----------
    max_clusters : int, default=500
        Maximum number of clusters.
    n_neighbors : int, default=20
        Number of neighbours for the typicality; the whole cluster if it is smaller.

    Notes
    -----
    Clusters with fewer than 5 pool samples come after all others. In clusters of more than
    5,000 samples, neighbours are searched among 5,000 random members. The number of picks from
    each cluster follows from the cluster sizes, so typicality is computed only in clusters that
    are picked from. K-means stops when a step lowers the inertia by less than 0.3 %; the
    authors use mini-batch k-means for more than 50 clusters. Cost O(n (l + b) d) for each
    iteration of k-means and O(sum of squared cluster sizes x d) for the typicality; memory
    O(nd).

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
    cost = "O(n (l + b) d) per iteration of k-means"

    def __init__(self, max_clusters: int = 500, n_neighbors: int = 20):
        self.max_clusters = max_clusters
        self.n_neighbors = n_neighbors

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
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
        # Priority of a cluster: fewest labels first, then size (sizes are at most n).
        turns = round_robin(labels, sizes - n * n_labeled, along[:n])
        turns = turns[(sizes[labels[turns]] < _MIN_CLUSTER).long().argsort(stable=True)]
        return order[self._most_typical(X[:n], labels, turns[:n_instances])]

    def _most_typical(self, X: Tensor, labels: Tensor, turns: Tensor) -> Tensor:
        """Replace the rows in ``turns`` by the most typical rows of their clusters.

        ``turns`` names the clusters, by any of their rows, in the order of the picks.
        """
        typical = typicality_within(
            X, labels, labels[turns].unique(), self.n_neighbors, _MAX_REFERENCES
        )
        by_typicality = typical.argsort(descending=True, stable=True)
        by_typicality = by_typicality[labels[by_typicality].argsort(stable=True)]
        # The i-th row of a cluster is replaced by its i-th most typical row. Both lists are
        # sorted by cluster, so a row and its replacement have the same place in them.
        by_row = labels.argsort(stable=True)
        place = torch.empty_like(by_row)
        place[by_row] = torch.arange(len(X), device=X.device)
        return by_typicality[place[turns]]
