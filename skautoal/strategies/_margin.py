"""Margin sampling, on one prediction or on the mean of MC-dropout passes."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._reductions import mean_of_passes
from ..ops._uncertainty import margin
from ..signals import Signals
from ._base import ScoreStrategy


class Margin(ScoreStrategy):
    """Margin sampling: smallest gap between the two most probable classes.

    The score is -(p_1 - p_2). Cost O(nC).

    References
    ----------
    Scheffer, Decomain & Wrobel, "Active hidden Markov models for information
    extraction", IDA 2001.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import Margin
    >>> signals = Signals(probabilities=[[0.5, 0.1, 0.4], [0.4, 0.4, 0.2]])
    >>> Margin().select(signals, 1).tolist()
    [1]

    """

    needs = ("probabilities",)
    cost = "O(nC)"
    row_wise = True

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return -margin(signals.probabilities)


class MarginDropout(Margin):
    """Margin sampling on the mean prediction of T MC-dropout passes.

    Cost O(TnC).

    References
    ----------
    Gal & Ghahramani, "Dropout as a Bayesian approximation", ICML 2016.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import MarginDropout
    >>> passes = [[[0.9, 0.1], [0.9, 0.1]], [[0.9, 0.1], [0.3, 0.7]]]  # (T, n, C)
    >>> MarginDropout().select(Signals(mc_probabilities=passes), 1).tolist()
    [1]

    """

    needs = ("mc_probabilities",)
    cost = "O(TnC)"

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return -margin(mean_of_passes(signals.mc_probabilities))
