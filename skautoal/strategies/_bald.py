"""Bayesian active learning by disagreement (BALD), from MC-dropout passes."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._reductions import mean_of_passes
from ..ops._uncertainty import entropy
from ..signals import Signals
from ._base import ScoreStrategy


class BALD(ScoreStrategy):
    """BALD: mutual information between the prediction and the weights of the net.

    The score is H(mean_t p_t) - mean_t H(p_t) over T MC-dropout passes, in nats. It is 0 where
    all passes agree. Cost O(TnC).

    References
    ----------
    Houlsby, Huszar, Ghahramani & Lengyel, "Bayesian active learning for classification
    and preference learning", 2011, arXiv 1112.5745; with dropout Gal, Islam &
    Ghahramani, ICML 2017.

    Examples
    --------
    Two passes that contradict each other score higher than two passes that agree on an
    uncertain prediction:

    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import BALD
    >>> passes = [[[0.5, 0.5], [0.9, 0.1]], [[0.5, 0.5], [0.1, 0.9]]]  # (T, n, C)
    >>> BALD().select(Signals(mc_probabilities=passes), 1).tolist()
    [1]

    """

    needs = ("mc_probabilities",)
    cost = "O(TnC)"
    row_wise = True

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        passes = signals.mc_probabilities
        # One pass at a time, so that the intermediate arrays stay in the cache.
        own = mean_of_passes(entropy(one) for one in passes)
        information = entropy(mean_of_passes(passes)) - own
        return information.clamp_min(0)  # only rounding can make it negative
