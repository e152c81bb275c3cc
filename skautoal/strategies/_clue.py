"""CLUE: clustering of embeddings, weighted by uncertainty."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._kmeans import nearest_to_centers
from ..ops._uncertainty import entropy
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_number


class Clue(BatchStrategy):
    """CLUE: uncertainty-weighted k-means of the embeddings.

    The weight of a sample is the entropy of ``softmax(logits / temperature)``. The sample
    nearest to each of b centres is picked, clusters with the largest total entropy first.

    Parameters
    ----------
    temperature : float, default=1.0
        Positive temperature of the softmax. Low values concentrate the weights on the most
        uncertain samples; high values make the weights equal, as in plain k-means.

    Notes
    -----
    Cost O(nC), plus O(nbd) for each iteration of k-means; memory O(nd).

    References
    ----------
    Prabhu, Chandrasekaran, Saenko & Hoffman, "Active domain adaptation via clustering
    uncertainty-weighted embeddings", ICCV 2021, arXiv 2010.08666.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import Clue
    >>> signals = Signals(embeddings=[[0.0], [1.0], [2.0], [3.0]],
    ...                   logits=[[9.0, 0.0], [9.0, 0.0], [9.0, 0.0], [0.0, 0.0]])
    >>> Clue().select(signals, 1).tolist()
    [3]

    """

    needs = ("logits", "embeddings")
    cost = "O(nbd) per iteration"

    def __init__(self, temperature: float = 1.0):
        self.temperature = temperature

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_number("temperature", self.temperature, above=0)
        weights = entropy((signals.logits / self.temperature).softmax(dim=1))
        order = signals.order(rng)
        return nearest_to_centers(signals.embeddings, n_instances, order, rng, weights)
