"""K-means++ seeding (Arthur & Vassilvitskii 2007) on points or on outer products of factors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ._distances import ShiftedPoints
from ._greedy import next_size

_ROUNDING = 32  # times eps: relative squared distance up to which two rows count as copies


class PointDistances(ShiftedPoints):
    """Squared Euclidean distances between points, and their squared lengths ``norms`` (n,)."""

    def __init__(self, X: Tensor):
        super().__init__(X)
        self.norms = X.square().sum(1)


class FactorDistances:
    """Squared distances between outer products a_i h_i^T, which are never formed.

    They follow from ``||a h^T - a' h'^T||^2 = |a|^2 |h|^2 + |a'|^2 |h'|^2 - 2 <a, a'> <h, h'>``.

    Parameters
    ----------
    A : Tensor of shape (n, C)
        First factors.
    H : Tensor of shape (n, d)
        Second factors.

    """

    def __init__(self, A: Tensor, H: Tensor):
        self.A, self.H = A, H
        self.norms = self.scale = A.square().sum(1) * H.square().sum(1)

    def __len__(self) -> int:
        return len(self.A)

    def to_rows(self, rows: Tensor) -> Tensor:
        """Compute squared distances of ``rows`` (m,) to all, (m, n), in O(m n (C + d)) time."""
        cross = (self.A[rows] @ self.A.T).mul_(self.H[rows] @ self.H.T)
        out = torch.add(self.norms, cross, alpha=-2, out=cross)
        return out.add_(self.norms[rows][:, None]).clamp_min_(0)


def kmeans_plusplus(
    distances: PointDistances | FactorDistances,
    k: int,
    rng: np.random.RandomState,
    weights: Tensor | None = None,
    first: str = "largest",
) -> Tensor:
    """Draw ``k`` distinct rows, each with probability proportional to weight x squared distance.

    The squared distance is that to the nearest row drawn before.

    Parameters
    ----------
    distances : PointDistances or FactorDistances
        Geometry of the n rows. The rows must be in a random order that depends on their
        content, because draws and ties follow it.
    k : int
        Number of picks, at most n.
    rng : RandomState
        Random generator of the draws.
    weights : Tensor of shape (n,), optional
        Non-negative weights of the rows; ones by default.
    first : {"largest", "weighted"}, default="largest"
        First pick: the row of largest norm, as in BADGE, or a draw by weight.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64
        Distinct rows, in the order of the draws.

    Notes
    -----
    A row at distance zero from an earlier pick has probability zero. When only such rows are
    left, they are drawn by weight, and rows of weight zero uniformly after them.

    Several picks are proposed together from the current distances. A later proposal is
    accepted with a probability equal to the share of its distance that remains after the
    accepted ones. This rejection sampling has the same distribution as one draw at a time.
    The number of proposals shrinks when many are rejected. Time O(k n d), in few matrix
    products.
    """
    weights = torch.ones_like(distances.norms) if weights is None else weights
    nearest, mass = torch.full_like(distances.norms, torch.inf), weights
    # Rounding puts copies of a pick at a squared distance of about eps times the squared
    # norms. Set to zero, so that a copy cannot be drawn again while other rows are left.
    rounding = _ROUNDING * torch.finfo(nearest.dtype).eps * distances.scale
    picks: list[int] = []
    size = kept = 1
    while len(picks) < k:
        if first == "largest" and not picks:
            proposals, keep = distances.norms.argmax()[None], np.zeros(1)
        else:
            cumulative = mass.cumsum(0, dtype=torch.float64)
            if cumulative[-1] <= 0:
                break
            size = next_size(size, kept) if picks else 1
            at, keep = rng.random_sample((2, min(size, k - len(picks))))
            proposals = _quantiles(cumulative, torch.as_tensor(at).to(cumulative))
        between = distances.to_rows(proposals)
        between.masked_fill_(between <= rounding + rounding[proposals][:, None], 0)
        taken = _accept(nearest[proposals], between[:, proposals], keep)
        kept = len(taken)
        picks += proposals[taken].tolist()
        torch.minimum(nearest, between[taken].amin(0), out=nearest)
        nearest[proposals[taken]] = 0
        mass = nearest * weights
    picked = torch.as_tensor(picks, dtype=torch.long, device=nearest.device)
    return torch.cat([picked, _race(weights, picked, k - len(picks), rng)])


def _quantiles(cumulative: Tensor, at: Tensor) -> Tensor:
    """Return the rows at quantiles ``at`` (m,) in [0, 1) of a cumulative mass (n,), (m,)."""
    # right=True skips rows of mass zero. The upper bound is needed when rounding makes
    # at * total equal to the total.
    last = torch.searchsorted(cumulative, cumulative[-1:])
    return torch.minimum(torch.searchsorted(cumulative, at * cumulative[-1], right=True), last)


def _accept(offered: Tensor, between: Tensor, keep: np.ndarray) -> list[int]:
    """Return the positions of the proposals that become picks.

    Parameters
    ----------
    offered : Tensor of shape (m,)
        Squared distance of each proposal to the nearest earlier pick.
    between : Tensor of shape (m, m)
        Squared distances between the proposals.
    keep : ndarray of shape (m,)
        Uniform random numbers in [0, 1).

    """
    at, among = offered.cpu().numpy(), between.cpu().numpy()
    left, taken = at.copy(), list[int]()
    for i, share in enumerate(keep):
        # The first proposal is an ordinary single draw and always accepted. Before any pick
        # its distance is infinite, so it must not enter the comparison.
        if not taken or share * at[i] < left[i]:
            taken.append(i)
            np.minimum(left, among[i], out=left)
            left[i] = 0
    return taken


def _race(weights: Tensor, picked: Tensor, k: int, rng: np.random.RandomState) -> Tensor:
    """Draw ``k`` rows other than ``picked`` one after the other by weight, then uniformly."""
    if k == 0:
        return picked[:0]
    # Exponential clocks with the weights as rates ring in the order of weighted draws
    # without replacement.
    u = torch.as_tensor(rng.random_sample(len(weights))).to(weights.device)
    clocks = (-torch.log1p(-u)).clamp_min(1e-300) / weights.double()  # infinite for weight zero
    clocks[picked] = torch.nan  # sorts last
    by_chance = u.argsort()
    return by_chance[clocks[by_chance].argsort(stable=True)][:k]


def draw(gain: Tensor, weights: Tensor, free: Tensor, order: Tensor, u: float) -> Tensor:
    """Draw the row at the ``u``-quantile of ``gain`` among the free rows, along ``order``.

    If no free row has a positive gain, the row is drawn by ``weights``, and uniformly if no
    free row has a positive weight either.

    Parameters
    ----------
    gain, weights : Tensor of shape (n,)
        Non-negative mass of each row.
    free : Tensor of shape (n,), dtype bool
        Rows that may be drawn; at least one.
    order : Tensor of shape (n,), dtype int64
        Random permutation of the rows.
    u : float
        Uniform random number in [0, 1).

    Returns
    -------
    row : Tensor of shape (), dtype int64

    """
    for mass in (gain, weights, torch.ones_like(gain)):
        cumulative = (mass * free)[order].cumsum(0, dtype=torch.float64)
        if cumulative[-1] > 0:
            break
    return order[_quantiles(cumulative, cumulative.new_tensor([u]))[0]]
