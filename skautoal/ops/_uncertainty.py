"""Measures of predictive uncertainty, computed from class probabilities.

Margin, entropy and least confidence read one prediction of each sample; the variation
ratio reads several, from MC-dropout passes or from the members of an ensemble.
"""

from __future__ import annotations

import torch
from torch import Tensor


def margin(P: Tensor) -> Tensor:
    """Compute the difference between the two largest probabilities of each row.

    Parameters
    ----------
    P : Tensor of shape (n, C)
        Class probabilities.

    Returns
    -------
    margin : Tensor of shape (n,)
        Values in [0, 1]; small values mean uncertainty. 1 if there is a single class.

    """
    if P.shape[1] < 2:
        return P.new_ones(len(P))
    largest = P.topk(2, dim=1).values
    return largest[:, 0] - largest[:, 1]


def least_confidence(P: Tensor) -> Tensor:
    """Compute 1 - max_c p_c of each row.

    Parameters
    ----------
    P : Tensor of shape (n, C)
        Class probabilities.

    Returns
    -------
    uncertainty : Tensor of shape (n,)
        Values in [0, 1 - 1/C]; large values mean uncertainty.

    """
    return 1 - P.max(dim=1).values


def entropy(P: Tensor) -> Tensor:
    """Compute the Shannon entropy along the last axis, with 0 log 0 = 0.

    Parameters
    ----------
    P : Tensor of shape (..., C)
        Class probabilities.

    Returns
    -------
    entropy : Tensor of shape (...)
        Entropy in nats, between 0 and log C.

    """
    # Replacing 0 by the smallest positive number keeps the logarithm finite; the product
    # with p = 0 is still 0. This takes half the time of torch.xlogy.
    return -P.clamp_min(torch.finfo(P.dtype).tiny).log_().mul_(P).sum(dim=-1)


def variation_ratio(passes: Tensor) -> Tensor:
    """Compute the share of passes that do not predict the modal class: 1 - f_mode / T.

    Parameters
    ----------
    passes : Tensor of shape (T, n, C)
        Class probabilities of T passes or T members of an ensemble.

    Returns
    -------
    ratio : Tensor of shape (n,)
        Values in [0, 1 - 1/T]; large values mean disagreement.

    """
    n_passes, n, n_classes = passes.shape
    predicted = passes.argmax(dim=2)  # (T, n)
    counts = torch.zeros(n, n_classes, dtype=passes.dtype, device=passes.device)
    counts.scatter_add_(1, predicted.T, torch.ones_like(predicted.T, dtype=passes.dtype))
    return 1 - counts.max(dim=1).values / n_passes
