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

from ..mixing._joint_herding import JOINT_WIDTH, joint_views, trusted_uncertainty
from ..ops._distances import gaussian_kernel, nearest_kernel
from ..signals import Signals

#: Objectives that read held-out labels, and those that read the pool.
LABEL_OBJECTIVES = ("loss", "bilevel", "mixed")
POOL_OBJECTIVES = ("coverage", "mixed")
#: Share of the pool's part in "mixed", where both parts have the same unit.
POOL_SHARE = 0.25

_CLIP_QUANTILE = 0.95
_LEAST_SPREAD = 0.01
_MAX_CANDIDATES = 512
_MAX_TARGETS = 256


def label_values(
    losses: Tensor,
    residuals: Tensor,
    head_inputs: Tensor | None,
    objective: str,
    rng: np.random.RandomState,
) -> Tensor:
    """Compute what selecting each sample of a held-out set is worth, (n,).

    ``"loss"``: its held-out loss, clipped at the 95th percentile so that a wrong label
    does not dominate (equation 7 of the paper). ``"bilevel"``: how much one step of
    FitNet's head on the sample lowers the loss on other held-out labels; for a linear head
    -dL_val/dp_i is proportional to <g_val, g_i>, with g_i = a_i h_i^T kept in factors.
    Each half of the set judges the other.

    Parameters
    ----------
    losses : Tensor of shape (n,)
        Held-out cross-entropy.
    residuals : Tensor of shape (n, C)
        Probabilities minus one-hot labels, a_i.
    head_inputs : Tensor of shape (n, d) or None
        Inputs of FitNet's linear head, h_i; only ``"bilevel"`` reads them.
    objective : str
        Objective of the search.
    rng : RandomState
        Halves the set.

    """
    if objective != "bilevel":
        return clip_losses(losses, torch.ones_like(losses, dtype=torch.bool))
    assert head_inputs is not None
    A, H = residuals, head_inputs.to(residuals.dtype)
    half = torch.as_tensor(rng.permutation(len(H)) % 2, device=H.device).bool()
    values = torch.zeros_like(losses)
    for judge in (half, ~half):
        G = A[judge].T @ H[judge] / judge.sum().clamp_min(1)  # g_val, (C, d)
        values[~judge] = ((A @ G) * H).sum(1)[~judge]
    return values


def clip_losses(losses: Tensor, mask: Tensor) -> Tensor:
    """Cut losses (..., n) off at their 95th percentile; 0 where ``mask`` (..., n) is False."""
    ascending = torch.where(mask, losses, torch.inf).sort(-1).values
    rank = (_CLIP_QUANTILE * (mask.sum(-1, keepdim=True) - 1)).ceil().long()
    return torch.minimum(losses, ascending.gather(-1, rank)) * mask


def label_gain(p: Tensor, values: Tensor, weight: Tensor) -> Tensor:
    """Mean value of what is selected, averaged over held-out sets.

    Parameters
    ----------
    p : Tensor of shape (..., S, n)
        Soft memberships, zero at padding.
    values : Tensor of shape (S, n)
        Standardized values, zero at padding.
    weight : Tensor of shape (..., S)
        Importance of each set; sums to 1.

    Returns
    -------
    gain : Tensor of shape (...)

    """
    tiny = torch.finfo(p.dtype).tiny
    return ((p * values).sum(-1) / p.sum(-1).clamp_min(tiny) * weight).sum(-1)


@dataclass
class Coverage:
    """The pool as joint herding sees it, for the coverage objective.

    Attributes
    ----------
    candidates : Tensor of shape (m,)
        Rows that may be selected: the union of the strategies' favourites.
    order : Tensor of shape (m, t)
        Candidates by falling similarity to each target.
    place : Tensor of shape (m, t)
        Inverse permutation of each column of ``order``.
    gains : Tensor of shape (m, t)
        In that order, what a candidate covers of a target beyond the labelled samples,
        times the target's uncertainty; 1 is all that is left to cover of all targets.

    """

    candidates: Tensor
    order: Tensor
    place: Tensor
    gains: Tensor

    def gain(self, p: Tensor) -> Tensor:
        """Compute the share of the uncertain, uncovered mass that a selection (m,) covers.

        If candidate i is in the batch with probability p_i, independently of the others,
        this is the expected value of what joint herding maximizes: each target counts its
        nearest selected candidate. It is the multilinear extension of that function of
        sets, so it does not saturate where many candidates cover a target a little.
        """
        return self.gains_of_targets(p).sum()

    def gains_of_targets(self, p: Tensor) -> Tensor:
        """Terms of :meth:`gain`, (t,)."""
        return _ExpectedMaximum.apply(p, self.order, self.place, self.gains)

    def halves(self) -> tuple[Coverage, Coverage]:
        """Every other target, which are a random sample, and the rest."""
        first, second = (
            Coverage(self.candidates, *(a[:, k::2] for a in (self.order, self.place, self.gains)))
            for k in (0, 1)
        )
        return first, second


class _ExpectedMaximum(torch.autograd.Function):
    """Expected largest of independent events, by target, and its gradient."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, order: Tensor, place: Tensor, gains: Tensor) -> Tensor:
        # A sure event would leave nothing to divide by in the gradient.
        p = p[order].clamp_(max=1 - 1e-6)
        none_before = torch.ones_like(p)
        torch.cumprod(1 - p[:-1], 0, out=none_before[1:])
        terms = gains * p * none_before
        ctx.save_for_backward(p, none_before, terms, gains, place)
        return terms.sum(0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        p, none_before, terms, gains, place = ctx.saved_tensors
        after = terms.sum(0) - terms.cumsum(0)  # what counts only if this one is not there
        in_order = grad * (gains * none_before - after / (1 - p))
        return in_order.gather(0, place).sum(1), None, None, None


def pool_coverage(
    signals: Signals, utilities: Tensor, n_instances: int, rng: np.random.RandomState
) -> Coverage:
    """Set up the coverage objective on the real pool.

    Parameters
    ----------
    signals : Signals
        Signals of the pool; needs logits and embeddings.
    utilities : Tensor of shape (n, K)
        The candidates' utilities.
    n_instances : int
        Size of the batch.
    rng : RandomState
        Draws the targets.

    Notes
    -----
    Points, kernel and uncertainty are those of joint herding. Above 256 rows the targets
    are a random sample of the pool. The candidates are the union of each strategy's
    favourites (at least the batch each): memory and time stay constant, O(m t) a step.
    """
    n, K = utilities.shape
    order = signals.order(rng)
    each = max(n_instances, _MAX_CANDIDATES // (K + 1))
    columns = torch.cat([utilities, utilities.mean(1, keepdim=True)], dim=1)
    favourites = columns[order].topk(min(each, n), dim=0).indices.flatten()
    candidates = order[torch.unique(favourites)]
    targets = order[:_MAX_TARGETS]
    A, B, L = joint_views(signals, candidates, targets)
    covered = nearest_kernel(B, L, JOINT_WIDTH)
    weights = trusted_uncertainty(signals)[targets]
    weights = weights / (weights * (1 - covered)).sum().clamp_min(1e-12)
    similar = (gaussian_kernel(A, B, JOINT_WIDTH) - covered).clamp_min_(0)
    gains, order = similar.sort(dim=0, descending=True, stable=True)
    return Coverage(candidates, order, order.argsort(0), gains * weights)


def spread_of_candidates(values: Tensor, equal: Tensor) -> Tensor:
    """Unit of an objective: the deviation of its values (K, ...) for the single candidates.

    Where they hardly differ, a hundredth of the largest value, so that rounding is not
    blown up. Relative to the values, it has no unit of its own.
    """
    deviation = (values - equal).square().mean(0).sqrt()
    largest = torch.maximum(values.abs().amax(0), equal.abs())
    tiny = torch.finfo(values.dtype).tiny ** 0.5  # all are zero: there is nothing to gain
    return deviation.clamp_min(_LEAST_SPREAD * largest).clamp_min(tiny)
