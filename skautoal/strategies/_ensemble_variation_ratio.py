"""Variation ratio among the nets of an ensemble."""

from __future__ import annotations

from ..ops._uncertainty import variation_ratio
from ._base import ScoreStrategy


class EnsembleVariationRatio(ScoreStrategy):
    """Share of the M nets of an ensemble that do not predict the modal class: 1 - f_mode / M.

    The nets differ in their initial weights and the order of training; each is trained
    from scratch on the labelled samples (``"ensemble_probabilities"``). Cost O(MnC)
    beyond the M trainings.

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

    def _scores(self, signals, rng):
        return variation_ratio(signals.ensemble_probabilities)
