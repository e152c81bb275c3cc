"""RandomStrategySampler: a baseline that draws one of the strategies in each round."""

from __future__ import annotations

import numpy as np

from .._utils._rng import derive_seed
from ..mixing import Candidates
from ..samplers._composition import StrategiesSampler
from ..samplers._result import Answer
from ..signals import Signals


class RandomStrategySampler(StrategiesSampler):
    """Query with one of the strategies, drawn anew in each round.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, FrozenEstimator or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategies : "auto", "paper" or list, default="auto"
        The candidates; see :class:`~skautoal.AutoALSampler`.
    n_instances : int, default=10
        Size of a batch.
    signals : SignalOptions or None, default=None
        How the signals are computed.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    on_nonfinite : {"raise", "skip"}, default="raise"
        How to treat samples of a pool that contain NaN or infinity.
    on_error : {"raise", "drop"}, default="raise"
        How to treat a strategy that fails; see :class:`~skautoal.AutoALSampler`.
    random_state : int, RandomState or None, default=None
        Decides training, the strategies, ties and draws.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    strategies_ : list of (str, Strategy)
        The candidates with their names.
    strategy_weights_ : dict of str to dict of str to float
        1 for the strategy of the last query, over the ``"pool"`` and the ``"batch"``.
    timings_ : dict of str to float
        Seconds of each stage.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal.baselines import RandomStrategySampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = RandomStrategySampler(strategies=["margin", "kmeans"], random_state=0)
    >>> idx = sampler.fit(X[:12], y[:12]).query(X[12:], n_instances=5)
    >>> len(idx), sorted(sampler.strategy_weights_["batch"].values())
    (5, [0.0, 1.0])

    """

    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        rng = np.random.RandomState(derive_seed(seed, "strategy"))
        chosen = candidates.names[rng.randint(len(candidates))]
        picks, utilities = candidates.only(chosen).evaluate_first(
            signals, n_instances, derive_seed(seed, "pick")
        )
        shares = {name: float(name == chosen) for name in candidates.names}
        return Answer.of_one(
            chosen, picks, utilities, strategy_weights={"pool": shares, "batch": dict(shares)}
        )
