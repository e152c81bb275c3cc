"""Variation ratio: how often MC-dropout passes leave the majority class."""

from __future__ import annotations

from ..ops._uncertainty import variation_ratio
from ._base import ScoreStrategy


class VariationRatio(ScoreStrategy):
    """Share of the T passes that do not predict the modal class: 1 - f_mode / T.

    This is Freeman's measure on predicted labels, not 1 - max p, which is least
    confidence. Cost O(TnC).

    References
    ----------
    Freeman, "Elementary applied statistics", 1965; Gal, Islam & Ghahramani, ICML 2017.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import VariationRatio
    >>> passes = [[[0.6, 0.4], [0.6, 0.4]], [[0.6, 0.4], [0.4, 0.6]]]  # (T, n, C)
    >>> VariationRatio().select(Signals(mc_probabilities=passes), 1).tolist()
    [1]

    """

    needs = ("mc_probabilities",)
    cost = "O(TnC)"
    row_wise = True

    def _scores(self, signals, rng):
        return variation_ratio(signals.mc_probabilities)
