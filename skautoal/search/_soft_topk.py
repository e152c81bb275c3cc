"""Differentiable selection of exactly k of n, and the Gaussian-mixture threshold of the paper.

Memberships are p_i = sigmoid((x_i - theta) / tau) with theta such that they sum to k.
As tau goes to 0 they become the indicator of the k largest scores. With squared
distances to two anchors this is the entropic optimal-transport top-k of Xie et al.,
"Differentiable top-k with optimal transport", NeurIPS 2020.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

_PARTS, _ROUNDS = 16, 4  # how the bracket of a threshold is cut
_BISECTIONS = 64
_EM_STEPS = 15
_FLOOR = 1e-12  # added to a variance


class _ExactK(torch.autograd.Function):
    """Compute memberships and their implicit gradient, without waiting for the device."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, k: Tensor, tau: float, mask: Tensor | None) -> Tensor:
        y = _relative_scores(x, _rank(k, mask), tau, mask)
        p = torch.sigmoid(y - _solve_threshold(y, k))
        ctx.save_for_backward(p)
        ctx.tau = tau
        return p

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (p,) = ctx.saved_tensors
        return _times_jacobian(p, grad, ctx.tau), None, None, None


class _StandardExactK(torch.autograd.Function):
    """The same for scores that are standardized first, with the gradient of both in one."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, top_k: StandardTopK, tau: float) -> Tensor:
        x, scale = _scaled(scores, top_k.ones, top_k.count)
        k = top_k.k.expand(x.shape[:-1])
        y = _relative_scores(x, top_k.rank.expand(*k.shape, 1), tau, top_k.mask)
        p = torch.sigmoid(y - _solve_threshold(y, k))
        ctx.save_for_backward(p, x, scale)
        ctx.tau, ctx.count = tau, top_k.count
        return p

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        p, x, scale = ctx.saved_tensors
        grad = _times_jacobian(p, grad, ctx.tau)
        # A shift of all scores changes no membership, so this gradient sums to 0 already:
        # only the part along the scores is left to take out. Both are 0 at padding.
        count = x.shape[-1] if ctx.count is None else ctx.count
        along = (grad * x).sum(-1, keepdim=True) / count
        return (grad - along * x) / scale, None, None


class StandardTopK:
    """Soft top k of scores that are standardized first.

    What does not depend on the scores is computed once, for a loop that changes only them.

    Parameters
    ----------
    k : Tensor of shape (...)
        Number to select.
    mask : Tensor of bool of shape (..., n) or None
        False for padding.
    dtype : torch.dtype
        Type of the scores.

    """

    def __init__(self, k: Tensor, mask: Tensor | None, dtype: torch.dtype):
        self.k = k.to(dtype)
        self.mask = mask
        self.ones = None if mask is None else mask.to(dtype)
        self.count = None if self.ones is None else _count(self.ones)
        self.rank = _rank(self.k, mask)

    def __call__(self, scores: Tensor, tau: float) -> Tensor:
        """Return ``soft_top_k(standardize(scores, mask), k, tau, mask)``."""
        return _StandardExactK.apply(scores, self, tau)


def soft_top_k(x: Tensor, k: Tensor | int, tau: float, mask: Tensor | None = None) -> Tensor:
    """Compute soft memberships in the top k, which sum to k in every row.

    Parameters
    ----------
    x : Tensor of shape (..., n)
        Scores, higher is better.
    k : Tensor of shape (...) or int
        Number to select, between 0 and the number of unmasked entries.
    tau : float
        Temperature in units of the scores; the smaller it is, the harder the selection.
    mask : Tensor of bool of shape (..., n), optional
        False for entries that are padding: they get membership 0.

    Returns
    -------
    p : Tensor of shape (..., n)
        In [0, 1] with ``p.sum(-1) == k`` up to rounding. The vector-Jacobian product is
        v (g - <v, g> / sum v) with v = p (1 - p) / tau.

    Examples
    --------
    >>> import torch
    >>> from skautoal.search import soft_top_k
    >>> p = soft_top_k(torch.tensor([3.0, 1.0, 2.0, 0.0]), 2, tau=0.1)
    >>> p.round(decimals=2).tolist()
    [1.0, 0.01, 0.99, 0.0]

    """
    k = torch.as_tensor(k, dtype=x.dtype, device=x.device).expand(x.shape[:-1])
    return _ExactK.apply(x, k, tau, mask)


def _times_jacobian(p: Tensor, grad: Tensor, tau: float) -> Tensor:
    """Gradient with respect to the scores, from that with respect to their memberships."""
    v = torch.addcmul(p, p, p, value=-1) / tau
    total = v.sum(-1, keepdim=True)
    mean = (v * grad).sum(-1, keepdim=True) / total.clamp_min(torch.finfo(p.dtype).tiny)
    return v * (grad - mean)


def _rank(k: Tensor, mask: Tensor | None) -> Tensor:
    """Position of the k-th largest score in falling order, (..., 1)."""
    kth = k.unsqueeze(-1).round()
    if mask is not None:
        kth = torch.minimum(kth, mask.sum(-1, keepdim=True))
    return kth.clamp_min(1).long() - 1


def _relative_scores(x: Tensor, rank: Tensor, tau: float, mask: Tensor | None) -> Tensor:
    """Return scores relative to the k-th largest, in units of tau; -inf where masked.

    The threshold lies near the k-th largest, where numbers are small and hence precise
    however large the scores are and however small tau is.
    """
    if mask is not None:
        x = torch.where(mask, x, -torch.inf)
    descending = x.sort(-1, descending=True).values
    y = (x - descending.gather(-1, rank)) / tau
    # In a row of padding only, the k-th largest is -inf and the difference NaN.
    return y if mask is None else torch.where(mask, y, -torch.inf)


def _solve_threshold(y: Tensor, k: Tensor) -> Tensor:
    """Solve sum_i sigmoid(y_i - theta) = k for theta; scores are relative to the k-th largest.

    Each round cuts the bracket into 16 parts and evaluates all cuts together; four rounds
    take it below 1e-3. The second derivative of a sigmoid never exceeds its first, so a
    Newton step takes the error below its square, and two steps below 1e-13. The operations
    are large, and their number is small and fixed: the device neither idles nor waits.
    """
    k = k.unsqueeze(-1)
    # At these ends the sum is within 1e-8 n of k or beyond it, however the scores lie.
    end = 20 + math.log(y.shape[-1] + 1.0)
    # Cuts stand along the last axis but one, so that all has the axes of (..., cuts, n).
    cuts = torch.arange(1, _PARTS, dtype=y.dtype, device=y.device).unsqueeze(-1)
    beside, wanted = y.unsqueeze(-2), k.unsqueeze(-2)
    low, width = torch.full_like(wanted, -end), 2 * end
    for _ in range(_ROUNDS):
        width /= _PARTS
        sums = (beside - torch.add(low, cuts, alpha=width)).sigmoid_().sum(-1, keepdim=True)
        # The sum falls as the threshold rises: this counts the cuts below the solution.
        low = torch.add(low, (sums > wanted).sum(-2, keepdim=True), alpha=width)
    low = low.squeeze(-2)
    theta, high = low + width / 2, low + width
    tiny = torch.finfo(y.dtype).tiny
    for _ in range(2):
        p = torch.sigmoid(y - theta)
        slope = torch.addcmul(p, p, p, value=-1).sum(-1, keepdim=True).clamp_min_(tiny)
        theta = torch.addcdiv(theta, p.sum(-1, keepdim=True) - k, slope).clamp_(low, high)
    return theta


def soft_threshold_gmm(x: Tensor, share: Tensor, tau: float, mask: Tensor) -> Tensor:
    """Compute soft memberships above the upper quantile ``share`` of a Gaussian mixture.

    AutoAL's equation (3): a mixture of two Gaussians is fitted to the scores, and the
    threshold is its upper quantile. Expectation-maximization is unrolled, so gradients
    flow through the fit; variances are bounded below relative to the spread of the
    scores. How close the memberships come to the wanted sum depends on the fit.

    Parameters
    ----------
    x : Tensor of shape (..., n)
        Scores, standardized.
    share : Tensor of shape (...)
        Share t to select, strictly between 0 and 1.
    tau : float
        Temperature.
    mask : Tensor of bool of shape (..., n)
        False for padding.

    Returns
    -------
    p : Tensor of shape (..., n)

    """
    weight, mean, std = _fit_mixture(x, mask)
    with torch.no_grad():
        low = (mean - 10 * std).amin(-1)
        high = (mean + 10 * std).amax(-1)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            above = _tail(middle, weight, mean, std) > share
            low = torch.where(above, middle, low)
            high = torch.where(above, high, middle)
        theta = (low + high) / 2
        z = (theta.unsqueeze(-1) - mean) / std
        density = (weight * torch.exp(-z.square() / 2) / (std * math.sqrt(2 * math.pi))).sum(-1)
    # One Newton step from the solution changes nothing in value but carries the
    # gradient of the implicit function theorem.
    tail = _tail(theta, weight, mean, std)
    theta = theta + (tail - tail.detach()) / density.clamp_min(torch.finfo(x.dtype).tiny)
    return torch.sigmoid((x - theta.unsqueeze(-1)) / tau) * mask


def _fit_mixture(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fit a two-component mixture; return weights, means and standard deviations (..., 2)."""
    count = mask.sum(-1, keepdim=True).clamp_min(1).to(x.dtype)
    m = mask.to(x.dtype)
    centre = (x * m).sum(-1, keepdim=True) / count
    spread = (((x - centre).square() * m).sum(-1, keepdim=True) / count).clamp_min(1e-12)
    mean = centre + spread.sqrt() * x.new_tensor([-1.0, 1.0])
    variance = spread.expand_as(mean)
    weight = torch.full_like(mean, 0.5)
    for _ in range(_EM_STEPS):
        offset = (x.unsqueeze(-1) - mean.unsqueeze(-2)).square() / variance.unsqueeze(-2)
        log_density = weight.log().unsqueeze(-2) - (offset + variance.log().unsqueeze(-2)) / 2
        r = log_density.softmax(-1) * m.unsqueeze(-1)
        # A little prior mass keeps an emptied component from dividing by zero.
        total = r.sum(-2) + 1e-3
        mean = ((r * x.unsqueeze(-1)).sum(-2) + 1e-3 * centre) / total
        squares = (r * (x.unsqueeze(-1) - mean.unsqueeze(-2)).square()).sum(-2)
        variance = (squares + 1e-3 * spread) / total + 1e-3 * spread
        weight = total / total.sum(-1, keepdim=True)
    return weight, mean, variance.sqrt()


def _tail(theta: Tensor, weight: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    z = (theta.unsqueeze(-1) - mean) / (std * math.sqrt(2.0))
    return (weight * torch.erfc(z) / 2).sum(-1)


def standardize(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scale scores to mean 0 and standard deviation 1 along the last axis, over the mask."""
    ones = None if mask is None else mask.to(x.dtype)
    return _scaled(x, ones, None if ones is None else _count(ones))[0]


def _count(ones: Tensor) -> Tensor:
    return ones.sum(-1, keepdim=True).clamp_min(1)


def _scaled(x: Tensor, ones: Tensor | None, count: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return standardized scores, and the deviation that they were divided by."""
    # The floor leaves constant scores at zero instead of inflating their rounding.
    if ones is None or count is None:
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + _FLOOR).sqrt()
    else:
        centred = (x - (x * ones).sum(-1, keepdim=True) / count) * ones
        scale = (centred.square().sum(-1, keepdim=True) / count + _FLOOR).sqrt()
    return centred / scale, scale
