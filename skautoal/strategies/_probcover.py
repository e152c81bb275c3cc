"""ProbCover: a batch whose balls cover as much of the pool as possible."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._ball_cover import greedy_ball_cover, pure_radius
from ..ops._distances import nearest_distances, normalize_rows
from ..ops._kmeans import kmeans
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_number, labeled_signals

_EXACT_BELOW = 10_000  # larger pools are sampled
_MAX_BALLS = 1_000  # number of random balls used to choose the radius


class ProbCover(BatchStrategy):
    """ProbCover: greedy covering of the pool with balls of radius ``delta``.

    Each pick is the sample whose ball contains the most uncovered samples. Distances are those
    of embeddings scaled to length 1. Samples in a ball around a labelled sample are covered
    from the start. When all samples are covered, the rest of the batch is random.

    Parameters
    ----------
    delta : float or None, default=None
        Radius of the balls, in (0, 2]. None chooses the largest radius with which a share
        ``purity`` of the balls contain samples of one k-means cluster only, with as many
        clusters as there are classes.
    purity : float, default=0.95
        Share of pure balls, in (0, 1]; used if ``delta`` is None.

    Notes
    -----
    The greedy solution is exact in pools of up to 10,000 samples. In larger pools, 10,000
    random samples, or five batches if that is more, are both covered and picked from. The
    radius is chosen with 1,000 random balls in the whole pool. Cost O(m^2 d) with m such
    samples, plus O(1000 n d) for the radius. Memory O(nd), plus m^2 bytes (100 MB) for the
    neighbour graph of m <= 10,000 samples.

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

    needs = ("probabilities", "embeddings")  # the first gives the number of classes
    cost = "O(m^2 d), m = min(n, 10000)"

    def __init__(self, delta: float | None = None, purity: float = 0.95):
        self.delta = delta
        self.purity = purity

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
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

    def _pure_delta(self, X: Tensor, n_classes: int, rng: np.random.RandomState) -> float:
        """Choose the radius by the purity of balls with respect to k-means clusters."""
        check_number("purity", self.purity, above=0, at_most=1)
        along = torch.arange(len(X), device=X.device)
        labels = kmeans(X, max(n_classes, 2), along, rng).labels
        # The distance of two rows of length 1 is at most 2.
        return min(pure_radius(X, labels, self.purity, along[:_MAX_BALLS]), 2.0)
