"""UncertaintyHerding: a batch that covers the uncertain regions of the embeddings."""

from __future__ import annotations

import torch

from ..ops._calibration import fit_temperature
from ..ops._distances import normalize_rows, row_blocks, squared_distances
from ..ops._herding import KERNEL_WIDTH, herding
from ..ops._uncertainty import margin
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_number, labeled_signals


class UncertaintyHerding(BatchStrategy):
    """Greedy coverage of the pool, weighted with uncertainty.

    Each pick adds most to ``sum_j u_j max_i k(h_i, h_j)`` over labelled and picked
    samples i. The uncertainty ``u_j`` is 1 minus the margin of ``softmax(logits / T)``,
    the kernel is that of :class:`MaxHerding`.

    Parameters
    ----------
    width : float or "labeled", default=0.4
        Width of the kernel on embeddings of length 1; ``"labeled"`` takes the smallest
        distance above zero between two labelled samples, which shrinks as labels come
        in: from coverage towards margin sampling. Without two different labelled samples
        that is 0.4.

    Notes
    -----
    The temperature T minimises the cross-entropy of the labelled samples where there are
    some, but is never below 1. The authors fit it on a part of them that a second net is
    not trained on; a strategy trains no nets, so here it only tames a net that is unsure
    about samples it was trained on. Exact up to 5,000 samples, sampled above as in
    :class:`MaxHerding`, with the most uncertain ones as candidates. Cost
    O(n^2 (d + b)) up to there; memory O(n (C + d)) and blocks of bounded size.

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
    cost = "O(m^2 d), m = min(n, 5000), and a small part of it a pick"

    def __init__(self, width: float | str = KERNEL_WIDTH):
        self.width = width

    def _pick(self, signals, n_instances, rng):
        if isinstance(self.width, str) and self.width != "labeled":
            raise ValueError(f"'width' must be 'labeled' or a number > 0; got {self.width!r}.")
        if self.width != "labeled":
            check_number("width", self.width, above=0)
        labeled = labeled_signals(signals, self.needs, self.name)
        temperature, width, H_labeled = 1.0, self.width, None
        if labeled is not None:
            H_labeled = labeled.embeddings
            if signals.has("labeled"):
                temperature = fit_temperature(labeled.logits, signals.codes)
        if width == "labeled":
            width = _smallest_distance(labeled)
        weights = 1 - margin((signals.logits / temperature).softmax(dim=1))
        order = signals.order(rng)
        return herding(signals.embeddings, weights, n_instances, order, H_labeled, float(width))


def _smallest_distance(labeled: Signals | None) -> float:
    """Smallest distance above zero between two rows of length 1, or the default width."""
    if labeled is None:
        return KERNEL_WIDTH
    H = normalize_rows(labeled.embeddings)
    smallest = H.new_tensor(torch.inf)
    for rows in row_blocks(len(H), len(H)):
        squares = squared_distances(H[rows], H)
        # What rounding leaves between copies is no distance.
        squares[squares <= 64 * torch.finfo(H.dtype).eps] = torch.inf
        smallest = torch.minimum(smallest, squares.min())
    return float(smallest.sqrt()) if smallest < torch.inf else KERNEL_WIDTH
