"""RandomStrategySampler: the control that chooses among strategies without looking."""

from __future__ import annotations

import numpy as np

from .._rng import derive_seed
from ._composition import StrategiesSampler
from ._explain import Opinions


class RandomStrategySampler(StrategiesSampler):
    """Query with one of the strategies, drawn anew in each round.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategies : "paper" or list, default="paper"
        The candidates; see :class:`~skautoal.AutoALSampler`.
    n_instances : int, default=10
        Size of a batch.
    embedding_layer : str, default="auto"
        Submodule whose input is the embedding.
    n_passes : int, default=10
        MC-dropout passes.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    prefit : bool, default=False
        Use the fitted estimator as it is.
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
    >>> from skautoal import RandomStrategySampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = RandomStrategySampler(strategies=["margin", "kmeans"], random_state=0)
    >>> idx = sampler.fit(X[:12], y[:12]).query(X[12:], n_instances=5)
    >>> len(idx), sorted(sampler.strategy_weights_["batch"].values())
    (5, [0.0, 1.0])

    """

    def _pick(self, signals, n_instances, seed):
        rng = np.random.RandomState(derive_seed(seed, "strategy"))
        chosen = rng.randint(len(self.strategies_))
        shares = {name: float(k == chosen) for k, name in enumerate(self._names)}
        self.strategy_weights_ = {"pool": shares, "batch": dict(shares)}
        picks, utilities = self._candidates[chosen].evaluate(
            signals, n_instances, derive_seed(seed, "pick")
        )
        return picks, utilities, Opinions.of_one(self._names[chosen], utilities)

    def _asked(self, X, indices, memo):
        """Nothing to note: the weights are the same everywhere."""
