"""When to stop labelling: criteria that a campaign looks at when it is asked."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from sklearn.base import BaseEstimator

from ..strategies._checks import check_integer, check_number
from ._state import MAX_STEP


class StoppingCriterion(BaseEstimator):
    """A reason to stop, or none.

    Subclasses implement ``reason``; those that follow the predictions of the models set
    ``n_watched`` to the number of samples to predict in each round.

    """

    n_watched = 0

    def check(self) -> None:
        """Refuse parameters that make no sense; called when a campaign takes the criterion."""

    @abstractmethod
    def reason(self, campaign) -> str | None:
        """Why the campaign may stop, in a sentence; None if it should go on.

        Parameters
        ----------
        campaign : LabelingCampaign
            As it is now.

        Returns
        -------
        reason : str or None

        """


class Budget(StoppingCriterion):
    """Stop at a number of labels.

    Parameters
    ----------
    n_labels : int
        Labelled samples, whoever chose them.

    Examples
    --------
    >>> from skautoal.campaign import Budget
    >>> Budget(500)
    Budget(n_labels=500)

    """

    def __init__(self, n_labels: int):
        self.n_labels = n_labels

    def check(self):
        check_integer("n_labels", self.n_labels, lowest=1)

    def reason(self, campaign):
        n = len(campaign.labeled)
        return f"{n} of {self.n_labels} labels are there" if n >= self.n_labels else None


class TargetAccuracy(StoppingCriterion):
    """Stop when the accuracy is surely high enough, on samples like the labelled ones.

    Parameters
    ----------
    accuracy : float
        What to reach, in (0, 1).
    confidence : float, default=0.95
        The lower end of the interval of this confidence has to reach the target.
    n_folds : int, default=5
        Parts of the cross-validation.
    n_least : int, default=50
        With fewer labels nothing is estimated.

    Notes
    -----
    What is estimated is :meth:`LabelingCampaign.estimate_accuracy`: the accuracy of nets
    trained on a part of the labels, on labelled samples they did not see. Samples that a
    sampler chose are no random sample of the pool; uncertain ones are harder than the
    rest, so the estimate tends to be too low, but no law says so. For the accuracy on the
    pool label some random samples as well and keep them aside. Looking again after each
    round gives chance more than one opportunity to be kind: the confidence is that of a
    single look.

    Examples
    --------
    >>> from skautoal.campaign import TargetAccuracy
    >>> TargetAccuracy(0.9)
    TargetAccuracy(accuracy=0.9)

    """

    def __init__(
        self, accuracy: float, confidence: float = 0.95, n_folds: int = 5, n_least: int = 50
    ):
        self.accuracy = accuracy
        self.confidence = confidence
        self.n_folds = n_folds
        self.n_least = n_least

    def check(self):
        check_number("accuracy", self.accuracy, above=0, below=1)
        check_number("confidence", self.confidence, above=0, below=1)
        check_integer("n_folds", self.n_folds, lowest=2)
        check_integer("n_least", self.n_least, lowest=2)

    def reason(self, campaign):
        if len(campaign.labeled) < self.n_least or len(set(campaign.labels.tolist())) < 2:
            return None
        estimate = campaign.estimate_accuracy(self.n_folds, confidence=self.confidence)
        if estimate.lower < self.accuracy:
            return None
        return (
            f"the cross-validated accuracy on {estimate.n_samples} labelled samples is"
            f" {estimate.accuracy:.3f}, at least {estimate.lower:.3f} with"
            f" {self.confidence:.0%} confidence; the target was {self.accuracy}"
        )


class StablePredictions(StoppingCriterion):
    """Stop when new labels no longer change what the models predict.

    In each round the model predicts the same random samples of the pool, labelled or not;
    Cohen's kappa compares it with the model before. When the mean of the last values is
    high enough, more labels change little. No label is needed for it; it says that the
    model has settled, not that it is right.

    Parameters
    ----------
    threshold : float, default=0.99
        What the mean kappa has to reach.
    n_rounds : int, default=3
        Values that the mean is of.
    n_watched : int, default=2000
        Samples to predict, or the whole pool if it is smaller.

    References
    ----------
    Bloodgood & Vijay-Shanker, "A method for stopping active learning based on stabilizing
    predictions and the need for user-adjustable stopping", CoNLL 2009, arXiv 1409.5165.

    Examples
    --------
    >>> from skautoal.campaign import StablePredictions
    >>> StablePredictions(threshold=0.95)
    StablePredictions(threshold=0.95)

    """

    def __init__(self, threshold: float = 0.99, n_rounds: int = 3, n_watched: int = 2000):
        self.threshold = threshold
        self.n_rounds = n_rounds
        self.n_watched = n_watched

    def check(self):
        check_number("threshold", self.threshold, above=0, at_most=1)
        check_integer("n_rounds", self.n_rounds, lowest=1)
        check_integer("n_watched", self.n_watched, lowest=2)
        if self.n_watched > MAX_STEP:
            raise ValueError(f"'n_watched' must be at most {MAX_STEP}; got {self.n_watched}.")

    def reason(self, campaign):
        last = campaign.agreements[-self.n_rounds :]
        if len(last) < self.n_rounds or np.mean(last) < self.threshold:
            return None
        return (
            f"predictions are stable: mean kappa {np.mean(last):.3f} of models over"
            f" {self.n_rounds} rounds, threshold {self.threshold}"
        )


def check_stopping(stopping: object) -> list[StoppingCriterion]:
    """Criteria as a list, a single one too."""
    criteria = [stopping] if isinstance(stopping, StoppingCriterion) else stopping
    if not isinstance(criteria, (list, tuple)) or not all(
        isinstance(criterion, StoppingCriterion) for criterion in criteria
    ):
        raise TypeError(
            "'stopping' must be a list of Budget, TargetAccuracy, StablePredictions or other"
            f" StoppingCriterion objects; got {stopping!r:.100}."
        )
    for criterion in criteria:
        criterion.check()
    return list(criteria)
