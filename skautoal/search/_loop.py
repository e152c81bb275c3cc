"""The search loop: SearchNet ascends the objective through the differentiable top-k.

Everything in the loop stays on one device, which does not wait for the host unless a
progress bar is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._objectives import LABEL_SHARE, Coverage, clip_losses, label_gain
from ._search_net import SearchNet
from ._soft_topk import soft_threshold_gmm, soft_top_k, standardize

#: Values that are recorded at every step.
HISTORY_COLUMNS = ("objective", "label_gain", "pool_gain", "ranking_loss", "grad_norm")

_TAU_START, _TAU_END = 0.5, 0.05
_LR = 0.02
_RANKING_MARGIN = 1.0
_PROGRESS_EVERY = 10


@dataclass
class LabelArrays:
    """The simulated pools of all splits, padded to one tensor.

    Attributes
    ----------
    inputs : Tensor of shape (S, n, F) or array-like of samples of length S * n
        Inputs of SearchNet.
    utilities : Tensor of shape (S, n, K)
        Out-of-fold utilities.
    losses : Tensor of shape (S, n)
        Out-of-fold losses, standardized: the target of loss prediction.
    values : Tensor of shape (S, n)
        Value of selecting each sample, standardized.
    mask : Tensor of bool of shape (S, n)
        False for padding.
    k : Tensor of shape (S,)
        Number to select from each simulated pool.
    update : callable or None
        Step of FitNet in the alternation of the paper: takes memberships and returns the
        new losses.

    """

    inputs: object
    utilities: Tensor
    losses: Tensor
    values: Tensor
    mask: Tensor
    k: Tensor
    update: Callable[[Tensor], Tensor] | None = None


@dataclass
class PoolArrays:
    """Samples of the real pool that may be selected, with the coverage objective."""

    inputs: object
    utilities: Tensor
    k: int
    coverage: Coverage


def run_search(
    net: SearchNet,
    labels: LabelArrays | None,
    pool: PoolArrays | None,
    *,
    n_steps: int,
    prior: float,
    threshold: str,
    phase: str = "",
    progress: Callable[[int, Tensor, Tensor], None] | None = None,
) -> np.ndarray:
    """Train SearchNet in place.

    Parameters
    ----------
    net : SearchNet
        Training continues from its present weights.
    labels : LabelArrays or None
        Simulated pools, for the objective on the labels; None leaves it out.
    pool : PoolArrays or None
        Real pool, for the coverage objective; None leaves it out.
    n_steps : int
        Number of steps; the temperature falls from 0.5 to 0.05 standard deviations.
    prior : float
        Strength of the pull towards equal weights (a Kullback-Leibler divergence).
    threshold : {"exact", "gmm"}
        How scores become memberships.
    phase : str, default=""
        Value of the column ``phase`` of the history.
    progress : callable, optional
        Called at every tenth step and the last with the step, the objective and the mean
        weights.

    Returns
    -------
    history : ndarray of shape (n_steps,), structured
        ``phase``, ``step``, ``tau`` and the columns of ``HISTORY_COLUMNS``.

    """
    device = net.equal.device
    optimizer = torch.optim.Adam(net.parameters(), lr=_LR, fused=True)
    taus = np.geomspace(_TAU_START, _TAU_END, n_steps)
    record = torch.zeros(n_steps, len(HISTORY_COLUMNS), device=device)
    zero = torch.zeros((), device=device)
    for step, tau in enumerate(taus.tolist()):
        optimizer.zero_grad()
        by_labels, by_pool, ranking, pull = zero, zero, zero, zero
        if labels is not None:
            logits, predicted = _forward_labels(net, labels)
            weights, scores = net.mix(logits, predicted, labels.utilities, labels.mask)
            p = _memberships(scores, labels.k, tau, labels.mask, threshold)
            values = labels.values
            if labels.update is not None:
                losses = clip_losses(labels.update(p.detach()), labels.mask)
                values = standardize(losses, labels.mask)
            by_labels = label_gain(p, values)
            ranking = _ranking_loss(predicted, labels, step)
            pull = pull + _divergence(weights, net.equal, labels.mask)
        if pool is not None:
            logits, predicted = net(pool.inputs)
            weights, scores = net.mix(logits, predicted, pool.utilities)
            p = _memberships(scores, pool.k, tau, None, threshold)
            by_pool = pool.coverage.gain(p)
            pull = pull + _divergence(weights, net.equal)
        share = 1.0 if pool is None else LABEL_SHARE
        objective = by_pool + share * by_labels
        (ranking + prior * pull - objective).backward()
        grads = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
        norm = torch.stack([grad.norm() for grad in grads]).norm()
        optimizer.step()
        record[step] = torch.stack(
            [value.detach() for value in (objective, by_labels, by_pool, ranking, norm)]
        )
        if progress is not None and (step % _PROGRESS_EVERY == 0 or step == n_steps - 1):
            progress(step, objective.detach(), weights.detach().flatten(0, -2).mean(0))
    return _as_history(record, taus, phase)


def _forward_labels(net: SearchNet, labels: LabelArrays) -> tuple[Tensor, Tensor | None]:
    logits, predicted = net(labels.inputs)
    shape = labels.mask.shape
    # A net that takes samples has seen the splits one after another in a single batch axis.
    predicted = None if predicted is None else predicted.reshape(shape)
    return logits.reshape(*shape, -1), predicted


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
    n = predicted.shape[1]
    shift = 1 + step % max(1, n - 1)
    sign = (labels.losses - labels.losses.roll(shift, 1)).sign()
    both = labels.mask & labels.mask.roll(shift, 1)
    hinge = (_RANKING_MARGIN - sign * (predicted - predicted.roll(shift, 1))).clamp_min(0)
    hinge = hinge * both * sign.abs()  # pairs of equal losses have no order to learn
    return hinge.sum() / both.sum().clamp_min(1)


def _divergence(weights: Tensor, equal: Tensor, mask: Tensor | None = None) -> Tensor:
    """Compute the mean Kullback-Leibler divergence of the weights from equal weights."""
    tiny = torch.finfo(weights.dtype).tiny
    kl = (weights * (weights.clamp_min(tiny) / equal).log()).sum(-1)
    return kl.mean() if mask is None else (kl * mask).sum() / mask.sum()


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
