"""The search loop: SearchNet ascends the objective through the differentiable top-k.

Everything in the loop stays on one device, which does not wait for the host unless a
progress bar is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._objectives import POOL_SHARE, Coverage, clip_losses, label_gain, spread_of_candidates
from ._search_net import SearchNet
from ._soft_topk import soft_threshold_gmm, soft_top_k, standardize

#: Values that are recorded at every step.
HISTORY_COLUMNS = ("objective", "label_gain", "pool_gain", "ranking_loss", "grad_norm")
#: Temperature at the end, where memberships are nearly 0 or 1.
TAU_END = 0.05

_TAU_START = 0.5
_RANKING_MARGIN = 1.0
_PROGRESS_EVERY = 10


@dataclass
class LabelArrays:
    """The held-out sets, padded to one tensor.

    ``mask``, ``k`` and ``weight`` may have a leading axis (F,): F copies of SearchNet
    then learn side by side, each from its own part of the sets.

    Attributes
    ----------
    inputs : Tensor of shape (S, n, F) or array-like of samples of length S * n
        Inputs of SearchNet.
    utilities : Tensor of shape (S, n, K)
        Utilities under nets that had not seen the samples.
    losses : Tensor of shape (S, n)
        Held-out losses, standardized: the target of loss prediction.
    values : Tensor of shape (S, n)
        Value of selecting each sample, standardized.
    mask : Tensor of bool of shape (S, n)
        False for padding.
    k : Tensor of shape (S,)
        Number to select from each set.
    weight : Tensor of shape (S,)
        Importance of each set; sums to 1.
    update : callable or None
        FitNet's step in the alternation of the paper: memberships to new losses.
    scale : (Tensor, Tensor) or None
        Value of equal weights, and the unit; from the other fields if None.

    """

    inputs: Any
    utilities: Tensor
    losses: Tensor
    values: Tensor
    mask: Tensor
    k: Tensor
    weight: Tensor
    update: Callable[[Tensor], Tensor] | None = None
    scale: tuple[Tensor, Tensor] | None = None

    def gain(self, p: Tensor) -> Tensor:
        """Mean value of a soft selection (..., S, n), (...)."""
        return label_gain(p, self.values, self.weight)

    def scaled(self, equal: Tensor) -> LabelArrays:
        """Return the arrays with their scale: gains count from that of equal weights."""
        columns = torch.cat([self.utilities @ equal[:, None], self.utilities], dim=-1)
        columns = columns.movedim(-1, 0)
        if self.mask.ndim > columns.ndim - 1:
            columns = columns.unsqueeze(1)  # an axis for the copies
        scores = standardize(columns, self.mask)
        gains = self.gain(soft_top_k(scores, self.k, TAU_END, self.mask))
        return replace(self, scale=(gains[0], spread_of_candidates(gains[1:], gains[0])))


@dataclass
class PoolArrays:
    """Samples of the real pool that may be selected, with the coverage objective."""

    inputs: Any
    utilities: Tensor
    k: int
    coverage: Coverage

    def scale(self, equal: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coverage of equal weights, and the unit of coverage."""
        columns = torch.cat([self.utilities @ equal[:, None], self.utilities], dim=-1)
        selected = soft_top_k(standardize(columns.T), torch.tensor(float(self.k)), TAU_END)
        gains = torch.stack([self.coverage.gain(p) for p in selected])
        return gains[0], spread_of_candidates(gains[1:], gains[0])


def run_search(
    net: SearchNet,
    labels: LabelArrays | None,
    pool: PoolArrays | None,
    *,
    n_steps: int,
    prior: float,
    threshold: str,
    stop: int | None = None,
    phase: str = "",
    progress: Callable[[int, Tensor, Tensor], None] | None = None,
    watch: Callable[[int, SearchNet], None] | None = None,
) -> np.ndarray:
    """Train SearchNet in place.

    Parameters
    ----------
    net : SearchNet
        Training continues from its present weights.
    labels : LabelArrays or None
        Held-out sets; give the objective of the labels.
    pool : PoolArrays or None
        Real pool, for the coverage objective; None leaves it out.
    n_steps : int
        Length of the schedule: the temperature falls from 0.5 to 0.05 standard deviations.
    prior : float
        Strength of the pull towards equal weights (a Kullback-Leibler divergence).
    threshold : {"exact", "gmm"}
        How memberships are made of scores.
    stop : int, optional
        Number of steps that are made of the schedule; all by default.
    phase : str, default=""
        Value of the column ``phase`` of the history.
    progress : callable, optional
        Called now and then with the step, the objective and the mean weights.
    watch : callable, optional
        Called after every step with the number of steps made and the net.

    Returns
    -------
    history : ndarray of shape (stop,), structured
        ``phase``, ``step``, ``tau`` and the columns of ``HISTORY_COLUMNS``. Gains are in
        units of the spread between the single candidates, counted from equal weights.

    """
    device = net.equal.device
    optimizer = torch.optim.Adam(net.parameters(), lr=net.learning_rate, fused=True)
    taus = np.geomspace(_TAU_START, TAU_END, n_steps)[:stop]
    record = torch.zeros(len(taus), len(HISTORY_COLUMNS), device=device)
    zero = torch.zeros((), device=device)
    equal = net.equal_strategies
    if labels is not None and labels.scale is None:
        labels = labels.scaled(equal)
    pool_scale = None if pool is None else pool.scale(equal)
    for step, tau in enumerate(taus.tolist()):
        optimizer.zero_grad()
        by_labels, by_pool, ranking, pull = zero, zero, zero, zero
        if labels is not None:
            logits, predicted = forward_labels(net, labels)
            weights, scores = net.mix(logits, predicted, labels.utilities, labels.mask)
            p = _memberships(scores, labels.k, tau, labels.mask, threshold)
            if labels.update is not None:
                losses = clip_losses(labels.update(p.detach()), labels.mask)
                labels = replace(labels, values=standardize(losses, labels.mask))
            by_labels = _in_units(labels.gain(p), labels.scale)
            ranking = _ranking_loss(predicted, labels, step)
            pull = pull + _divergence(weights, net.equal, labels.mask)
        if pool is not None:
            logits, predicted = net(pool.inputs)
            weights, scores = net.mix(logits, predicted, pool.utilities)
            p = _memberships(scores, pool.k, tau, None, threshold)
            by_pool = _in_units(pool.coverage.gain(p), pool_scale)
            pull = pull + _divergence(weights, net.equal)
        share = 1.0 if labels is None else POOL_SHARE
        objective = by_labels + share * by_pool
        (ranking + prior * pull - objective).sum().backward()
        grads = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
        norm = torch.stack([grad.norm() for grad in grads]).norm()
        optimizer.step()
        record[step] = torch.stack(
            [value.detach().mean() for value in (objective, by_labels, by_pool, ranking, norm)]
        )
        if watch is not None:
            watch(step + 1, net)
        if progress is not None and (step % _PROGRESS_EVERY == 0 or step == len(taus) - 1):
            progress(step, objective.detach(), weights.detach().flatten(0, -2).mean(0))
    return _as_history(record, taus, phase)


def forward_labels(net: SearchNet, labels: LabelArrays) -> tuple[Tensor, Tensor | None]:
    """Logits (..., S, n, K) and predicted losses (..., S, n) on the held-out sets."""
    logits, predicted = net(labels.inputs)
    if not net.takes_samples:
        return logits, predicted
    # A net that takes samples sees the sets one after another.
    shape = labels.mask.shape[-2:]
    predicted = None if predicted is None else predicted.reshape(shape)
    return logits.reshape(*shape, -1), predicted


def _in_units(gain: Tensor, scale: tuple[Tensor, Tensor] | None) -> Tensor:
    assert scale is not None
    of_equal_weights, unit = scale
    return (gain - of_equal_weights) / unit


def _memberships(scores: Tensor, k: Any, tau: float, mask: Tensor | None, threshold: str) -> Tensor:
    x = standardize(scores, mask)
    if threshold == "exact":
        return soft_top_k(x, k, tau, mask)
    mask = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
    share = (torch.as_tensor(k, device=x.device) / mask.sum(-1)).clamp(1e-6, 1 - 1e-6)
    return soft_threshold_gmm(x, share, tau, mask)


def _ranking_loss(predicted: Tensor | None, labels: LabelArrays, step: int) -> Tensor:
    """Compute the pairwise ranking loss of Yoo & Kweon (CVPR 2019, equation 2)."""
    if predicted is None:
        return torch.zeros((), device=labels.losses.device)
    n = predicted.shape[-1]
    shift = 1 + step % max(1, n - 1)
    sign = (labels.losses - labels.losses.roll(shift, -1)).sign()
    both = labels.mask & labels.mask.roll(shift, -1)
    hinge = (_RANKING_MARGIN - sign * (predicted - predicted.roll(shift, -1))).clamp_min(0)
    hinge = hinge * both * sign.abs()  # pairs of equal losses have no order to learn
    return hinge.sum((-2, -1)) / both.sum((-2, -1)).clamp_min(1)


def _divergence(weights: Tensor, equal: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean Kullback-Leibler divergence of the weights from equal weights, (...)."""
    tiny = torch.finfo(weights.dtype).tiny
    kl = (weights * (weights.clamp_min(tiny) / equal).log()).sum(-1)
    if mask is None:
        return kl.mean(-1)
    return (kl * mask).sum((-2, -1)) / mask.sum((-2, -1)).clamp_min(1)


def _as_history(record: Tensor, taus: np.ndarray, phase: str) -> np.ndarray:
    fields = [
        ("phase", "U6"),
        ("step", int),
        ("tau", float),
        *((name, float) for name in HISTORY_COLUMNS),
    ]
    history = np.zeros(len(taus), dtype=fields)
    history["phase"] = phase
    history["step"] = np.arange(len(taus))
    history["tau"] = taus
    for name, column in zip(HISTORY_COLUMNS, record.double().cpu().numpy().T, strict=True):
        history[name] = column
    return history
