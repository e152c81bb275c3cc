"""Stopping criteria, which ``LabelingCampaign.should_stop`` evaluates."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from ..strategies._checks import check_integer, check_number
from ._state import MAX_STEP

if TYPE_CHECKING:
    from ._campaign import LabelingCampaign


class StoppingCriterion(BaseEstimator):
    """Base class of stopping criteria.

    Subclasses implement ``reason``. A subclass that compares predictions over the rounds
    sets ``n_watched`` to the number of samples to predict in each round.

    """

    n_watched = 0

    def check(self) -> None:
        """Raise an error for invalid parameters. A campaign calls it when it is created."""

    @abstractmethod
    def reason(self, campaign: LabelingCampaign) -> str | None:
        """Return the reason to stop as a sentence, or None to continue.

        Parameters
        ----------
        campaign : LabelingCampaign
            Campaign in its current state.

        Returns
        -------
        reason : str or None

        """


class Budget(StoppingCriterion):
    """Stop when a number of samples is labelled.

    Parameters
    ----------
    n_labels : int
        Number of labelled samples. Labels that were told without being asked for count.

    Examples
    --------
    >>> from skautoal.campaign import Budget
    >>> Budget(500)
    Budget(n_labels=500)

    """

    def __init__(self, n_labels: int) -> None:
        self.n_labels = n_labels

    def check(self) -> None:
        check_integer("n_labels", self.n_labels, lowest=1)

    def reason(self, campaign: LabelingCampaign) -> str | None:
        n = len(campaign.labeled)
        return f"{n} of {self.n_labels} labels were told" if n >= self.n_labels else None


class TargetAccuracy(StoppingCriterion):
    """Stop when the cross-validated accuracy is above a target with a given confidence.

    Parameters
    ----------
    accuracy : float
        Target accuracy, in (0, 1).
    confidence : float, default=0.95
        Confidence level. The lower bound of the interval must reach the target.
    n_folds : int, default=5
        Number of folds of the cross-validation.
    n_least : int, default=50
        Minimum number of labels. With fewer labels the accuracy is not estimated.

    Notes
    -----
    The accuracy is that of :meth:`LabelingCampaign.estimate_accuracy`. It is measured on
    labelled samples, which are not a random sample of the pool. Uncertain samples are often
    harder than average, so the estimate is usually too low, but this is not guaranteed. To
    estimate the accuracy on the pool, label some random samples and hold them out. The
    confidence level holds for a single evaluation. Evaluating after every round makes it
    more likely that the target is reached by chance.

    Examples
    --------
    >>> from skautoal.campaign import TargetAccuracy
    >>> TargetAccuracy(0.9)
    TargetAccuracy(accuracy=0.9)

    """

    def __init__(
        self, accuracy: float, confidence: float = 0.95, n_folds: int = 5, n_least: int = 50
    ) -> None:
        self.accuracy = accuracy
        self.confidence = confidence
        self.n_folds = n_folds
        self.n_least = n_least

    def check(self) -> None:
        check_number("accuracy", self.accuracy, above=0, below=1)
        check_number("confidence", self.confidence, above=0, below=1)
        check_integer("n_folds", self.n_folds, lowest=2)
        check_integer("n_least", self.n_least, lowest=2)

    def reason(self, campaign: LabelingCampaign) -> str | None:
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
    """Stop when new labels no longer change the predictions of the model.

    In each round the model predicts the same random samples of the pool. Cohen's kappa
    measures the agreement with the model of the previous round. The criterion is met when
    the mean of the last values reaches a threshold. It needs no labelled test set. Stable
    predictions do not imply accurate predictions.

    Parameters
    ----------
    threshold : float, default=0.99
        Value that the mean kappa must reach, in (0, 1].
    n_rounds : int, default=3
        Number of most recent kappa values in the mean.
    n_watched : int, default=2000
        Number of samples to predict. A smaller pool is predicted as a whole.

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

    def __init__(self, threshold: float = 0.99, n_rounds: int = 3, n_watched: int = 2000) -> None:
        self.threshold = threshold
        self.n_rounds = n_rounds
        self.n_watched = n_watched

    def check(self) -> None:
        check_number("threshold", self.threshold, above=0, at_most=1)
        check_integer("n_rounds", self.n_rounds, lowest=1)
        check_integer("n_watched", self.n_watched, lowest=2)
        if self.n_watched > MAX_STEP:
            raise ValueError(f"'n_watched' must be at most {MAX_STEP}; got {self.n_watched}.")

    def reason(self, campaign: LabelingCampaign) -> str | None:
        last = campaign.agreements[-self.n_rounds :]
        if len(last) < self.n_rounds or np.mean(last) < self.threshold:
            return None
        return (
            f"the predictions are stable: the mean kappa over {self.n_rounds} rounds is"
            f" {np.mean(last):.3f}; the threshold is {self.threshold}"
        )


def check_stopping(stopping: object) -> list[StoppingCriterion]:
    """Return the criteria as a list after checking each of them."""
    criteria = [stopping] if isinstance(stopping, StoppingCriterion) else stopping
    if not isinstance(criteria, (list, tuple)) or not all(
        isinstance(criterion, StoppingCriterion) for criterion in criteria
    ):
        raise TypeError(
            "'stopping' must be a StoppingCriterion, such as Budget(500), or a list of them;"
            f" got {stopping!r:.100}."
        )
    for criterion in criteria:
        criterion.check()
    return list(criteria)
