"""CLUE: clusters of the embeddings, pulled towards uncertain samples."""

from __future__ import annotations

from ..ops._kmeans import nearest_to_centers
from ..ops._uncertainty import entropy
from ._base import BatchStrategy
from ._checks import check_number


class Clue(BatchStrategy):
    """Entropy-weighted k-means: the sample nearest to each of b centres.

    The embeddings are clustered with the entropy of ``softmax(logits / temperature)`` as
    the weight of each sample; clusters with most entropy come first.

    Parameters
    ----------
    temperature : float, default=1.0
        Below 1 little but the unsure samples weigh; high ones make it plain k-means.

    Notes
    -----
    Cost O(nC) and O(nbd) an iteration, memory O(nd).

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
    cost = "O(nbd) an iteration"

    def __init__(self, temperature: float = 1.0):
        self.temperature = temperature

    def _pick(self, signals, n_instances, rng):
        check_number("temperature", self.temperature, above=0)
        weights = entropy((signals.logits / self.temperature).softmax(dim=1))
        order = signals.order(rng)
        return nearest_to_centers(signals.embeddings, n_instances, order, rng, weights)
