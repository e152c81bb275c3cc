"""K-means clustering that does not depend on the order of the rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import hash_rows
from ._distances import row_blocks
from ._kmeanspp import PointDistances, kmeans_plusplus

_SEED_ROWS, _SEED_ROWS_PER_CLUSTER = 2_000, 10  # sizes of the random subset for the seeding
_COPIES = 64  # times eps: relative distance up to which two rows count as copies
_MAX_STEPS = 100
_TOLERANCE = 1e-3  # relative decrease of the inertia at which the iteration stops
_QUICK_TOLERANCE = 3e-3
_ROUNDING = 1e-5  # times the largest offset: offsets closer than this count as equal
_SMALLEST_WEIGHT = 1e-6  # times the largest weight: rows of weight 0 still need a cluster


class Clusters(NamedTuple):
    """Partition of n points: ``labels`` (n,), ``centers`` (k, d) and squared ``offsets`` (n,).

    The offset of a point is its squared distance to the centre of its cluster.
    """

    labels: Tensor
    centers: Tensor
    offsets: Tensor


def kmeans(
    X: Tensor,
    n_clusters: int,
    order: Tensor,
    rng: np.random.RandomState,
    weights: Tensor | None = None,
    quick: bool = False,
) -> Clusters:
    """Cluster points by Lloyd's algorithm, seeded with greedy k-means++.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Points.
    n_clusters : int
        Number of clusters. Fewer are made if there are fewer distinct points.
    order : Tensor of shape (n,), dtype int64
        Random permutation of the rows, along which the seeding draws.
    rng : RandomState
        Random generator of the seeding.
    weights : Tensor of shape (n,), optional
        Non-negative weights of the points; ones by default.
    quick : bool, default=False
        Use plain k-means++ and fewer iterations, which takes half the time. Suitable for
        partitions finer than any structure in the data, where a missed cluster is harmless.

    Returns
    -------
    clusters : Clusters
        Labels, centres and squared offsets. A centre that loses all its points stays where
        it is.

    Notes
    -----
    The iteration stops when a step lowers the inertia by less than 0.1 % (``quick``: 0.3 %).
    This is mostly within a few tenths of a percent of the local optimum, which is less than
    the difference between two seedings. The seeds are drawn from 2,000 random points or ten
    for each cluster, whichever is more, and from all points if there are weights. Each
    iteration takes O(n k d) time.
    """
    points = X[order].cpu()
    given = None if weights is None else _positive(weights[order]).to(points)
    # Centre the points: far from the origin, rounding would hide their differences.
    middle = points.mean(0)
    points -= middle
    centers = _seeds(points, min(n_clusters, len(points)), rng, given, quick)
    along, centers = _lloyd(points, centers, given, _QUICK_TOLERANCE if quick else _TOLERANCE)
    squares = points.new_empty(len(points))
    for rows in row_blocks(len(points), points.shape[1]):
        squares[rows] = (points[rows] - centers[along[rows]]).square().sum(1)
    labels, offsets = torch.empty_like(order), X.new_empty(len(X))
    labels[order], offsets[order] = along.to(X.device), squares.to(X.device)
    return Clusters(labels, (centers + middle).to(X.device), offsets)


def _seeds(
    X: Tensor, k: int, rng: np.random.RandomState, weights: Tensor | None, quick: bool
) -> Tensor:
    """Draw at most ``k`` distinct points as initial centres, (k, d)."""
    # A random subset gives seeds as good as the full set. With weights it may miss the few
    # heavy rows, so all points are used then.
    n_few = len(X) if weights is not None else max(_SEED_ROWS, _SEED_ROWS_PER_CLUSTER * k)
    for n_rows in (n_few, len(X)):
        rows = X[:n_rows]
        if quick and k <= len(rows):
            seeds = rows[kmeans_plusplus(PointDistances(rows), k, rng, weights, "weighted")]
            hashes = hash_rows(seeds.numpy() + 0.0)  # adding 0.0 turns -0.0 into 0.0
            seeds = seeds[np.sort(np.unique(hashes, return_index=True)[1])]
        else:
            seeds = rows[_greedy_seeding(rows, k, rng, weights)]
        if len(seeds) == k or n_rows >= len(X):
            break
    return seeds


def _greedy_seeding(
    points: Tensor, k: int, rng: np.random.RandomState, weights_of: Tensor | None
) -> list[int]:
    """Draw seeds by greedy k-means++: of several draws, keep the one of least inertia.

    It runs in NumPy, which has less overhead than torch in many small steps. It returns fewer
    than ``k`` rows if fewer are distinct.
    """
    X = points.numpy()
    weights = None if weights_of is None else weights_of.numpy()
    lengths = np.einsum("nd,nd->n", X, X)
    rounding = _COPIES * np.finfo(X.dtype).eps * lengths
    mass, nearest = np.ones_like(lengths) if weights is None else weights, None
    picks: list[int] = []
    n_trials = 2 + int(np.log(k))  # as Arthur & Vassilvitskii suggest
    for draws in rng.random_sample((k, n_trials)):
        cumulative = np.cumsum(mass, dtype=np.float64)
        if not cumulative[-1] > 0:
            break
        rows = np.searchsorted(cumulative, draws * cumulative[-1], side="right")
        rows = np.minimum(rows, np.searchsorted(cumulative, cumulative[-1]))
        left = X[rows] @ X.T
        left *= -2
        left += lengths
        left += lengths[rows][:, None]
        left[left <= rounding] = 0  # copies of a row must not be drawn as new points
        if nearest is not None:
            np.minimum(left, nearest, out=left)
        left[np.arange(n_trials), rows] = 0
        inertia = left.sum(axis=1) if weights is None else left @ weights
        best = inertia.argmin()
        picks.append(int(rows[best]))
        nearest = left[best]
        mass = nearest if weights is None else nearest * weights
    return picks


def _lloyd(
    X: Tensor, centers: Tensor, weights: Tensor | None, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Iterate until the inertia stops falling; return labels (n,) and centres (k, d)."""
    lengths = X.square().sum(1)
    inertia = torch.inf
    for _ in range(_MAX_STEPS):
        labels, squares = _nearest_center(X, centers)
        squares += lengths
        now = float(squares.sum() if weights is None else squares @ weights)
        if inertia - now <= tolerance * now:
            break
        inertia = now
        mass = torch.bincount(labels, weights, minlength=len(centers)).to(X.dtype)
        weighted = X if weights is None else X * weights[:, None]
        sums = torch.zeros_like(centers)
        sums.scatter_add_(0, labels[:, None].expand_as(X), weighted)
        centers = torch.where(mass[:, None] > 0, sums / mass[:, None], centers)
    return labels, centers


def _nearest_center(X: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nearest centre of each point and its squared distance minus |x|^2, (n,) each."""
    labels = torch.empty(len(X), dtype=torch.long)
    squares = X.new_empty(len(X))
    lengths = centers.square().sum(1)
    for rows in row_blocks(len(X), len(centers)):
        products = torch.addmm(lengths, X[rows], centers.T, alpha=-2)
        # NumPy's argmin along the rows is several times faster than torch's.
        labels[rows] = torch.as_tensor(products.numpy().argmin(axis=1))
        squares[rows] = products.gather(1, labels[rows][:, None])[:, 0]
    return labels, squares


def nearest_to_centers(
    X: Tensor,
    k: int,
    order: Tensor,
    rng: np.random.RandomState,
    weights: Tensor | None = None,
) -> Tensor:
    """Select the point nearest to the centre of each of ``k`` clusters, heaviest cluster first.

    If there are fewer than ``k`` clusters, as with repeated points, the points farthest from
    the centres of their clusters fill the rest.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Points.
    k : int
        Number of picks, at most n.
    order, rng, weights
        See :func:`kmeans`.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64
        Distinct rows.

    """
    clusters = kmeans(X, k, order, rng, weights)
    labels, offsets = clusters.labels[order], clusters.offsets[order]
    # The two points of a cluster of size two are equally far from its centre, except for
    # rounding, which depends on their positions. Rounded to a grain, the offsets are equal
    # and the random order breaks the tie.
    grain = _ROUNDING * offsets.max().clamp_min(torch.finfo(offsets.dtype).tiny)
    by_offset = (offsets / grain).round().argsort(stable=True)
    by_cluster = by_offset[labels[by_offset].argsort(stable=True)]
    first = torch.ones_like(labels, dtype=torch.bool)
    first[1:] = labels[by_cluster].diff() > 0
    nearest = by_cluster[first]
    mass = torch.bincount(labels, None if weights is None else weights[order])
    nearest = nearest[mass[labels[nearest]].argsort(descending=True, stable=True)]
    left = torch.ones_like(first)
    left[nearest] = False
    farthest = offsets.argsort(descending=True, stable=True)
    return order[torch.cat([nearest, farthest[left[farthest]]])[:k]]


def _positive(weights: Tensor) -> Tensor:
    """Scale weights to a maximum of 1 and raise small ones to a positive minimum."""
    largest = weights.max()
    if largest <= 0:
        return torch.ones_like(weights)
    return (weights / largest).clamp_min(_SMALLEST_WEIGHT)
