"""Greedy covering of points with balls of one radius, and the choice of that radius."""

from __future__ import annotations

import torch
from torch import Tensor

from ._distances import row_blocks

_STORED_BELOW = 10_000  # points up to which the neighbour graph is kept: 100 MB of bytes
_ROWS = 255  # rows of the graph that are added at a time: the sum of 255 ones fits a byte


def greedy_ball_cover(X: Tensor, covered: Tensor, radius: float, k: int) -> Tensor:
    """Select the centres of open balls greedily, each covering the most uncovered points.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Points to cover and candidates for the centres. Among candidates that cover
        equally many points, the first is picked; the same holds once everything is covered.
    covered : Tensor of shape (n,), dtype bool
        Points that are covered already.
    radius : float
        Radius of the balls, in the units of ``X``.
    k : int
        Number of picks, at most n.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64
        Distinct rows, in the order of selection.

    Notes
    -----
    The count of uncovered neighbours of each point is kept up to date: it is lowered when a
    neighbour gets covered, which happens to every point only once. All steps together
    therefore take O(n^2 d) time, however dense the neighbour graph is. Up to 10,000 points
    the graph is stored with one byte a pair. Above, its rows are recomputed and the memory
    is O(n) plus one block.
    """
    covered = covered.clone()
    graph = _Graph(X, radius)
    counts = graph.count(~covered)
    picks = torch.empty(k, dtype=torch.long, device=X.device)
    for step in range(k):
        pick = counts.argmax()
        picks[step] = pick
        # Below every other count, and still below it after all later subtractions.
        counts[pick] = -len(X) - 1
        inside = graph.rows(pick[None])[0]
        newly = inside & ~covered
        covered |= inside
        counts -= graph.count(newly)
    return picks


class _Graph:
    """Neighbour pairs closer than a given radius, as rows of a boolean matrix."""

    def __init__(self, X: Tensor, radius: float):
        self.X, self.lengths = X, X.square().sum(1)
        # An open ball of radius 0 is empty. Rounding could give a point a negative squared
        # distance to itself and put it into its own ball.
        self.square = radius**2 if radius > 0 else -torch.inf
        self.stored = None
        n = len(X)
        if n <= _STORED_BELOW:
            self.stored = torch.empty(n, n, dtype=torch.bool, device=X.device)
            for rows in row_blocks(n, n):
                # The matrix is symmetric: compute one half of it and copy the other.
                self._inside(rows, slice(rows.start, n), out=self.stored[rows, rows.start :])
                self.stored[rows.stop :, rows] = self.stored[rows, rows.stop :].T

    def _inside(self, rows: slice | Tensor, columns: slice, out: Tensor | None = None) -> Tensor:
        """Test which of ``columns`` lie in the balls around ``rows``, (m, columns) bool."""
        # |x - y|^2 < r^2 in the form |y|^2 - 2 x.y < r^2 - |x|^2: one matrix product.
        X = self.X[columns]
        distances = torch.addmm(self.lengths[columns], self.X[rows], X.T, alpha=-2)
        return torch.lt(distances, self.square - self.lengths[rows][:, None], out=out)

    def rows(self, rows: Tensor) -> Tensor:
        """Return the neighbours of the points ``rows`` (m,) as a mask, (m, n) bool."""
        return self._inside(rows, slice(None)) if self.stored is None else self.stored[rows]

    def count(self, among: Tensor) -> Tensor:
        """Count, for each point, its neighbours in the set ``among`` (n,) bool; (n,) int32."""
        counts = torch.zeros(len(self.X), dtype=torch.int32, device=self.X.device)
        for rows in among.nonzero()[:, 0].split(_ROWS):
            # A sum of bytes is many times faster than the default sum of bools in int64.
            counts += self.rows(rows).view(torch.uint8).sum(0, dtype=torch.uint8)
        return counts


def pure_radius(X: Tensor, labels: Tensor, purity: float, rows: Tensor) -> float:
    """Compute the largest radius at which a share ``purity`` of open balls is pure.

    A ball is pure if all points in it have the same label.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Points.
    labels : Tensor of shape (n,), dtype int64
        Label of each point.
    purity : float
        Required share of pure balls, in (0, 1].
    rows : Tensor of shape (m,), dtype int64
        Points that serve as centres of the balls.

    Returns
    -------
    radius : float
        Largest such radius, in the units of ``X``. Infinite if enough balls are pure at any
        radius.

    Notes
    -----
    A ball is pure up to the distance from its centre to the nearest point of another label.
    The radius is a quantile of these m distances, so no search is needed. It takes O(m n d)
    time.
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
    # 1e-9 keeps rounding from lowering a product that should be an integer.
    n_impure = min(int((1 - purity) * len(rows) + 1e-9), len(rows) - 1)
    return float(nearest.sort().values[n_impure].clamp_min(0).sqrt())
