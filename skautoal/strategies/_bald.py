"""Bayesian active learning by disagreement, from MC-dropout passes."""

from __future__ import annotations

from ..ops._reductions import mean_of_passes
from ..ops._uncertainty import entropy
from ._base import ScoreStrategy


class BALD(ScoreStrategy):
    """Mutual information of prediction and weights: H(mean_t p_t) - mean_t H(p_t).

    It is at least 0, and 0 where all passes agree. Cost O(TnC).

    References
    ----------
    Houlsby, Huszar, Ghahramani & Lengyel, "Bayesian active learning for classification
    and preference learning", 2011, arXiv 1112.5745; with dropout Gal, Islam &
    Ghahramani, ICML 2017.

    Examples
    --------
    Two passes that contradict each other are worth more than two that agree on being
    unsure:

    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import BALD
    >>> passes = [[[0.5, 0.5], [0.9, 0.1]], [[0.5, 0.5], [0.1, 0.9]]]  # (T, n, C)
    >>> BALD().select(Signals(mc_probabilities=passes), 1).tolist()
    [1]

    """

    needs = ("mc_probabilities",)
    cost = "O(TnC)"
    row_wise = True

    def _scores(self, signals, rng):
        passes = signals.mc_probabilities
        # Pass by pass: what is made of one stays in the cache.
        own = mean_of_passes(entropy(one) for one in passes)
        information = entropy(mean_of_passes(passes)) - own
        return information.clamp_min(0)  # it never is negative but by rounding
