"""k-means++ seeding (Arthur & Vassilvitskii 2007) on points or on outer products of factors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ._distances import ShiftedPoints
from ._greedy import next_size

_ROUNDING = 32  # times eps: what rounding leaves between copies


class PointDistances(ShiftedPoints):
    """Squared Euclidean distances among points."""

    def __init__(self, X: Tensor):
        super().__init__(X)
        self.norms = X.square().sum(1)


class FactorDistances:
    """Squared distances among the outer products a_i h_i^T, never formed.

    By ``||a h^T - a' h'^T||^2 = |a|^2 |h|^2 + |a'|^2 |h'|^2 - 2 <a, a'> <h, h'>``.
    """

    def __init__(self, A: Tensor, H: Tensor):
        self.A, self.H = A, H
        self.norms = self.scale = A.square().sum(1) * H.square().sum(1)

    def __len__(self) -> int:
        return len(self.A)

    def to_rows(self, rows: Tensor) -> Tensor:
        """Squared distances of ``rows`` (m,) to all, (m, n), in O(m n (C + d))."""
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
    """Positions of ``k`` distinct rows drawn with probability weight x squared distance.

    Parameters
    ----------
    distances : PointDistances or FactorDistances
        Geometry of the n rows. They are in a random order that follows them: draws and
        ties go along it.
    k : int
        Number of picks, at most n.
    rng : RandomState
        Source of the draws.
    weights : Tensor of shape (n,), optional
        Non-negative weights of the rows; ones by default.
    first : {"largest", "weighted"}
        The first pick: the row of largest norm, as BADGE does, or a draw by weight.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64

    Notes
    -----
    Rows at distance zero from what is picked already have probability zero; when only
    such rows are left they are drawn by weight, uniformly after that.

    Several picks are proposed at a time from the distances as they are. A later one is
    kept with the share that the earlier ones have left of its distance, which makes the
    picks exactly those of one draw at a time (rejection sampling); the more are rejected,
    the fewer are proposed. Time O(k n d), in few products of matrices.
    """
    weights = torch.ones_like(distances.norms) if weights is None else weights
    nearest, mass = torch.full_like(distances.norms, torch.inf), weights
    # Rounding leaves copies of a pick at distances of about eps times the squared
    # norms; with probability above zero they would be picked again as strangers.
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
    """Rows at the quantiles ``at`` (m,) in [0, 1) of a cumulative mass (n,), (m,)."""
    # side="right" skips rows of mass zero; the last is for at * total rounding up.
    last = torch.searchsorted(cumulative, cumulative[-1:])
    return torch.minimum(torch.searchsorted(cumulative, at * cumulative[-1], right=True), last)


def _accept(offered: Tensor, between: Tensor, keep: np.ndarray) -> list[int]:
    """Which of the proposals become picks.

    Takes their distances to the earlier picks (m,) and among each other (m, m), and
    uniform numbers (m,).
    """
    at, among = offered.cpu().numpy(), between.cpu().numpy()
    left, taken = at.copy(), list[int]()
    for i, share in enumerate(keep):
        # The first is as good as drawn alone, and may be offered an infinite distance.
        if not taken or share * at[i] < left[i]:
            taken.append(i)
            np.minimum(left, among[i], out=left)
            left[i] = 0
    return taken


def _race(weights: Tensor, picked: Tensor, k: int, rng: np.random.RandomState) -> Tensor:
    """``k`` rows besides ``picked`` drawn one after the other by weight, then uniformly."""
    if k == 0:
        return picked[:0]
    # The order of arrival of exponential clocks is that of draws without replacement.
    u = torch.as_tensor(rng.random_sample(len(weights))).to(weights.device)
    clocks = (-torch.log1p(-u)).clamp_min(1e-300) / weights.double()  # infinite for weight zero
    clocks[picked] = torch.nan  # sorts last
    by_chance = u.argsort()
    return by_chance[clocks[by_chance].argsort(stable=True)][:k]


def draw(gain: Tensor, weights: Tensor, free: Tensor, order: Tensor, u: float) -> Tensor:
    """Row at the ``u``-quantile of ``gain`` among free rows, along ``order``."""
    for mass in (gain, weights, torch.ones_like(gain)):
        cumulative = (mass * free)[order].cumsum(0, dtype=torch.float64)
        if cumulative[-1] > 0:
            break
    return order[_quantiles(cumulative, cumulative.new_tensor([u]))[0]]
