"""Least-confidence sampling, on one prediction or on the mean of MC-dropout passes."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._reductions import mean_of_passes
from ..ops._uncertainty import least_confidence
from ..signals import Signals
from ._base import ScoreStrategy


class LeastConfidence(ScoreStrategy):
    """Least-confidence sampling: lowest probability of the predicted class.

    The score is 1 - max_c p_c. Cost O(nC).

    References
    ----------
    Lewis & Gale, "A sequential algorithm for training text classifiers", SIGIR 1994.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import LeastConfidence
    >>> signals = Signals(probabilities=[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> LeastConfidence().select(signals, 2).tolist()
    [1, 2]

    """

    needs = ("probabilities",)
    cost = "O(nC)"
    row_wise = True

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return least_confidence(signals.probabilities)


class LeastConfidenceDropout(LeastConfidence):
    """Least-confidence sampling on the mean prediction of T MC-dropout passes.

    Cost O(TnC).

    References
    ----------
    Gal & Ghahramani, "Dropout as a Bayesian approximation", ICML 2016.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import LeastConfidenceDropout
    >>> passes = [[[0.9, 0.1], [0.9, 0.1]], [[0.9, 0.1], [0.3, 0.7]]]  # (T, n, C)
    >>> LeastConfidenceDropout().select(Signals(mc_probabilities=passes), 1).tolist()
    [1]

    """

    needs = ("mc_probabilities",)
    cost = "O(TnC)"

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return least_confidence(mean_of_passes(signals.mc_probabilities))
