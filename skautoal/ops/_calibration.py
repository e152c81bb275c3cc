"""Temperature scaling: one number that keeps a net from being surer than it may be."""

from __future__ import annotations

import torch
from torch import Tensor

_MAX_TEMPERATURE = 20.0
_HALVINGS = 40


def fit_temperature(logits: Tensor, codes: Tensor) -> float:
    """Temperature in [1, 20] with the least cross-entropy of softmax(logits / T).

    Parameters
    ----------
    logits : Tensor of shape (l, C)
        Logits of labelled samples.
    codes : Tensor of shape (l,)
        Their class codes.

    Returns
    -------
    temperature : float
        1 without samples.

    Notes
    -----
    The cross-entropy is convex in 1 / T with derivative mean(E_p[z] - z_y), whose zero is
    found by bisection. Below 1 is not looked: samples the net was trained on are fitted
    better than others, and would make it surer still.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks", ICML 2017,
    arXiv 1706.04599.

    """
    if len(logits) == 0:
        return 1.0
    z = logits.double()
    # Classes before samples: a softmax along a short last axis is many times slower.
    z = (z - z.gather(1, codes[:, None])).T.contiguous()
    low, high = z.new_tensor(1 / _MAX_TEMPERATURE), z.new_tensor(1.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        too_sure = ((middle * z).softmax(0) * z).sum() > 0
        low, high = torch.where(too_sure, low, middle), torch.where(too_sure, middle, high)
    return float(1 / high)
