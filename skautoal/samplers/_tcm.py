"""TCMSampler: typical samples while there are few labels, small margins afterwards."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval

from ..mixing import Candidates, named_strategies
from ..signals import SignalOptions, Signals
from ..strategies import Strategy
from ._base import BaseSampler
from ._result import Answer

_LABELS_PER_CLASS = 5


class TCMSampler(BaseSampler):
    """Use TypiClust while there are few labels, and margin sampling afterwards.

    The initial strategy is used until there are on average ``labels_per_class`` labels for
    each known class or, if ``n_initial_rounds`` is given, for that many rounds of ``query``
    and ``teach`` after ``fit``. From then on the final strategy is used.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, FrozenEstimator or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    initial_strategy : Strategy, str or callable, default="typiclust"
        Strategy for few labels.
    final_strategy : Strategy, str or callable, default="margin"
        Strategy for more labels.
    n_instances : int, default=10
        Size of a batch.
    labels_per_class : int, default=5
        Labels per class from which on the final strategy is used.
    n_initial_rounds : int or None, default=None
        Number of rounds with the initial strategy, instead of a number of labels.
    signals : SignalOptions or None, default=None
        How the signals are computed.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    on_nonfinite : {"raise", "skip"}, default="raise"
        How to treat samples of a pool that contain NaN or infinity.
    on_error : {"raise", "drop"}, default="raise"
        How to treat a strategy that fails; see :class:`~skautoal.AutoALSampler`.
    random_state : int, RandomState or None, default=None
        Controls training, tie-breaking and random draws.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_rounds_ : int
        Number of calls of ``teach`` since ``fit``.
    strategies_ : list of (str, Strategy)
        The initial and the final strategy with their names.
    phase_ : {"initial", "final"}
        Current phase.
    timings_ : dict of str to float
        Seconds of each stage.

    References
    ----------
    .. [1] Doucet, Estermann, Aczel & Wattenhofer, "Bridging diversity and uncertainty in
       active learning with self-supervised pre-training", ICLR 2024 workshop on practical
       ML for limited/low resource settings, arXiv 2403.03728.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import TCMSampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = TCMSampler(labels_per_class=5, random_state=0).fit(X[:12], y[:12])
    >>> idx = sampler.query(X[12:], n_instances=5)
    >>> sampler.phase_, sampler.teach(X[12:][idx], y[12:][idx]).phase_
    ('initial', 'final')

    """

    _strategy_parameters = ("initial_strategy", "final_strategy")

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "initial_strategy": "no_validation",
        "final_strategy": "no_validation",
        "labels_per_class": [Interval(Integral, 0, None, closed="left")],
        "n_initial_rounds": [Interval(Integral, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        estimator: Any = None,
        initial_strategy: Any = "typiclust",
        final_strategy: Any = "margin",
        *,
        n_instances: int = 10,
        labels_per_class: int = _LABELS_PER_CLASS,
        n_initial_rounds: int | None = None,
        signals: SignalOptions | None = None,
        classes: Any = None,
        on_nonfinite: str = "raise",
        on_error: str = "raise",
        random_state: Any = None,
    ):
        super().__init__(
            estimator,
            n_instances=n_instances,
            signals=signals,
            classes=classes,
            on_nonfinite=on_nonfinite,
            on_error=on_error,
            random_state=random_state,
        )
        self.initial_strategy = initial_strategy
        self.final_strategy = final_strategy
        self.labels_per_class = labels_per_class
        self.n_initial_rounds = n_initial_rounds

    def _reset(self) -> None:
        self.n_rounds_ = 0

    @property
    def _n_rounds_remembered(self) -> float:
        return np.inf

    def _check_parameters(self) -> None:
        if self.n_initial_rounds is not None and self.labels_per_class != _LABELS_PER_CLASS:
            raise ValueError(
                f"'labels_per_class' is {self.labels_per_class}, but 'n_initial_rounds' is"
                f" {self.n_initial_rounds} and takes precedence. Give one of the two."
            )

    def teach(self, X: Any, y: Any) -> TCMSampler:
        """Add newly labelled samples, fit again on all of them, and count the round.

        Parameters
        ----------
        X : array-like of shape (n_new, ...)
            Samples, in the container that ``fit`` was given.
        y : array-like of shape (n_new,)
            Their labels, which may include new classes.

        Returns
        -------
        self : object

        """
        is_first = not hasattr(self, "estimator_")
        super().teach(X, y)
        if not is_first:
            self.n_rounds_ += 1
        return self

    @property
    def phase_(self) -> str:
        """Current phase: "initial" or "final"."""
        if self.n_initial_rounds is not None:
            return "initial" if self.n_rounds_ < self.n_initial_rounds else "final"
        enough = self.labels_per_class * len(self.classes_)
        return "initial" if len(self.y_labeled_) < enough else "final"

    def _named_strategies(
        self, has: Callable[[str], bool] | None = None
    ) -> list[tuple[str, Strategy]]:
        return named_strategies([self.initial_strategy, self.final_strategy])

    def _candidates_to_ask(self) -> Candidates:
        candidates = super()._candidates_to_ask()
        if self.phase_ == "final":
            candidates.pairs.reverse()  # the other one is used if this one is dropped
        return candidates

    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        picks, utilities = candidates.evaluate_first(signals, n_instances, seed)
        return Answer.of_one(candidates.names[0], picks, utilities)
