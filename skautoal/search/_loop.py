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
from ._soft_topk import StandardTopK, soft_threshold_gmm, soft_top_k, standardize

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
    parameters = list(net.parameters())
    optimizer = torch.optim.Adam(parameters, lr=net.learning_rate, fused=True)
    taus = np.geomspace(_TAU_START, TAU_END, n_steps)[:stop]
    record: list[list[Tensor]] = []
    zero = torch.zeros((), device=net.equal.device)
    equal = net.equal_strategies
    if labels is not None:
        labels = labels.scaled(equal) if labels.scale is None else labels
        of_labels = _memberships(labels.k, labels.mask, threshold, labels.utilities.dtype)
        of_sample = labels.mask / labels.mask.sum((-2, -1), keepdim=True).clamp_min(1)
    if pool is not None:
        pool_scale = pool.scale(equal)
        n = len(pool.utilities)
        of_candidate = torch.full((1, n), 1 / n, device=zero.device)
        k = torch.tensor(float(pool.k), device=zero.device)
        of_pool = _memberships(k, None, threshold, pool.utilities.dtype)
    for step, tau in enumerate(taus.tolist()):
        for parameter in parameters:
            parameter.grad = None
        by_labels, by_pool, ranking, pull = zero, zero, zero, zero
        if labels is not None:
            logits, predicted = forward_labels(net, labels)
            weights, scores = net.mix(logits, predicted, labels.utilities, labels.mask)
            p = of_labels(scores, tau)
            if labels.update is not None:
                losses = clip_losses(labels.update(p.detach()), labels.mask)
                labels = replace(labels, values=standardize(losses, labels.mask))
            by_labels = _in_units(labels.gain(p), labels.scale)
            ranking = zero if predicted is None else _ranking_loss(predicted, labels, step)
            pull = _Divergence.apply(weights, net.equal, of_sample)
        if pool is not None:
            logits, predicted = net(pool.inputs)
            weights, scores = net.mix(logits, predicted, pool.utilities)
            p = of_pool(scores, tau)
            by_pool = _in_units(pool.coverage.gain(p), pool_scale)
            pull = pull + _Divergence.apply(weights.unsqueeze(0), net.equal, of_candidate)
        if pool is None:
            objective = by_labels
        else:
            objective = by_pool if labels is None else by_labels + POOL_SHARE * by_pool
        loss = prior * pull - objective
        loss = loss + ranking if net.loss_prediction else loss
        loss.sum().backward()
        grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
        norm = torch.stack([grad.norm() for grad in grads]).norm()
        optimizer.step()
        record.append([v.detach() for v in (objective, by_labels, by_pool, ranking, norm)])
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


def _memberships(
    k: Tensor, mask: Tensor | None, threshold: str, dtype: torch.dtype
) -> Callable[[Tensor, float], Tensor]:
    """Return the function of scores and temperature that gives memberships."""
    if threshold == "exact":
        return StandardTopK(k, mask, dtype)

    def by_mixture(scores: Tensor, tau: float) -> Tensor:
        x = standardize(scores, mask)
        real = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        share = (k / real.sum(-1)).clamp(1e-6, 1 - 1e-6)
        return soft_threshold_gmm(x, share, tau, real)

    return by_mixture


def _ranking_loss(predicted: Tensor, labels: LabelArrays, step: int) -> Tensor:
    """Compute the pairwise ranking loss of Yoo & Kweon (CVPR 2019, equation 2)."""
    n = predicted.shape[-1]
    shift = 1 + step % max(1, n - 1)
    sign = (labels.losses - labels.losses.roll(shift, -1)).sign()
    both = labels.mask & labels.mask.roll(shift, -1)
    hinge = (_RANKING_MARGIN - sign * (predicted - predicted.roll(shift, -1))).clamp_min(0)
    hinge = hinge * both * sign.abs()  # pairs of equal losses have no order to learn
    return hinge.sum((-2, -1)) / both.sum((-2, -1)).clamp_min(1)


class _Divergence(torch.autograd.Function):
    """Mean Kullback-Leibler divergence of weights (..., S, n, K) from equal weights, (...).

    ``share`` (..., S, n) says how much each sample counts in the mean.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, equal: Tensor, share: Tensor) -> Tensor:
        log = (weights.clamp_min(torch.finfo(weights.dtype).tiny) / equal).log()
        ctx.save_for_backward(log, share)
        return ((weights * log).sum(-1) * share).sum((-2, -1))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        log, share = ctx.saved_tensors
        return (log + 1) * (share * grad[..., None, None]).unsqueeze(-1), None, None


def _as_history(record: list[list[Tensor]], taus: np.ndarray, phase: str) -> np.ndarray:
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
    for name, column in zip(HISTORY_COLUMNS, zip(*record, strict=True), strict=True):
        values = torch.stack(column).double()
        # A value is one number, or one for each copy of the net.
        history[name] = (values.mean(1) if values.ndim > 1 else values).cpu().numpy()
    return history
