"""Mean standard deviation of the class probabilities over MC-dropout passes."""

from __future__ import annotations

from ._base import ScoreStrategy


class MeanSTD(ScoreStrategy):
    """Mean over classes of the standard deviation over passes: mean_c std_t p_tc.

    The standard deviation divides by T. Cost O(TnC).

    References
    ----------
    Kampffmeyer, Salberg & Jenssen, "Semantic segmentation of small objects and modeling
    of uncertainty in urban remote sensing images", CVPR workshops 2016.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import MeanSTD
    >>> passes = [[[0.5, 0.5], [0.6, 0.4]], [[0.5, 0.5], [0.4, 0.6]]]  # (T, n, C)
    >>> MeanSTD().select(Signals(mc_probabilities=passes), 1).tolist()
    [1]

    """

    needs = ("mc_probabilities",)
    cost = "O(TnC)"
    row_wise = True

    def _scores(self, signals, rng):
        return signals.mc_probabilities.std(dim=0, correction=0).mean(dim=1)
