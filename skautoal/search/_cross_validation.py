"""Cross-validation over held-out sets: it decides how far learned weights are trusted.

Each held-out set is left out once. A SearchNet that learned from the others, without the
samples of that set, is compared on it with equal weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._loop import TAU_END, LabelArrays, PoolArrays, forward_labels, run_search
from ._search_net import SearchNet
from ._soft_topk import soft_top_k, standardize

#: Group of the sets of the record; those of a halving have its number.
RECORD = -1

_DOUBT = 1.28  # standard errors by which learned weights have to be better: 90 %, one-sided
_CHECKS = 6  # of a training, evenly spread


@dataclass(frozen=True)
class Verdict:
    """Result of the cross-validation of a kind of SearchNet.

    Attributes
    ----------
    n_steps : int
        Steps after which it was best on what was left out.
    gain : float
        Mean value of its selections minus that of equal weights, in standard deviations.
    error : float
        Standard error of ``gain``.

    """

    n_steps: int
    gain: float
    error: float

    @property
    def lower_bound(self) -> float:
        """Gain that is exceeded with a probability of 90 %."""
        return self.gain - _DOUBT * self.error

    @property
    def share(self) -> float:
        """Share of the learned weights, from 0 for no proven gain towards 1."""
        if self.lower_bound <= 0:
            return 0.0
        return 1 - (_DOUBT * self.error / self.gain) ** 2


def cross_validate(
    make_net: Callable[[tuple[int, ...]], SearchNet],
    labels: LabelArrays,
    rows: Tensor,
    groups: list[int],
    *,
    n_steps: int,
    prior: float,
    threshold: str,
) -> Verdict:
    """Compare a kind of SearchNet with equal weights on sets that it did not learn from.

    Parameters
    ----------
    make_net : callable
        Takes ``copies``: ``(F,)`` for F nets in one, ``()`` for one.
    labels : LabelArrays
        The S held-out sets.
    rows : Tensor of shape (S, n), dtype int64
        Positions in the labelled set; any number at padding.
    groups : list of int
        For each set the number of its halving, or ``RECORD``.
    n_steps, prior, threshold
        See :func:`run_search`.

    Returns
    -------
    verdict : Verdict
        After the number of steps with the largest lower bound.

    """
    folds = _folds(labels, rows)
    judge = _Judge(labels)
    options: dict[str, Any] = {"n_steps": n_steps, "prior": prior, "threshold": threshold}
    net = make_net(()) if len(folds.mask) > 1 else None
    if net is None or (folds.weight.sum(1) == 0).any():
        return Verdict(n_steps, 0.0, np.inf)  # nothing is left to learn from
    if net.takes_samples:
        for fold in range(len(folds.mask)):
            net = make_net(()) if fold else net
            part = replace(folds, mask=folds.mask[fold], k=folds.k[fold], weight=folds.weight[fold])
            run_search(net, part, None, **options, watch=judge.watch(n_steps, fold))
    else:
        run_search(make_net((len(folds.mask),)), folds, None, **options, watch=judge.watch(n_steps))
    checks, gains, variances = judge.results()
    sizes = labels.mask.sum(1).cpu().numpy()
    importance = labels.weight.cpu().numpy()
    verdicts = [
        _verdict(step, gain, variance, sizes, importance, np.asarray(groups))
        for step, gain, variance in zip(checks, gains, variances, strict=True)
    ]
    return max(verdicts, key=lambda verdict: verdict.lower_bound)


def coverage_verdict(net: SearchNet, pool: PoolArrays) -> Verdict:
    """Compare the coverage of a selection with that of equal weights.

    Parameters
    ----------
    net : SearchNet
        Trained on other targets.
    pool : PoolArrays
        Its coverage has the targets that were left out.

    """
    equal = net.equal_strategies
    with torch.no_grad():
        logits, predicted = net(pool.inputs)
        of_learned = net.mix(logits, predicted, pool.utilities)[1]
        scores = torch.stack([of_learned, pool.utilities @ equal])
        p = soft_top_k(standardize(scores), torch.tensor(float(pool.k)), TAU_END)
        of_net, of_equal = (pool.coverage.gains_of_targets(row) for row in p)
    difference = (of_net - of_equal).double()
    error = difference.std(correction=0) * len(difference) ** 0.5
    return Verdict(0, float(difference.sum()), max(float(error), 1e-12))


def _folds(labels: LabelArrays, rows: Tensor) -> LabelArrays:
    """Leave out each set once, and its samples from all others; a leading axis of folds."""
    S = len(labels.mask)
    rows = torch.where(labels.mask, rows, 0)
    left_out = torch.zeros(S, int(rows.max()) + 1, dtype=torch.int8, device=rows.device)
    left_out.scatter_reduce_(1, rows, labels.mask.to(torch.int8), "amax")
    mask = labels.mask & (left_out[:, rows] == 0)
    left = mask.sum(-1) / labels.mask.sum(-1)
    weight = labels.weight * left
    total = weight.sum(-1, keepdim=True)
    return replace(
        labels,
        mask=mask,
        k=torch.minimum((labels.k * left).round().clamp_min(1), mask.sum(-1)).to(labels.k.dtype),
        weight=torch.where(total > 0, weight / total.clamp_min(1e-12), 0.0),
    )


class _Judge:
    """Compares selections with those of equal weights, without waiting for the host."""

    def __init__(self, labels: LabelArrays):
        self.labels = labels
        self._seen: dict[tuple[int, int], Tensor] = {}

    def watch(self, n_steps: int, fold: int | None = None) -> Callable[[int, SearchNet], None]:
        """Return a function that looks at the nets of all folds, or at that of one."""

        def look(step: int, net: SearchNet) -> None:
            if step % max(1, n_steps // _CHECKS) and step != n_steps:
                return
            with torch.no_grad():
                logits, predicted = forward_labels(net, self.labels)
                for key in range(len(self.labels.mask)) if fold is None else (fold,):
                    own = (key, key) if fold is None else (key,)
                    of_set = None if predicted is None else predicted[own]
                    self._seen[step, key] = self._difference(net, logits[own], of_set, key)

        return look

    def _difference(
        self, net: SearchNet, logits: Tensor, predicted: Tensor | None, key: int
    ) -> Tensor:
        """Gain of a selection over equal weights on one set, and its variance, (2,)."""
        labels = self.labels
        utilities, mask = labels.utilities[key], labels.mask[key]
        equal = net.equal_strategies
        both = torch.stack([net.mix(logits, predicted, utilities, mask)[1], utilities @ equal])
        k = labels.k[key].expand(2)
        p = soft_top_k(standardize(both, mask), k, TAU_END, mask.expand(2, -1))
        difference = (p[0] - p[1]) / labels.k[key]
        # Values have deviation 1: what is exchanged brings so much chance.
        return torch.stack([difference @ labels.values[key], difference.square().sum()])

    def results(self) -> tuple[list[int], np.ndarray, np.ndarray]:
        """Return the checks, and gains and variances (checks, S)."""
        steps = sorted({step for step, _ in self._seen})
        S = len(self.labels.mask)
        found = torch.stack([self._seen[step, key] for step in steps for key in range(S)])
        table = found.double().cpu().numpy().reshape(len(steps), S, 2)
        return steps, table[..., 0], table[..., 1]


def _verdict(
    step: int,
    gains: np.ndarray,
    variances: np.ndarray,
    sizes: np.ndarray,
    importance: np.ndarray,
    groups: np.ndarray,
) -> Verdict:
    """Combine the sets: errors of halvings, which share their labels, do not average out."""
    parts: list[tuple[float, float, float]] = []  # labels, gain, standard error
    halvings = [groups == group for group in np.unique(groups[groups != RECORD])]
    averages = [_average(gains[own], variances[own], importance[own]) for own in halvings]
    if averages:
        n_labels = float(sizes[groups != RECORD].sum()) / len(halvings)
        gain, variance = np.mean(averages, axis=0)
        parts.append((n_labels, gain, variance**0.5))
    own = groups == RECORD
    if own.any():
        gain, variance = _average(gains[own], variances[own], importance[own])
        parts.append((float(sizes[own].sum()), gain, variance**0.5))
    total = sum(n_labels for n_labels, _, _ in parts)
    return Verdict(
        step,
        sum(n_labels * gain for n_labels, gain, _ in parts) / total,
        # They may know the same labels: errors add up, as if they did.
        sum(n_labels * error for n_labels, _, error in parts) / total,
    )


def _average(
    gains: np.ndarray, variances: np.ndarray, importance: np.ndarray
) -> tuple[float, float]:
    weight = importance / importance.sum()
    return float(weight @ gains), float(weight**2 @ variances)
