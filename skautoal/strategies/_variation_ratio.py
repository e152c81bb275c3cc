"""Variation ratio of the predictions of MC-dropout passes."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._uncertainty import variation_ratio
from ..signals import Signals
from ._base import ScoreStrategy


class VariationRatio(ScoreStrategy):
    """Variation ratio: share of MC-dropout passes that do not predict the modal class.

    The score is 1 - f_mode / T, Freeman's measure on predicted labels. It differs from
    1 - max_c p_c, the least confidence. Cost O(TnC).

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

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return variation_ratio(signals.mc_probabilities)
