"""Temporal output discrepancy: change of the prediction since the previous round."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..signals import Signals
from ._base import ScoreStrategy


class TemporalOutputDiscrepancy(ScoreStrategy):
    """Temporal output discrepancy: change of the prediction since the previous round.

    The score is ||p_t - p_(t-1)||_2, the distance between the predictions of the current net
    and of that of the previous round. It is a lower bound of the loss of the sample, up to a
    factor that is the same for all samples. Cost O(nC) plus a forward pass of the previous net.

    Notes
    -----
    In the first round there is no previous net. Use another strategy for the first query, then
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

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return (signals.probabilities - signals.previous_probabilities).norm(dim=1)
