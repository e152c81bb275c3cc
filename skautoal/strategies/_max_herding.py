"""MaxHerding: a batch that covers the embeddings of the pool under a Gaussian kernel."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._herding import KERNEL_WIDTH, herding
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_number, labeled_signals


class MaxHerding(BatchStrategy):
    """MaxHerding: greedy maximization of the kernel coverage of the pool.

    The coverage is ``sum_j max_i k(h_i, h_j)``, with i over labelled and picked samples and
    the Gaussian kernel ``k(h, h') = exp(-|h - h'|^2 / width^2)`` on embeddings scaled to length
    1. The greedy batch attains at least 1 - 1/e of the largest possible gain.

    Parameters
    ----------
    width : float, default=0.4
        Positive width of the kernel.

    Notes
    -----
    The greedy solution is exact in pools of up to 5,000 samples. In larger pools, the coverage
    of 2,000 random samples is maximized, with the same number of random candidates, or five
    batches if that is more. Cost O(n^2 (d + b)) in pools of up to 5,000; memory O(n d) and
    blocks of bounded size.

    References
    ----------
    Bae, Noh & Sutherland, "Generalized coverage for more robust low-budget active
    learning", ECCV 2024, arXiv 2407.12212.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import MaxHerding
    >>> signals = Signals(embeddings=[[1.0, 0.0], [0.9, 0.1], [0.9, -0.1], [0.0, 1.0]])
    >>> MaxHerding().select(signals, 2).tolist()
    [0, 3]

    """

    needs = ("embeddings",)
    cost = "O(m^2 d) + a small part of it per pick, m = min(n, 5000)"

    def __init__(self, width: float = KERNEL_WIDTH):
        self.width = width

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_number("width", self.width, above=0)
        labeled = labeled_signals(signals, self.needs, self.name)
        H_labeled = None if labeled is None else labeled.embeddings
        weights = torch.ones(signals.n_samples, device=signals.device)
        order = signals.order(rng)
        return herding(signals.embeddings, weights, n_instances, order, H_labeled, self.width)
