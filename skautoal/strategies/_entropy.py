"""Maximum entropy, on one prediction or on the mean of MC-dropout passes."""

from __future__ import annotations

from ..ops._reductions import mean_of_passes
from ..ops._uncertainty import entropy
from ._base import ScoreStrategy


class Entropy(ScoreStrategy):
    """Samples of highest predictive entropy: score -sum_c p_c log p_c (nats).

    Cost O(nC).

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

    def _scores(self, signals, rng):
        return entropy(signals.probabilities)


class EntropyDropout(Entropy):
    """Entropy of the mean prediction of T MC-dropout passes.

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

    def _scores(self, signals, rng):
        return entropy(mean_of_passes(signals.mc_probabilities))
