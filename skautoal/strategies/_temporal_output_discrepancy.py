"""Temporal output discrepancy: where one more round of training changed the prediction."""

from __future__ import annotations

from ._base import ScoreStrategy


class TemporalOutputDiscrepancy(ScoreStrategy):
    """Distance of the predictions of this round's net and the last one's: ||p_t - p_(t-1)||_2.

    The distance bounds the loss of a sample from below, up to a factor that is the same
    for all of them. Cost O(nC) beyond the forward pass of the earlier net.

    Notes
    -----
    There is no earlier net in the first round: query with another strategy, then
    ``teach``.

    References
    ----------
    Huang, Wang, Xu, Wu & Dou, "Semi-supervised active learning with temporal output
    discrepancy", ICCV 2021, arXiv 2107.14153.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import TemporalOutputDiscrepancy
    >>> signals = Signals(probabilities=[[0.5, 0.5], [0.9, 0.1]],
    ...                   previous_probabilities=[[0.5, 0.5], [0.2, 0.8]])
    >>> TemporalOutputDiscrepancy().select(signals, 1).tolist()
    [1]

    """

    needs = ("probabilities", "previous_probabilities")
    cost = "O(nC)"
    row_wise = True

    def _scores(self, signals, rng):
        return (signals.probabilities - signals.previous_probabilities).norm(dim=1)
