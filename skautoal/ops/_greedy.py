"""Greedy selection: farthest-first traversal and weighted kernel coverage (herding)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ._distances import GaussianKernel, ShiftedPoints

_GAIN_BLOCK = 2**20  # kernel elements whose gains are evaluated together: fits the cache
_MAX_AHEAD = 16  # rows whose distances are computed before it is sure that they are picked
_REMEMBERED = 2**22  # kernel elements that are kept: the same few rows are asked for often
_STALE_BLOCK = 32  # stale gains evaluated anew at a time


def farthest_first(H: Tensor, k: int, order: Tensor, H_labeled: Tensor | None = None) -> Tensor:
    """Greedy k-center: repeatedly the row farthest from all picked and labelled ones.

    Parameters
    ----------
    H : Tensor of shape (n, d)
        Points to pick from.
    k : int
        Number of picks, at most n.
    order : Tensor of shape (n,)
        Random permutation; of equally far rows the earlier in it is picked. Without
        labelled points its first row starts.
    H_labeled : Tensor of shape (l, d), optional
        Points that are covered already.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64
        In O(n d) time a pick and O(n d) memory.

    Notes
    -----
    The next picks are mostly among the rows that are farthest now: distances to several
    of them are one product of matrices, which costs less than one with each. Every pick
    is still the farthest row at its turn; the more guesses fail, the fewer are made.
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
            rows[0] = pick  # among equal ones topk may have missed it
            ready, hits = dict(zip(rows.tolist(), points.to_rows(rows), strict=True)), 0
        hits += 1
        picks.append(pick)
        torch.minimum(nearest, ready[pick], out=nearest)
        nearest[pick] = -1  # below any distance: never picked again
    return order[torch.as_tensor(picks, device=order.device)]


def next_size(size: int, hits: int) -> int:
    """Rows to prepare together, if of ``size`` rows ``hits`` were of use the last time."""
    return min(2 * size, _MAX_AHEAD) if 2 * hits > size else max(size // 2, 1)


def greedy_coverage(
    kernel: Tensor | GaussianKernel,
    target_weights: Tensor,
    covered: Tensor,
    k: int,
    order: Tensor,
    candidate_weights: Tensor | None = None,
) -> Tensor:
    """Greedily maximise the weighted coverage sum_j u_j max(covered_j, max_i kernel_ij).

    Parameters
    ----------
    kernel : Tensor of shape (n, m) or GaussianKernel
        Similarity of each candidate to each target, in [0, 1].
    target_weights : Tensor of shape (m,)
        Non-negative importance u of the targets.
    covered : Tensor of shape (m,)
        How well the labelled samples cover each target already.
    k : int
        Number of picks, at most n.
    order : Tensor of shape (n,)
        Random permutation that breaks ties.
    candidate_weights : Tensor of shape (n,), optional
        Non-negative factors on what each candidate gains; ones by default.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64

    Notes
    -----
    The objective is submodular, so that :func:`lazy_greedy` gives the exact greedy answer.
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
    """Greedily maximise a submodular objective, evaluating few gains a step.

    Parameters
    ----------
    gains_of : callable
        Takes rows (m,), returns what each would add to what is picked so far, (m,).
    take : callable
        Told each pick, a tensor of no dimensions.
    k : int
        Number of picks, at most n.
    gains : Tensor of shape (n,)
        What each row would add to nothing; of equal gains the first wins. It is changed.
    block : int
        Gains evaluated at a time.

    Returns
    -------
    picks : Tensor of shape (k,), dtype int64

    Notes
    -----
    Gains only shrink as the batch grows, so a stale gain is an upper bound. Each step
    re-evaluates blocks of candidates with the largest stale gains until the best fresh
    gain is at least every stale one: the answer is the exact greedy one (lazy evaluation,
    Minoux 1978).
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
            # A gain recomputed in another block shape may round differently; a bound
            # must not grow, or a tie could be broken by rounding.
            gains[again] = torch.minimum(gains[again], gains_of(again))
            fresh[again] = True
        picks[step] = best
        take(best)
        fresh[:] = False
        gains[best] = -torch.inf
        fresh[best] = True
    return picks


class _RememberedRows:
    """Rows of a kernel, the last ones of which are not computed again."""

    def __init__(self, kernel: GaussianKernel):
        self.kernel = kernel
        n, m = len(kernel.left), len(kernel.of_column)
        self.rows = kernel.left.new_empty(max(_STALE_BLOCK, _REMEMBERED // max(1, m)), m)
        self.place = torch.full((n,), -1, dtype=torch.long, device=kernel.left.device)
        self.used = 0

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Kernel of at most ``_STALE_BLOCK`` rows with all targets; a new tensor."""
        missing = rows[self.place[rows] < 0]
        if self.used + len(missing) > len(self.rows):
            self.place.fill_(-1)
            self.used, missing = 0, rows
        if len(missing):
            places = slice(self.used, self.used + len(missing))
            self.rows[places] = self.kernel[missing]
            self.place[missing] = torch.arange(places.start, places.stop, device=rows.device)
            self.used = places.stop
        return self.rows[self.place[rows]]


def _coverage_gains(kernel, rows: Tensor, weights: Tensor, covered: Tensor) -> Tensor:
    """Gain of each of ``rows``, in blocks that bound the temporary matrix."""
    out = weights.new_empty(len(rows))
    step = max(1, _GAIN_BLOCK // max(1, len(covered)))
    for start in range(0, len(rows), step):
        part = kernel[rows[start : start + step]]  # a copy
        out[start : start + step] = part.sub_(covered).clamp_min_(0) @ weights
    return out


def _symmetric_gains(kernel: GaussianKernel, weights: Tensor, covered: Tensor) -> Tensor:
    """Gains of all rows where candidates and targets are the same, from half of the kernel."""
    n = len(weights)
    gains = torch.zeros_like(weights)
    step = max(1, _GAIN_BLOCK // n)
    for start in range(0, n, step):
        stop = min(start + step, n)
        part = kernel.block(slice(start, stop), slice(start, n))
        # What lies right of the diagonal block also stands below it, transposed.
        beyond = part[:, stop - start :] - covered[start:stop, None]
        gains[stop:] += weights[start:stop] @ beyond.clamp_min_(0)
        gains[start:stop] += part.sub_(covered[start:]).clamp_min_(0) @ weights[start:]
    return gains
