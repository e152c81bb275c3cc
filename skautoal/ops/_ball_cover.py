"""Greedy cover with balls of one radius, and the largest radius at which balls stay pure."""

from __future__ import annotations

import torch
from torch import Tensor

from ._distances import row_blocks

_STORED_BELOW = 10_000
_ROWS = 255  # of the graph at a time: their sums fit a byte


def greedy_ball_cover(X: Tensor, covered: Tensor, radius: float, k: int) -> Tensor:
    """Centres of open balls, each covering most of what is left.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Points to cover and to pick from; of those that cover equally much the first is
        picked, and the first ones when there is nothing left to cover.
    covered : Tensor of shape (n,), dtype bool
        Those that are covered already.
    radius : float
        Radius of the balls.
    k : int
        Number of picks, at most n.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64

    Notes
    -----
    A point's count of uncovered neighbours is lowered when they get covered, which
    happens to each of them once: all steps together take O(n^2 d) time, however dense the
    graph of who covers whom is. Up to 10,000 points it is kept, a byte for each pair; above,
    its rows are computed again, in O(n) memory beyond a block.
    """
    covered = covered.clone()
    graph = _Graph(X, radius)
    counts = graph.count(~covered)
    picks = torch.empty(k, dtype=torch.long, device=X.device)
    for step in range(k):
        pick = counts.argmax()
        picks[step] = pick
        counts[pick] = -len(X) - 1  # below what is left of any other
        inside = graph.rows(pick[None])[0]
        newly = inside & ~covered
        covered |= inside
        counts -= graph.count(newly)
    return picks


class _Graph:
    """Who is nearer than a radius to whom."""

    def __init__(self, X: Tensor, radius: float):
        self.X, self.lengths = X, X.square().sum(1)
        # An open ball of radius 0 is empty, whatever rounding says about its centre.
        self.square = radius**2 if radius > 0 else -torch.inf
        self.stored = None
        n = len(X)
        if n <= _STORED_BELOW:
            self.stored = torch.empty(n, n, dtype=torch.bool, device=X.device)
            for rows in row_blocks(n, n):
                # The matrix is symmetric: half of it is computed, the other half copied.
                self._inside(rows, slice(rows.start, n), out=self.stored[rows, rows.start :])
                self.stored[rows.stop :, rows] = self.stored[rows, rows.stop :].T

    def _inside(self, rows: slice | Tensor, columns: slice, out: Tensor | None = None) -> Tensor:
        """Whether ``columns`` are in the balls around ``rows``, (m, columns) bool."""
        X = self.X[columns]
        distances = torch.addmm(self.lengths[columns], self.X[rows], X.T, alpha=-2)
        return torch.lt(distances, self.square - self.lengths[rows][:, None], out=out)

    def rows(self, rows: Tensor) -> Tensor:
        """Neighbours of some points, (m, n) bool."""
        return self._inside(rows, slice(None)) if self.stored is None else self.stored[rows]

    def count(self, among: Tensor) -> Tensor:
        """Number of neighbours of each point in a set (n,) bool, (n,) int32."""
        counts = torch.zeros(len(self.X), dtype=torch.int32, device=self.X.device)
        for rows in among.nonzero()[:, 0].split(_ROWS):
            # Bytes add up many times faster than what a sum of bools is by default.
            counts += self.rows(rows).view(torch.uint8).sum(0, dtype=torch.uint8)
        return counts


def pure_radius(X: Tensor, labels: Tensor, purity: float, rows: Tensor) -> float:
    """Largest radius with which a share ``purity`` of open balls hold one label only.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Points.
    labels : Tensor of shape (n,)
        Their labels.
    purity : float
        Share in (0, 1].
    rows : Tensor of shape (m,)
        Centres of the balls that are looked at.

    Returns
    -------
    radius : float
        Infinite where enough balls are pure at any radius. In O(m n d) time.

    Notes
    -----
    A ball is pure up to the distance to the nearest point of another label: the radius is
    a quantile of these distances, and needs no search.
    """
    by_label = labels.argsort(stable=True)
    X_sorted, sizes = X[by_label], torch.bincount(labels)
    lengths, ends = X_sorted.square().sum(1), sizes.cumsum(0).tolist()
    nearest = X.new_full((len(rows),), torch.inf)
    for label, (end, size) in enumerate(zip(ends, sizes.tolist(), strict=True)):
        mine = (labels[rows] == label).nonzero()[:, 0]
        for others in (slice(0, end - size), slice(end, None)):
            targets, offset = X_sorted[others], lengths[others]
            for block in row_blocks(len(mine), len(targets)) if len(targets) else ():
                at = mine[block]
                squares = torch.addmm(offset, X[rows[at]], targets.T, alpha=-2).amin(dim=1)
                nearest[at] = torch.minimum(nearest[at], squares)
    nearest += X[rows].square().sum(1)
    # The 1e-9 is for shares that are whole numbers but for rounding.
    n_impure = min(int((1 - purity) * len(rows) + 1e-9), len(rows) - 1)
    return float(nearest.sort().values[n_impure].clamp_min(0).sqrt())
