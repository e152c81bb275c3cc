"""Nearest neighbours and typicality, computed in blocks so that no n x n matrix is held."""

from __future__ import annotations

import torch
from torch import Tensor

from ._distances import row_blocks, squared_distances

_BATCHED_BELOW = 256  # clusters with fewer members are processed in batches of clusters
_BATCH_ELEMENTS = 2**20  # maximum number of distances in such a batch


def nearest_neighbors(
    A: Tensor, B: Tensor, k: int, *, exclude_self: bool = False
) -> tuple[Tensor, Tensor]:
    """Find the ``k`` rows of B nearest to each row of A.

    Parameters
    ----------
    A : Tensor of shape (n, d)
        Query points.
    B : Tensor of shape (m, d)
        Reference points.
    k : int
        Number of neighbours, at most m, and less than m with ``exclude_self``.
    exclude_self : bool, default=False
        Whether row i of A is row i of B, as far as B goes, and not its own neighbour.

    Returns
    -------
    distances : Tensor of shape (n, k)
        Euclidean distances, nearest first.
    indices : Tensor of shape (n, k), dtype int64
        Rows of B.

    Notes
    -----
    Time O(n m d), memory O(n k) plus one block.
    """
    distances = A.new_empty(len(A), k)
    indices = torch.empty(len(A), k, dtype=torch.long, device=A.device)
    for rows in row_blocks(len(A), len(B)):
        block = squared_distances(A[rows], B)
        if exclude_self:
            own = torch.arange(rows.start, min(rows.stop, len(B)), device=A.device)
            block[own - rows.start, own] = torch.inf
        nearest = block.topk(k, dim=1, largest=False)
        distances[rows], indices[rows] = nearest.values.sqrt(), nearest.indices
    return distances, indices


def typicality(X: Tensor, k: int, max_references: int | None = None) -> Tensor:
    """Compute the inverse of the mean distance to the ``k`` nearest other rows, (n,).

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Points.
    k : int
        Number of neighbours; all other rows if they are fewer.
    max_references : int, optional
        Neighbours are searched among the first ``max_references`` rows; among all by default.

    Returns
    -------
    typicality : Tensor of shape (n,)
        Positive values, in the inverse unit of ``X``; 1 for a single row.

    """
    references = X[:max_references]
    k = min(k, len(references) - 1)
    if k < 1:
        return X.new_ones(len(X))
    distances, _ = nearest_neighbors(X, references, k, exclude_self=True)
    return 1 / distances.mean(dim=1).clamp_min(torch.finfo(X.dtype).tiny)


def typicality_within(
    X: Tensor, labels: Tensor, wanted: Tensor, k: int, max_references: int
) -> Tensor:
    """Compute the :func:`typicality` of the members of some clusters, each within its own.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Points.
    labels : Tensor of shape (n,), dtype int64
        Cluster of each point.
    wanted : Tensor of shape (g,), dtype int64
        Distinct, non-empty clusters.
    k, max_references : int
        See :func:`typicality`.

    Returns
    -------
    typicality : Tensor of shape (n,)
        Minus infinity for members of other clusters.

    """
    out = X.new_full((len(X),), -torch.inf)
    sizes = torch.bincount(labels)
    starts = sizes.cumsum(0) - sizes
    grouped = labels.argsort(stable=True)
    # Largest clusters first, in batches of similar size, so that little padding is needed.
    wanted = wanted[sizes[wanted].argsort()]
    while len(wanted):
        size = int(sizes[wanted[-1]])
        n_clusters = max(1, _BATCH_ELEMENTS // size**2) if size < _BATCHED_BELOW else 1
        batch, wanted = wanted[-n_clusters:], wanted[:-n_clusters]
        if len(batch) == 1:
            members = grouped[starts[batch] : starts[batch] + size]
            out[members] = typicality(X[members], k, max_references)
            continue
        # Smaller clusters are padded with the rows that follow them; ``inside`` masks these.
        slots = torch.arange(size, device=X.device)
        inside = slots < sizes[batch][:, None]
        members = grouped[(starts[batch][:, None] + slots).clamp_max(len(X) - 1)]
        out[members[inside]] = _typicality_of_batch(X[members], inside, k)[inside]
    return out


def _typicality_of_batch(X: Tensor, inside: Tensor, k: int) -> Tensor:
    """Compute the typicality of points (g, s, d) within their group, where ``inside`` (g, s)."""
    k = min(k, X.shape[1] - 1)
    if k < 1:
        return X.new_ones(inside.shape)
    lengths = X.square().sum(2)
    squares = torch.baddbmm(lengths[:, None], X, X.mT, alpha=-2).add_(lengths[:, :, None])
    squares.masked_fill_(~inside[:, None], torch.inf)
    squares.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    distances = squares.topk(k, dim=2, largest=False, sorted=False).values.clamp_min_(0).sqrt_()
    n_neighbors = (inside.sum(1, keepdim=True) - 1).clamp(1, k)
    mean = distances.masked_fill_(distances == torch.inf, 0).sum(2) / n_neighbors
    typical = 1 / mean.clamp_min(torch.finfo(X.dtype).tiny)
    return typical.masked_fill_(inside.sum(1, keepdim=True) == 1, 1)
