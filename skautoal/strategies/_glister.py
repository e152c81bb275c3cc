"""GLISTER: samples whose gradient step lowers the loss of the labelled set most."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_number, labeled_codes, labeled_signals


class Glister(BatchStrategy):
    """GLISTER: greedy one-step gain in the likelihood of the labelled set.

    A pick moves the last layer W by -lr (p - e_c) h^T, the gradient step on its predicted
    class c. To first order, this changes the mean log-likelihood of the labelled samples by
    lr <G, (p - e_c) h^T> = lr (p - e_c)^T G h. G is the gradient of their mean loss at the W
    reached by the earlier picks.

    Parameters
    ----------
    learning_rate : float, default=0.05
        Positive step size lr. It does not affect the first pick. The larger it is, the more
        each pick changes the scores for the next one.

    Notes
    -----
    The gradients are kept as factors, and no array of size n C d is formed. As in the authors'
    active learning experiments, the labels of pool samples are the predictions of the net, and
    the labelled samples are those it was trained on. Without labelled samples the batch is
    random. Cost O(b (n + l) C d), memory O((n + l)(C + d)).

    References
    ----------
    Killamsetty, Sivasubramanian, Ramakrishnan & Iyer, "GLISTER: generalization based data
    subset selection for efficient and robust learning", AAAI 2021, arXiv 2012.10630.

    Examples
    --------
    The gradient of the first pool sample reduces the loss of the misclassified labelled sample:

    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import Glister
    >>> labeled = Signals(probabilities=[[0.6, 0.4]], embeddings=[[1.0]])
    >>> signals = Signals(probabilities=[[0.4, 0.6], [0.6, 0.4]],
    ...                   embeddings=[[1.0], [1.0]], labeled=labeled, codes=[1])
    >>> Glister().select(signals, 1).tolist()
    [0]

    """

    needs = ("gradient_factors", "labeled")
    cost = "O(b (n + l) C d)"

    def __init__(self, learning_rate: float = 0.05):
        self.learning_rate = learning_rate

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_number("learning_rate", self.learning_rate, above=0)
        order = signals.order(rng)
        labeled = labeled_signals(signals, ("logits", "embeddings"), self.name)
        if labeled is None:
            return order[:n_instances]
        residuals, H = (factor[order] for factor in signals.gradient_factors)
        logits, H_labeled = labeled.logits.clone(), labeled.embeddings
        codes = labeled_codes(signals)
        picks = torch.empty(n_instances, dtype=torch.long, device=order.device)
        free = torch.ones(len(order), dtype=torch.bool, device=order.device)
        for step in range(n_instances):
            gradient = _head_gradient(logits, H_labeled, codes)
            gains = _gains(residuals, H, gradient)
            pick = gains.masked_fill(~free, -torch.inf).argmax()
            picks[step] = order[pick]
            free[pick] = False
            # The step moves W by -lr r h^T, so the logits H_l W^T by -lr (H_l h) r^T.
            moved = torch.outer(H_labeled @ H[pick], residuals[pick])
            logits -= self.learning_rate * moved
        return picks


def _head_gradient(logits: Tensor, H: Tensor, codes: Tensor) -> Tensor:
    """Compute the gradient of the mean cross-entropy with respect to the last layer, (C, d)."""
    residuals = logits.softmax(dim=1) - F.one_hot(codes, logits.shape[1])
    return residuals.T @ H / len(H)


def _gains(residuals: Tensor, H: Tensor, gradient: Tensor) -> Tensor:
    """Compute the inner product of the gradient with each residual x embedding, (n,)."""
    return ((H @ gradient.T) * residuals).sum(dim=1)
