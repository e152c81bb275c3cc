"""Greedy selection: farthest-first traversal, kernel coverage, and lazy evaluation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ._distances import GaussianKernel, ShiftedPoints

_GAIN_BLOCK = 2**20  # kernel elements whose gains are computed together; fits the cache
_MAX_AHEAD = 16  # rows whose distances are computed ahead, on the guess that they are picked
_REMEMBERED = 2**22  # kernel elements that are cached, since few rows are read many times
_STALE_BLOCK = 32  # outdated gains that are re-evaluated at a time


def farthest_first(H: Tensor, k: int, order: Tensor, H_labeled: Tensor | None = None) -> Tensor:
    """Run the greedy k-center algorithm: repeatedly pick the row farthest from all centres.

    The centres are the rows picked so far and the labelled points.

    Parameters
    ----------
    H : Tensor of shape (n, d)
        Points to pick from.
    k : int
        Number of picks, at most n.
    order : Tensor of shape (n,), dtype int64
        Random permutation of the rows. Among equally far rows, the earlier one in it is
        picked. Its first row is the first pick if there are no labelled points.
    H_labeled : Tensor of shape (l, d), optional
        Labelled points.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64
        Distinct rows, in the order of selection.

    Notes
    -----
    Time O(n d) for each pick, memory O(n d). The next picks are usually among the rows that
    are farthest now, so the distances to several of these are computed ahead in one matrix
    product, which is cheaper than one product for each. Every pick is still the farthest row
    at its turn. The number of rows computed ahead shrinks when fewer guesses are used.
    """
    if k == 0:
        return order[:0]
    points = ShiftedPoints(H.index_select(0, order))
    if H_labeled is not None and len(H_labeled):
        nearest = points.to_nearest(H_labeled)
    else:
        nearest = torch.full_like(points.scale, torch.inf)
    picks: list[int] = []
    ready: dict[int, Tensor] = {}
    size = hits = 1
    for _ in range(k):
        pick = int(nearest.argmax())
        if pick not in ready:
            size = next_size(size, hits)
            rows = nearest.topk(min(size, len(nearest))).indices
            rows[0] = pick  # topk may have returned other rows at the same distance
            ready, hits = dict(zip(rows.tolist(), points.to_rows(rows), strict=True)), 0
        hits += 1
        picks.append(pick)
        torch.minimum(nearest, ready[pick], out=nearest)
        nearest[pick] = -1  # below any distance: never picked again
    return order[torch.as_tensor(picks, device=order.device)]


def next_size(size: int, hits: int) -> int:
    """Return how many rows to prepare next, if ``hits`` of the last ``size`` rows were used."""
    return min(2 * size, _MAX_AHEAD) if 2 * hits > size else max(size // 2, 1)


def greedy_coverage(
    kernel: Tensor | GaussianKernel,
    target_weights: Tensor,
    covered: Tensor,
    k: int,
    order: Tensor,
    candidate_weights: Tensor | None = None,
) -> Tensor:
    """Maximize the weighted coverage sum_j u_j max(covered_j, max_i kernel_ij) greedily.

    Parameters
    ----------
    kernel : Tensor of shape (n, m) or GaussianKernel
        Similarity of each candidate i to each target j, in [0, 1].
    target_weights : Tensor of shape (m,)
        Non-negative importance u of the targets.
    covered : Tensor of shape (m,)
        Coverage of each target by the labelled samples, in [0, 1].
    k : int
        Number of picks, at most n.
    order : Tensor of shape (n,), dtype int64
        Random permutation of the candidates, which breaks ties.
    candidate_weights : Tensor of shape (n,), optional
        Non-negative factors on the gain of each candidate; ones by default.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64
        Distinct candidates, in the order of selection.

    Notes
    -----
    The objective is submodular, so :func:`lazy_greedy` returns the exact greedy solution.
    """
    covered = covered.clone()
    if isinstance(kernel, GaussianKernel) and kernel.symmetric:
        gains = _symmetric_gains(kernel, target_weights, covered)
    else:
        gains = _coverage_gains(kernel, torch.arange(len(order)), target_weights, covered)
    if candidate_weights is not None:
        gains *= candidate_weights
    rows_of = _RememberedRows(kernel) if isinstance(kernel, GaussianKernel) else kernel

    def gains_of(rows: Tensor) -> Tensor:
        gains = _coverage_gains(rows_of, order[rows], target_weights, covered)
        return gains if candidate_weights is None else gains * candidate_weights[order[rows]]

    def take(row: Tensor) -> None:
        torch.maximum(covered, rows_of[order[row][None]][0], out=covered)

    return order[lazy_greedy(gains_of, take, k, gains[order], block=_STALE_BLOCK)]


def lazy_greedy(
    gains_of: Callable[[Tensor], Tensor],
    take: Callable[[Tensor], None],
    k: int,
    gains: Tensor,
    block: int,
) -> Tensor:
    """Maximize a submodular objective greedily, with few evaluations in each step.

    Parameters
    ----------
    gains_of : callable
        Takes rows (m,) and returns the gain of adding each of them to the current picks,
        (m,).
    take : callable
        Called with each pick, a zero-dimensional tensor.
    k : int
        Number of picks, at most n.
    gains : Tensor of shape (n,)
        Gain of each row before the first pick. Among equal gains the first row wins. The
        tensor is modified.
    block : int
        Number of gains evaluated at a time.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64
        Distinct rows, in the order of selection.

    Notes
    -----
    Gains only shrink as the batch grows, so an outdated gain is an upper bound. Each step
    re-evaluates blocks of the candidates with the largest outdated gains until the best
    current gain is at least as large as every outdated one. The result is the exact greedy
    solution (lazy evaluation, Minoux 1978).
    """
    n, device = len(gains), gains.device
    picks = torch.empty(k, dtype=torch.long, device=device)
    fresh = torch.ones(n, dtype=torch.bool, device=device)
    for step in range(k):
        while True:
            best = gains.argmax()
            if fresh[best]:
                break
            stale = torch.where(fresh, -torch.inf, gains)
            again = stale.topk(min(block, n)).indices
            again = again[stale[again] > -torch.inf]
            # The same gain can round differently in a block of another shape. Keeping the
            # smaller value prevents rounding from breaking a tie.
            gains[again] = torch.minimum(gains[again], gains_of(again))
            fresh[again] = True
        picks[step] = best
        take(best)
        fresh[:] = False
        gains[best] = -torch.inf
        fresh[best] = True
    return picks


class _RememberedRows:
    """Cache of recently used rows of a kernel, emptied when it is full."""

    def __init__(self, kernel: GaussianKernel):
        self.kernel = kernel
        n, m = len(kernel.left), len(kernel.of_column)
        self.rows = kernel.left.new_empty(max(_STALE_BLOCK, _REMEMBERED // max(1, m)), m)
        self.place = torch.full((n,), -1, dtype=torch.long, device=kernel.left.device)
        self.used = 0

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Return the kernel of at most ``_STALE_BLOCK`` rows with all targets, as a new tensor."""
        missing = rows[self.place[rows] < 0]
        if self.used + len(missing) > len(self.rows):  # full: start again with these rows
            self.place.fill_(-1)
            self.used, missing = 0, rows
        if len(missing):
            places = slice(self.used, self.used + len(missing))
            self.rows[places] = self.kernel[missing]
            self.place[missing] = torch.arange(places.start, places.stop, device=rows.device)
            self.used = places.stop
        return self.rows[self.place[rows]]


def _coverage_gains(
    kernel: Tensor | GaussianKernel | _RememberedRows,
    rows: Tensor,
    weights: Tensor,
    covered: Tensor,
) -> Tensor:
    """Compute the gain of each of ``rows`` (r,), in blocks that bound the temporary memory."""
    out = weights.new_empty(len(rows))
    step = max(1, _GAIN_BLOCK // max(1, len(covered)))
    for start in range(0, len(rows), step):
        part = kernel[rows[start : start + step]]  # a copy, so it may be changed in place
        out[start : start + step] = part.sub_(covered).clamp_min_(0) @ weights
    return out


def _symmetric_gains(kernel: GaussianKernel, weights: Tensor, covered: Tensor) -> Tensor:
    """Compute the gains of all rows from half of a symmetric kernel matrix."""
    n = len(weights)
    gains = torch.zeros_like(weights)
    step = max(1, _GAIN_BLOCK // n)
    for start in range(0, n, step):
        stop = min(start + step, n)
        part = kernel.block(slice(start, stop), slice(start, n))
        # The part to the right of the diagonal block is also, transposed, the part below.
        beyond = part[:, stop - start :] - covered[start:stop, None]
        gains[stop:] += weights[start:stop] @ beyond.clamp_min_(0)
        gains[start:stop] += part.sub_(covered[start:]).clamp_min_(0) @ weights[start:]
    return gains
