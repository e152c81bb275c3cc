"""Temperature scaling of logits, to correct overconfident probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

_MAX_TEMPERATURE = 20.0
_HALVINGS = 40  # bisection steps: 1/T is known to 2^-40 of the interval


def fit_temperature(logits: Tensor, codes: Tensor) -> float:
    """Find the temperature T in [1, 20] that minimizes the cross-entropy of softmax(logits / T).

    Parameters
    ----------
    logits : Tensor of shape (l, C)
        Logits of labelled samples.
    codes : Tensor of shape (l,), dtype int64
        Their class codes.

    Returns
    -------
    temperature : float
        The temperature, 1 if there are no samples.

    Notes
    -----
    The cross-entropy is convex in 1 / T with derivative mean(E_p[z] - z_y). Its zero is found
    by bisection. Temperatures below 1 are not allowed: the net was trained on these samples
    and fits them better than others, so that T < 1 would make it more overconfident.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks", ICML 2017,
    arXiv 1706.04599.

    """
    if len(logits) == 0:
        return 1.0
    z = logits.double()
    # Transposed to (C, l): a softmax along a short last axis is many times slower. With z_y
    # subtracted first, the derivative is the mean of E_p[z] alone.
    z = (z - z.gather(1, codes[:, None])).T.contiguous()
    low, high = z.new_tensor(1 / _MAX_TEMPERATURE), z.new_tensor(1.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        overconfident = ((middle * z).softmax(0) * z).sum() > 0
        low = torch.where(overconfident, low, middle)
        high = torch.where(overconfident, middle, high)
    return float(1 / high)
