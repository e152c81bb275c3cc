"""UncertaintyHerding: a batch that covers the uncertain regions of the embedding space."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._calibration import fit_temperature
from ..ops._distances import normalize_rows, row_blocks, squared_distances
from ..ops._herding import KERNEL_WIDTH, herding
from ..ops._uncertainty import margin
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_number, labeled_codes, labeled_signals


class UncertaintyHerding(BatchStrategy):
    """UncertaintyHerding: greedy kernel coverage of the pool, weighted by uncertainty.

    Each pick adds most to ``sum_j u_j max_i k(h_i, h_j)``, with i over labelled and picked
    samples. The uncertainty ``u_j`` is 1 minus the margin of ``softmax(logits / T)``. The kernel
    is that of :class:`MaxHerding`.

    Parameters
    ----------
    width : float or "labeled", default=0.4
        Positive width of the kernel on embeddings of length 1. ``"labeled"`` uses the smallest
        positive distance between two labelled samples. It shrinks as labels are added, which
        turns coverage into margin sampling. Without two distinct labelled samples it is 0.4.

    Notes
    -----
    The temperature T, at least 1, minimizes the cross-entropy of the labelled samples, if there
    are any. The authors fit it on a part of the labelled samples, with a second net that is not
    trained on them. A strategy trains no nets, so here T corrects only a net that is uncertain
    about its own training samples. The greedy solution is exact in pools of up to 5,000 samples;
    larger pools are sampled as in :class:`MaxHerding`, with the most uncertain samples as
    candidates. Cost O(n^2 (d + b)) in pools of up to 5,000; memory O(n (C + d)) and blocks of
    bounded size.

    References
    ----------
    Bae, Oliveira & Sutherland, "Uncertainty herding: one active learning method for all
    label budgets", ICLR 2025, arXiv 2412.20644.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import UncertaintyHerding
    >>> signals = Signals(embeddings=[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]],
    ...                   logits=[[0.1, 0.0], [0.1, 0.0], [0.1, 0.0], [9.0, 0.0]])
    >>> UncertaintyHerding().select(signals, 2)[1:].tolist()
    [2]

    """

    needs = ("logits", "embeddings")
    cost = "O(m^2 d) + a small part of it per pick, m = min(n, 5000)"

    def __init__(self, width: float | str = KERNEL_WIDTH):
        self.width = width

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        if isinstance(self.width, str) and self.width != "labeled":
            raise ValueError(f"'width' must be 'labeled' or a number > 0; got {self.width!r}.")
        if self.width != "labeled":
            check_number("width", self.width, above=0)
        labeled = labeled_signals(signals, self.needs, self.name)
        temperature, width, H_labeled = 1.0, self.width, None
        if labeled is not None:
            H_labeled = labeled.embeddings
            if signals.has("labeled"):
                temperature = fit_temperature(labeled.logits, labeled_codes(signals))
        if width == "labeled":
            width = _smallest_distance(labeled)
        weights = 1 - margin((signals.logits / temperature).softmax(dim=1))
        order = signals.order(rng)
        return herding(signals.embeddings, weights, n_instances, order, H_labeled, float(width))


def _smallest_distance(labeled: Signals | None) -> float:
    """Compute the smallest positive distance between two normalized rows, or the default width."""
    if labeled is None:
        return KERNEL_WIDTH
    H = normalize_rows(labeled.embeddings)
    smallest = H.new_tensor(torch.inf)
    for rows in row_blocks(len(H), len(H)):
        squares = squared_distances(H[rows], H)
        # Distances of copies are rounding error instead of 0.
        squares[squares <= 64 * torch.finfo(H.dtype).eps] = torch.inf
        smallest = torch.minimum(smallest, squares.min())
    return float(smallest.sqrt()) if smallest < torch.inf else KERNEL_WIDTH
