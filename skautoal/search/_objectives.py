"""Upper-level objectives: the value of a soft selection, which the search maximizes.

``"loss"`` and ``"bilevel"`` give each held-out sample a value, ``"coverage"`` measures how
much of the uncertain regions of the pool is covered, and ``"mixed"`` adds both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..ops._distances import gaussian_kernel, nearest_kernel, normalize_rows
from ..ops._herding import KERNEL_WIDTH
from ..ops._uncertainty import margin
from ..signals import Signals
from ._fit_net import SimulatedPool

#: Objectives that read held-out labels, and those that read the pool.
LABEL_OBJECTIVES = ("loss", "bilevel", "mixed")
POOL_OBJECTIVES = ("coverage", "mixed")
#: Weight of the objective on the labels in "mixed".
LABEL_SHARE = 0.25

_CLIP_QUANTILE = 0.95
_MAX_CANDIDATES = 512
_MAX_TARGETS = 512


def label_values(pool: SimulatedPool, objective: str | None, rng: np.random.RandomState) -> Tensor:
    """Compute the value of selecting each sample of a simulated pool, (n,).

    ``"loss"``: its out-of-fold loss, clipped at the 95th percentile so that a wrong
    label does not dominate (equation 7 of the paper). ``"bilevel"``: how much one step
    of FitNet's head on the sample lowers the loss on other held-out labels; for a
    linear head -dL_val/dp_i is proportional to <g_val, g_i>, with g_i = a_i h_i^T
    kept in factors. Each half of V gives the g_val of the other.
    """
    if objective != "bilevel":
        return clip_losses(pool.losses, torch.ones_like(pool.losses, dtype=torch.bool))
    A = pool.residuals
    H = pool.head_inputs.to(A.dtype)
    half = torch.as_tensor(rng.permutation(len(H)) % 2, device=H.device).bool()
    values = torch.zeros_like(pool.losses)
    for judge in (half, ~half):
        G = A[judge].T @ H[judge] / judge.sum().clamp_min(1)  # g_val, (C, d)
        values[~judge] = ((A @ G) * H).sum(1)[~judge]
    return values


def clip_losses(losses: Tensor, mask: Tensor) -> Tensor:
    """Clip losses (..., n) at their 95th percentile; they are 0 where ``mask`` is False."""
    ascending = torch.where(mask, losses, torch.inf).sort(-1).values
    rank = (_CLIP_QUANTILE * (mask.sum(-1, keepdim=True) - 1)).ceil().long()
    return torch.minimum(losses, ascending.gather(-1, rank)) * mask


def label_gain(p: Tensor, values: Tensor) -> Tensor:
    """Compute the mean value of the selected samples, averaged over splits.

    Parameters
    ----------
    p : Tensor of shape (S, n)
        Soft memberships, zero at padding.
    values : Tensor of shape (S, n)
        Standardized values, zero at padding.

    """
    return ((p * values).sum(-1) / p.sum(-1)).mean()


@dataclass
class Coverage:
    """Arrays of the pool for the coverage objective.

    Attributes
    ----------
    candidates : Tensor of shape (m,)
        Rows that may be selected: the samples that each strategy ranks highest.
    kernel : Tensor of shape (m, t)
        Similarity of candidates to targets.
    weights : Tensor of shape (t,)
        Uncertainty u of the targets, normalized so that the best gain possible is 1.
    open : Tensor of shape (t,)
        1 - m_j, the part of each target that the labelled set leaves uncovered.

    """

    candidates: Tensor
    kernel: Tensor
    weights: Tensor
    open: Tensor

    def gain(self, p: Tensor) -> Tensor:
        """Compute the share of the uncertain, uncovered mass that a selection (m,) covers.

        1 - (1 - m_j) prod_i (1 - p_i kappa_ij) is the noisy-or relaxation of the
        greedy objective of UncertaintyHerding (Bae et al., ICLR 2025).
        """
        return _NoisyOr.apply(p, self.kernel, self.weights * self.open)


class _NoisyOr(torch.autograd.Function):
    """Compute sum_j u_j (1 - prod_i (1 - p_i kappa_ij)); two passes over kappa with gradient."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, kernel: Tensor, u: Tensor) -> Tensor:
        # The gradient divides by these factors. One is 0 if a candidate is selected for
        # certain and identical to the target.
        left = (1 - p.unsqueeze(1) * kernel).clamp_min_(1e-6)
        missed = left.prod(0)
        ctx.save_for_backward(kernel, left, u * missed)
        return (u * (1 - missed)).sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        kernel, left, at_stake = ctx.saved_tensors
        return grad * ((kernel / left) @ at_stake), None, None


def pool_coverage(
    signals: Signals, utilities: Tensor, n_instances: int, rng: np.random.RandomState
) -> Coverage:
    """Set up the coverage objective on the real pool.

    Parameters
    ----------
    signals : Signals
        Signals of the pool; needs embeddings.
    utilities : Tensor of shape (n, K)
        The candidates' utilities.
    n_instances : int
        Size of the batch.
    rng : RandomState
        Draws the targets.

    Notes
    -----
    The targets are at most 512 rows, drawn at random from a larger pool. The candidates are
    the samples that each strategy ranks highest, at least a batch of each. Memory and time
    thus do not grow with the pool: O(m t) per step.
    """
    n, K = utilities.shape
    order = signals.order(rng)
    each = max(n_instances, _MAX_CANDIDATES // (K + 1))
    columns = torch.cat([utilities, utilities.mean(1, keepdim=True)], dim=1)
    favourites = columns[order].topk(min(each, n), dim=0).indices.flatten()
    candidates = order[torch.unique(favourites)]
    targets = order[:_MAX_TARGETS]
    H = normalize_rows(signals.embeddings.float())
    covered = torch.zeros(len(targets), device=H.device)
    if signals.labeled is not None:
        H_labeled = normalize_rows(signals.labeled.embeddings.float())
        covered = nearest_kernel(H[targets], H_labeled, KERNEL_WIDTH)
    weights = 1 - margin(signals.probabilities)[targets].float()
    total = (weights * (1 - covered)).sum().clamp_min(1e-12)
    kernel = gaussian_kernel(H[candidates], H[targets], KERNEL_WIDTH)
    return Coverage(candidates, kernel, weights / total, 1 - covered)
