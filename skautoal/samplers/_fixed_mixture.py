"""FixedMixtureSampler: strategies mixed with weights that the user knows best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from .._rng import derive_seed
from ..search import build_batch, candidate_utilities
from ._composition import StrategiesSampler, named_strategies
from ._explain import Opinions


class FixedMixtureSampler(StrategiesSampler):
    """Mix the ranks that strategies give to samples, with fixed weights.

    A Borda count: sample i scores the weighted mean over strategies of its rank divided
    by n, or of its place among the picks of a strategy that builds batches. The batch is
    the top of the scores.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategies : "paper" or list, default="paper"
        The candidates; see :class:`~skautoal.AutoALSampler`.
    weights : dict of str to float, array-like of shape (K,) or None, default=None
        Weight of each strategy by name, 0 for those not named, or in the order of
        ``strategies``; not negative, and need not sum to 1. None: equal weights.
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
        Decides training, ties and draws.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    strategies_ : list of (str, Strategy)
        The candidates with their names.
    strategy_weights_ : dict of str to dict of str to float
        The weights, scaled to sum 1, the same over the ``"labeled"`` samples, the
        ``"pool"`` and the ``"batch"``.
    timings_ : dict of str to float
        Seconds of each stage.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import FixedMixtureSampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = FixedMixtureSampler(strategies=["margin", "kmeans"], weights=[3, 1])
    >>> sampler = sampler.set_params(random_state=0).fit(X[:12], y[:12])
    >>> len(sampler.query(X[12:], n_instances=5)), sampler.strategy_weights_["pool"]
    (5, {'Margin': 0.75, 'KMeans': 0.25})

    """

    _parameter_constraints: dict = {
        **StrategiesSampler._parameter_constraints,
        "weights": [dict, "array-like", None],
    }

    def __init__(
        self,
        estimator=None,
        strategies="paper",
        *,
        weights=None,
        n_instances=10,
        embedding_layer="auto",
        n_passes=10,
        classes=None,
        prefit=False,
        random_state=None,
    ):
        super().__init__(
            estimator,
            strategies,
            n_instances=n_instances,
            embedding_layer=embedding_layer,
            n_passes=n_passes,
            classes=classes,
            prefit=prefit,
            random_state=random_state,
        )
        self.weights = weights

    def _check_layout(self, layout):
        super()._check_layout(layout)
        mixture(self.weights, [name for name, _ in named_strategies(self.strategies)])

    def _start(self, signals):
        super()._start(signals)
        shares = dict(zip(self._names, mixture(self.weights, self._names).tolist(), strict=True))
        self.strategy_weights_ = {part: dict(shares) for part in ("labeled", "pool", "batch")}

    def _pick(self, signals, n_instances, seed):
        utilities = candidate_utilities(
            self._candidates,
            signals,
            n_instances,
            kind="rank",
            seed=derive_seed(seed, "candidates"),
        )
        shares = torch.as_tensor(mixture(self.weights, self._names)).to(utilities)
        scores = utilities @ shares
        rng = np.random.RandomState(derive_seed(seed, "batch"))
        picks = build_batch("top", scores, signals, n_instances, rng)
        return picks, scores, Opinions(self._names, utilities, shares.expand_as(utilities))

    def _asked(self, X, indices, memo):
        """Nothing to note: the weights are the same everywhere."""


def mixture(weights, names: list[str]) -> np.ndarray:
    """Weights of the strategies in order, (K,), scaled to sum 1; refuses what is none."""
    if weights is None:
        weights = np.ones(len(names))
    if isinstance(weights, Mapping):
        strange = [name for name in weights if name not in names]
        if strange:
            raise ValueError(f"'weights' names {strange}, but the strategies are {names}.")
        weights = [weights.get(name, 0.0) for name in names]
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (len(names),):
        raise ValueError(
            f"'weights' must have one number for each of the {len(names)} strategies"
            f" {names}; got shape {values.shape}."
        )
    if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
        raise ValueError(
            f"'weights' must be finite, not negative, and not all 0; got {values.tolist()}."
        )
    return values / values.sum()
