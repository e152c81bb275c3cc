"""CEAL: query uncertain samples and give pseudo-labels to certain ones."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..ops._uncertainty import entropy, least_confidence, margin
from ..signals import Signals
from ._base import ScoreStrategy
from ._checks import check_choice, check_number

_CRITERIA = {
    "entropy": entropy,
    "least_confidence": least_confidence,
    "margin": lambda P: -margin(P),
}


class CEAL(ScoreStrategy):
    """CEAL: uncertainty sampling, with pseudo-labels for the most certain samples.

    The score is the entropy -sum_c p_c log p_c, the least confidence 1 - max_c p_c or the
    margin -(p_1 - p_2). Samples that the net is certain about need no annotator:
    :meth:`pseudo_labels` returns them with the predicted class, to be used for one round of
    training. Cost O(nC).

    Parameters
    ----------
    criterion : {"entropy", "least_confidence", "margin"}, default="entropy"
        Measure of uncertainty.
    threshold : float, default=0.05
        Entropy in nats below which a sample gets a pseudo-label. The paper lowers it from
        round to round as the net becomes more certain.

    References
    ----------
    Wang, Zhang, Li, Zhang & Lin, "Cost-effective active learning for deep image
    classification", IEEE TCSVT 2017, arXiv 1701.03551.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import CEAL
    >>> signals = Signals(probabilities=[[0.5, 0.5], [0.001, 0.999], [0.7, 0.3]])
    >>> CEAL().select(signals, 1).tolist()
    [0]
    >>> indices, codes = CEAL().pseudo_labels(signals)
    >>> indices.tolist(), codes.tolist()
    ([1], [1])

    """

    needs = ("probabilities",)
    cost = "O(nC)"
    row_wise = True

    def __init__(self, criterion: str = "entropy", threshold: float = 0.05):
        self.criterion = criterion
        self.threshold = threshold

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        check_choice("criterion", self.criterion, _CRITERIA)
        return _CRITERIA[self.criterion](signals.probabilities)

    def pseudo_labels(self, signals: Signals) -> tuple[np.ndarray, np.ndarray]:
        """Return the samples that the net is certain about, with their predicted classes.

        Parameters
        ----------
        signals : Signals
            Signals of the pool.

        Returns
        -------
        indices : ndarray of shape (m,), dtype int64
            Rows with an entropy below ``threshold``, in the order of the pool. A row that is also
            queried should keep the label of the annotator.
        codes : ndarray of shape (m,), dtype int64
            Their predicted class codes 0..C-1.

        """
        check_number("threshold", self.threshold, above=0)
        signals.require(self.needs, needed_by=self.name)
        P = signals.probabilities
        sure = (entropy(P) < self.threshold).nonzero().flatten()
        return sure.cpu().numpy(), P[sure].argmax(dim=1).cpu().numpy()
