"""StrategySampler: a single strategy with the fit, query and teach of a sampler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..mixing import Candidates, named_strategies
from ..signals import SignalOptions, Signals
from ..strategies import Strategy
from ._base import BaseSampler
from ._result import Answer


class StrategySampler(BaseSampler):
    """Query with one strategy.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, FrozenEstimator or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategy : Strategy, str or callable, default="margin"
        The strategy, its name, or a function of the signals.
    n_instances : int, default=10
        Size of a batch.
    signals : SignalOptions or None, default=None
        How the signals are computed.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    on_nonfinite : {"raise", "skip"}, default="raise"
        How to treat samples of a pool that contain NaN or infinity.
    on_error : {"raise", "drop"}, default="raise"
        How to treat a strategy that fails; see :class:`~skautoal.AutoALSampler`. Without
        its only strategy the sampler cannot continue, so ``"drop"`` raises an error too.
    random_state : int, RandomState or None, default=None
        Controls training, tie-breaking and random draws.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    strategies_ : list of (str, Strategy)
        The strategy with its name.
    timings_ : dict of str to float
        Seconds of each stage of the last fit and query.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import StrategySampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = StrategySampler(strategy="margin", random_state=0).fit(X[:12], y[:12])
    >>> len(set(sampler.query(X[12:], n_instances=5).tolist()))
    5

    """

    _strategy_parameters = ("strategy",)

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "strategy": "no_validation",  # get_strategy checks it
    }

    def __init__(
        self,
        estimator: Any = None,
        strategy: Any = "margin",
        *,
        n_instances: int = 10,
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
        self.strategy = strategy

    def _named_strategies(
        self, has: Callable[[str], bool] | None = None
    ) -> list[tuple[str, Strategy]]:
        return named_strategies([self.strategy])

    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        picks, utilities = candidates.evaluate_first(signals, n_instances, seed)
        return Answer.of_one(candidates.names[0], picks, utilities)
