"""Contrastive active learning (CAL): predictions unlike those of labelled neighbours."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._neighbors import nearest_neighbors
from ..signals import Signals
from ._base import ScoreStrategy
from ._checks import check_integer, labeled_signals


class ContrastiveAL(ScoreStrategy):
    """Contrastive active learning (CAL): divergence from the predictions of labelled neighbours.

    The score is ``mean_i KL(p(. | x_i) || p(. | x))`` over the ``n_neighbors`` labelled samples
    x_i nearest to x in embedding space. It is high where similar embeddings have different
    predictions, as at the decision boundary.

    Parameters
    ----------
    n_neighbors : int, default=10
        Number of labelled neighbours; all labelled samples if they are fewer.

    Notes
    -----
    Without labelled samples all scores are 0, and the batch is random. Cost O(n l d) for
    the neighbours and O(n n_neighbors C) for the divergence; memory O(n C).

    References
    ----------
    Margatina, Vernikos, Barrault & Aletras, "Active learning by acquiring contrastive
    examples", EMNLP 2021, arXiv 2109.03764.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import ContrastiveAL
    >>> labeled = Signals(embeddings=[[0.0], [9.0]], probabilities=[[0.9, 0.1], [0.1, 0.9]])
    >>> signals = Signals(embeddings=[[0.1], [1.0]], probabilities=[[0.9, 0.1], [0.5, 0.5]],
    ...                   labeled=labeled, codes=[0, 1])
    >>> ContrastiveAL(n_neighbors=1).select(signals, 1).tolist()
    [1]

    """

    needs = ("logits", "embeddings", "labeled")
    cost = "O(n l d)"

    def __init__(self, n_neighbors: int = 10):
        self.n_neighbors = n_neighbors

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        check_integer("n_neighbors", self.n_neighbors, lowest=1)
        log_P = signals.logits.log_softmax(dim=1)
        labeled = labeled_signals(signals, ("logits", "embeddings"), self.name)
        if labeled is None:
            return log_P.new_zeros(len(log_P))
        order = labeled.order(rng)
        log_Q = labeled.logits.log_softmax(dim=1)[order]
        Q = log_Q.exp()
        k = min(self.n_neighbors, len(Q))
        _, neighbors = nearest_neighbors(signals.embeddings, labeled.embeddings[order], k)
        # mean_i sum_c q_ic (log q_ic - log p_c) = mean negentropy of the q_i minus
        # sum_c (mean q)_c log p_c. Neighbours are added in a fixed order, so that equal
        # rows do not differ by rounding.
        neighbors = neighbors.sort(dim=1).values
        negentropy = (Q * log_Q).sum(dim=1)
        mean_Q, mean_negentropy = torch.zeros_like(log_P), log_P.new_zeros(len(log_P))
        for column in neighbors.unbind(dim=1):
            mean_Q += Q[column] / k
            mean_negentropy += negentropy[column] / k
        return (mean_negentropy - (mean_Q * log_P).sum(dim=1)).clamp_min(0)
