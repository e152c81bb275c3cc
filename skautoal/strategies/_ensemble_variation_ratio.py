"""Variation ratio of the predictions of an ensemble."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._uncertainty import variation_ratio
from ..signals import Signals
from ._base import ScoreStrategy


class EnsembleVariationRatio(ScoreStrategy):
    """Variation ratio of an ensemble: share of the M nets that do not predict the modal class.

    The score is 1 - f_mode / M. The nets differ in their initial weights and in the order of
    training; each is trained from scratch on the labelled samples
    (signal ``"ensemble_probabilities"``). Cost O(MnC) plus M trainings.

    References
    ----------
    Beluch, Genewein, Nürnberger & Köhler, "The power of ensembles for active learning in
    image classification", CVPR 2018.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import EnsembleVariationRatio
    >>> members = [[[0.6, 0.4], [0.6, 0.4]], [[0.6, 0.4], [0.4, 0.6]]]  # (M, n, C)
    >>> signals = Signals(ensemble_probabilities=members)
    >>> EnsembleVariationRatio().select(signals, 1).tolist()
    [1]

    """

    needs = ("ensemble_probabilities",)
    cost = "M trainings + O(MnC), M nets"
    row_wise = True

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return variation_ratio(signals.ensemble_probabilities)
