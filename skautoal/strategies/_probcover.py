"""ProbCover: balls around a batch that cover as much of the pool as possible."""

from __future__ import annotations

import torch

from ..ops._ball_cover import greedy_ball_cover, pure_radius
from ..ops._distances import nearest_distances, normalize_rows
from ..ops._kmeans import kmeans
from ._base import BatchStrategy
from ._checks import check_number, labeled_signals

_EXACT_BELOW = 10_000
_MAX_BALLS = 1_000  # balls the radius is chosen by


class ProbCover(BatchStrategy):
    """The sample whose ball of radius ``delta`` covers most uncovered ones, again and again.

    Distances are those of embeddings scaled to length 1; what lies in a ball around a
    labelled sample is covered already. When nothing is left to cover, the rest of the
    batch is random.

    Parameters
    ----------
    delta : float or None, default=None
        Radius of the balls, at most 2. None takes the largest with which a share
        ``purity`` of all balls hold samples of one k-means cluster only, with as many
        clusters as there are classes.
    purity : float, default=0.95
        That share; read if ``delta`` is None.

    Notes
    -----
    Exact up to 10,000 samples; above, 10,000 random ones (or five batches) are both what
    is covered and what is picked from. The radius is chosen by 1,000 random balls in the
    whole pool. Cost O(m^2 d) with m such samples, and O(1000 n d) for the radius; memory
    O(nd), and m^2 bytes for the graph of m <= 10,000 samples (100 MB).

    References
    ----------
    Yehuda, Dekel, Hacohen & Weinshall, "Active learning through a covering lens", NeurIPS
    2022, arXiv 2205.11320.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import ProbCover
    >>> signals = Signals(embeddings=[[1.0, 0.0], [0.9, 0.1], [0.9, -0.1], [0.0, 1.0]],
    ...                   logits=[[0.0, 0.0]] * 4)
    >>> ProbCover(delta=0.15).select(signals, 2).tolist()
    [0, 3]

    """

    needs = ("probabilities", "embeddings")  # the former say how many classes there are
    cost = "O(m^2 d), m = min(n, 10000)"

    def __init__(self, delta: float | None = None, purity: float = 0.95):
        self.delta = delta
        self.purity = purity

    def _pick(self, signals, n_instances, rng):
        order = signals.order(rng)
        X = normalize_rows(signals.embeddings)[order]
        if self.delta is None:
            delta = self._pure_delta(X, signals.n_classes, rng)
        else:
            check_number("delta", self.delta, above=0, at_most=2)
            delta = self.delta
        X = X[: max(_EXACT_BELOW, 5 * n_instances)]
        covered = torch.zeros(len(X), dtype=torch.bool, device=X.device)
        labeled = labeled_signals(signals, ("embeddings",), self.name)
        if labeled is not None:
            L = normalize_rows(labeled.embeddings)
            covered = nearest_distances(X, L) < delta**2
        return order[greedy_ball_cover(X, covered, delta, n_instances)]

    def _pure_delta(self, X, n_classes, rng):
        check_number("purity", self.purity, above=0, at_most=1)
        along = torch.arange(len(X), device=X.device)
        labels = kmeans(X, max(n_classes, 2), along, rng).labels
        # Rows of length 1 are at most 2 apart.
        return min(pure_radius(X, labels, self.purity, along[:_MAX_BALLS]), 2.0)
