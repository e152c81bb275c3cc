"""Cluster-Margin: uncertain samples, taken in turn from clusters of the embeddings."""

from __future__ import annotations

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor

from ..ops._distances import squared_distances
from ..ops._neighbors import nearest_neighbors
from ..ops._ranking import round_robin, top_k
from ..ops._uncertainty import margin
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_integer

_MAX_CLUSTERED = 5_000  # maximum rows of the linkage, which stores all pairwise distances


class ClusterMargin(BatchStrategy):
    """Cluster-Margin: samples of smallest margin, taken in turn from small to large clusters.

    The pool is clustered by average linkage on the embeddings. The candidates are the
    ``candidates_per_instance`` x b samples of smallest margin. Clusters take turns, those with
    the fewest candidates first, and give one random candidate in each turn. Rare kinds of
    uncertain samples are therefore not crowded out by frequent ones.

    Parameters
    ----------
    candidates_per_instance : int, default=10
        Number of candidates for each sample of the batch.
    cluster_size : int, default=10
        Mean size of a cluster: there are n / ``cluster_size`` clusters.

    Notes
    -----
    The authors cut the tree at a distance and cluster once for all rounds. No distance suits
    the scale of all nets, and embeddings change with the net. Here the number of clusters is
    given, and every query clusters anew. In pools of more than 5,000 samples, 5,000 random ones
    are clustered, and a candidate belongs to the cluster of its nearest clustered sample. Cost
    O(m^2 d) with m = min(n, 5000), plus O(c m d) for c candidates; memory O(m^2).

    References
    ----------
    Citovsky, DeSalvo, Gentile, Karydas, Rajagopalan, Rostamizadeh & Kumar, "Batch active
    learning at scale", NeurIPS 2021, arXiv 2107.14263.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import ClusterMargin
    >>> signals = Signals(embeddings=[[0.0], [0.1], [0.2], [9.0]],
    ...                   probabilities=[[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.6, 0.4]])
    >>> ClusterMargin(cluster_size=2).select(signals, 2, random_state=0)[:1].tolist()
    [3]

    """

    needs = ("probabilities", "embeddings")
    cost = "O(m^2 d) + O(b m d), m = min(n, 5000)"

    def __init__(self, candidates_per_instance: int = 10, cluster_size: int = 10):
        self.candidates_per_instance = candidates_per_instance
        self.cluster_size = cluster_size

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_integer("candidates_per_instance", self.candidates_per_instance, lowest=1)
        check_integer("cluster_size", self.cluster_size, lowest=1)
        order = signals.order(rng)
        H = signals.embeddings[order]
        n_candidates = min(self.candidates_per_instance * n_instances, len(H))
        along = torch.arange(len(H), device=H.device)
        sure = margin(signals.probabilities)[order]
        candidates = top_k(-sure, n_candidates, along).sort().values  # in random order again
        labels = _average_linkage(H[:_MAX_CLUSTERED], self.cluster_size)
        if len(H) <= _MAX_CLUSTERED:
            groups = labels[candidates]
        else:
            _, nearest = nearest_neighbors(H[candidates], H[:_MAX_CLUSTERED], 1)
            groups = labels[nearest[:, 0]]
        sizes = torch.bincount(groups, minlength=int(labels.max()) + 1)
        return order[candidates[round_robin(groups, -sizes, along[:n_candidates])[:n_instances]]]


def _average_linkage(X: Tensor, cluster_size: int) -> Tensor:
    """Cluster rows by average linkage; return a label 0..G-1 for each, (m,)."""
    if len(X) == 1:
        return torch.zeros(1, dtype=torch.long, device=X.device)
    distances = squared_distances(X, X).sqrt_().cpu().numpy()
    tree = linkage(squareform(distances, checks=False), "average")
    labels = fcluster(tree, -(-len(X) // cluster_size), "maxclust")
    return torch.as_tensor(labels.astype(np.int64) - 1, device=X.device)
