"""Entropy sampling, on one prediction or on the mean of MC-dropout passes."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._reductions import mean_of_passes
from ..ops._uncertainty import entropy
from ..signals import Signals
from ._base import ScoreStrategy


class Entropy(ScoreStrategy):
    """Entropy sampling: highest entropy of the prediction.

    The score is -sum_c p_c log p_c, in nats. Cost O(nC).

    References
    ----------
    Shannon, "A mathematical theory of communication", 1948; as a query strategy Settles,
    "Active learning literature survey", 2009.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import Entropy
    >>> signals = Signals(probabilities=[[0.5, 0.5, 0.0], [0.4, 0.3, 0.3]])
    >>> Entropy().select(signals, 1).tolist()
    [1]

    """

    needs = ("probabilities",)
    cost = "O(nC)"
    row_wise = True

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return entropy(signals.probabilities)


class EntropyDropout(Entropy):
    """Entropy sampling on the mean prediction of T MC-dropout passes.

    Cost O(TnC).

    References
    ----------
    Gal, Islam & Ghahramani, "Deep Bayesian active learning with image data", ICML 2017.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import EntropyDropout
    >>> passes = [[[0.9, 0.1], [0.9, 0.1]], [[0.9, 0.1], [0.3, 0.7]]]  # (T, n, C)
    >>> EntropyDropout().select(Signals(mc_probabilities=passes), 1).tolist()
    [1]

    """

    needs = ("mc_probabilities",)
    cost = "O(TnC)"

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return entropy(mean_of_passes(signals.mc_probabilities))
