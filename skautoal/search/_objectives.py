"""Upper-level objectives: what a soft selection is worth. All are maximised.

The labels teach through a value per held-out sample (``"loss"``, ``"bilevel"``), the
pool through the coverage of its uncertain regions (``"coverage"``), or both
(``"mixed"``).
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
#: Share of the labels' part in "mixed".
LABEL_SHARE = 0.25

_CLIP_QUANTILE = 0.95
_MAX_CANDIDATES = 512
_MAX_TARGETS = 512


def label_values(pool: SimulatedPool, objective: str | None, rng: np.random.RandomState) -> Tensor:
    """Value of selecting each sample of a simulated pool, (n,).

    ``"loss"``: its out-of-fold loss, clipped at the 95th percentile so that a wrong
    label does not dominate (equation 7 of the paper). ``"bilevel"``: how much one step
    of FitNet's head on the sample lowers the loss on other held-out labels; for a
    linear head -dL_val/dp_i is proportional to <g_val, g_i>, with g_i = a_i h_i^T
    kept in factors. Each half of V judges the other.
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
    """Losses (..., n) cut off at their 95th percentile, 0 where ``mask`` (..., n) is False."""
    ascending = torch.where(mask, losses, torch.inf).sort(-1).values
    rank = (_CLIP_QUANTILE * (mask.sum(-1, keepdim=True) - 1)).ceil().long()
    return torch.minimum(losses, ascending.gather(-1, rank)) * mask


def label_gain(p: Tensor, values: Tensor) -> Tensor:
    """Mean value of what is selected, averaged over splits.

    Parameters
    ----------
    p : Tensor of shape (S, n)
        Soft memberships, zero at padding.
    values : Tensor of shape (S, n)
        Standardised values, zero at padding.

    """
    return ((p * values).sum(-1) / p.sum(-1)).mean()


@dataclass
class Coverage:
    """Arrays of the pool for the coverage objective.

    Attributes
    ----------
    candidates : Tensor of shape (m,)
        Rows that may be selected: the union of the strategies' favourites.
    kernel : Tensor of shape (m, t)
        Similarity of candidates to targets.
    weights : Tensor of shape (t,)
        Uncertainty u of the targets, normalised so that the best gain possible is 1.
    open : Tensor of shape (t,)
        1 - m_j: what the labelled set leaves uncovered.

    """

    candidates: Tensor
    kernel: Tensor
    weights: Tensor
    open: Tensor

    def gain(self, p: Tensor) -> Tensor:
        """Share of the uncertain and uncovered mass that a soft selection (m,) covers.

        1 - (1 - m_j) prod_i (1 - p_i kappa_ij) is the noisy-or relaxation of the
        greedy objective of UncertaintyHerding (Bae et al., ICLR 2025).
        """
        return _NoisyOr.apply(p, self.kernel, self.weights * self.open)


class _NoisyOr(torch.autograd.Function):
    """sum_j u_j (1 - prod_i (1 - p_i kappa_ij)), and its gradient in two passes over kappa."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, kernel: Tensor, u: Tensor) -> Tensor:
        # A factor of 0 would leave nothing to divide by: a sure, identical candidate
        # stops short.
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
    Above 512 rows the targets are a random sample of the pool and the candidates the
    union of each strategy's favourites (at least the batch each): memory and time stay
    constant, O(m t) a step.
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
