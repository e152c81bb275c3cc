"""The previous round: the net of an earlier fit, for strategies that compare two nets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from ..data._rows import take_rows

if TYPE_CHECKING:
    from ._base import BaseSampler

#: Signal of strategies that compare the net with that of the previous round.
COMPARED = "previous_probabilities"


@dataclass(frozen=True)
class PreviousRound:
    """The trained net of an earlier fit.

    Attributes
    ----------
    net : skorch classifier
        Net that was trained on fewer or other labels.
    n_classes : int
        Number of its classes; nets with different numbers are not compared.

    """

    net: Any
    n_classes: int

    @classmethod
    def of(cls, sampler: BaseSampler) -> PreviousRound:
        """Return the round of a fitted sampler."""
        return cls(sampler._task.net, len(sampler.classes_))

    @classmethod
    def simulated(cls, sampler: BaseSampler, X: Any, y: np.ndarray) -> PreviousRound:
        """Train on half of the labels of each class, if there was no earlier round.

        Parameters
        ----------
        sampler : BaseSampler
            Sampler whose clone is trained; it does not change.
        X : array-like of shape (n_samples, ...)
            Labelled samples.
        y : ndarray of shape (n_samples,)
            Their labels.

        """
        halves = [np.flatnonzero(y == label) for label in np.unique(y)]
        earlier = np.sort(np.concatenate([rows[: (len(rows) + 1) // 2] for rows in halves]))
        return cls.of(clone(sampler).fit(take_rows(X, earlier), y[earlier]))


def compares_rounds(sampler: BaseSampler) -> bool:
    """Return True if a strategy of the sampler reads the net of the previous round."""
    return COMPARED in sampler.required_signals()
