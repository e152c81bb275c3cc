"""REFINESampler: several strategies filter the pool; UncertaintyHerding picks from the rest."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import torch
from sklearn.utils._param_validation import Interval

from .._utils._rng import derive_seed
from ..mixing import Candidates, progressive_filter
from ..signals import SignalOptions, Signals
from ..strategies import UncertaintyHerding
from ._composition import StrategiesSampler
from ._result import Answer


class REFINESampler(StrategiesSampler):
    """Filter the pool with several strategies, and pick with UncertaintyHerding.

    In each of ``n_filter_rounds`` rounds every strategy picks a batch from each of
    ``n_subsets`` random halves of the pool, and only samples that were picked stay in it.
    :class:`~skautoal.strategies.UncertaintyHerding` builds the batch from them.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, FrozenEstimator or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategies : "auto", "paper" or list, default="auto"
        The strategies that filter; see :class:`~skautoal.AutoALSampler`.
    n_instances : int, default=10
        Size of a batch.
    n_filter_rounds : int, default=1
        Rounds of filtering R.
    n_subsets : int, default=5
        Random halves J in each round.
    signals : SignalOptions or None, default=None
        How the signals are computed.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    on_nonfinite : {"raise", "skip"}, default="raise"
        How to treat samples of a pool that contain NaN or infinity.
    on_error : {"raise", "drop"}, default="raise"
        How to treat a strategy that fails; see :class:`~skautoal.AutoALSampler`.
    random_state : int, RandomState or None, default=None
        Controls training, the halves, tie-breaking and random draws.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    strategies_ : list of (str, Strategy)
        The strategies with their names.
    timings_ : dict of str to float
        Seconds of each stage.

    References
    ----------
    .. [1] Huseljic, Herde, Rauch, Hahn & Sick, "Cleaning the pool: progressive filtering
       of unlabeled pools in deep active learning", CVPR 2026, arXiv 2511.22344.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import REFINESampler
    >>> X, y = make_blobs(200, centers=3, random_state=0)
    >>> sampler = REFINESampler(strategies=["margin", "badge"], random_state=0)
    >>> sampler = sampler.fit(X[:20], y[:20])
    >>> result = sampler.query(X[20:], n_instances=5, return_result=True)
    >>> int((result.utilities > 0).sum()), result.explain().places.tolist()
    (5, [1, 2, 3, 4, 5])

    """

    _parameter_constraints: dict = {
        **StrategiesSampler._parameter_constraints,
        "n_filter_rounds": [Interval(Integral, 0, None, closed="left")],
        "n_subsets": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any = None,
        strategies: Any = "auto",
        *,
        n_instances: int = 10,
        n_filter_rounds: int = 1,
        n_subsets: int = 5,
        signals: SignalOptions | None = None,
        classes: Any = None,
        on_nonfinite: str = "raise",
        on_error: str = "raise",
        random_state: Any = None,
    ):
        super().__init__(
            estimator,
            strategies,
            n_instances=n_instances,
            signals=signals,
            classes=classes,
            on_nonfinite=on_nonfinite,
            on_error=on_error,
            random_state=random_state,
        )
        self.n_filter_rounds = n_filter_rounds
        self.n_subsets = n_subsets

    def _own_needs(self) -> dict[str, str]:
        return dict.fromkeys(UncertaintyHerding.needs, "REFINESampler")

    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        rows = progressive_filter(
            candidates,
            signals,
            n_instances,
            n_rounds=self.n_filter_rounds,
            n_subsets=self.n_subsets,
            seed=derive_seed(seed, "filter"),
        )
        signals.compute(UncertaintyHerding.needs)
        herding = Candidates([("UncertaintyHerding", UncertaintyHerding())])
        picks, values = herding.evaluate_first(
            signals.take(rows), n_instances, derive_seed(seed, "batch")
        )
        utilities = values.new_zeros(signals.n_samples)
        utilities[rows] = values
        passed = torch.zeros(signals.n_samples, dtype=torch.bool, device=rows.device)
        passed[rows] = True
        return Answer.of_one("UncertaintyHerding", rows[picks], utilities, considered=passed)
