"""FixedMixtureSampler: strategies mixed with weights that the user gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from .._utils._rng import derive_seed
from ..mixing import Candidates, build_batch, candidate_utilities
from ..samplers._composition import StrategiesSampler
from ..samplers._result import Answer
from ..signals import SignalOptions, Signals


class FixedMixtureSampler(StrategiesSampler):
    """Mix the ranks that strategies give to samples, with fixed weights.

    A Borda count: sample i scores the weighted mean over strategies of its rank divided
    by n, or of its place among the picks of a strategy that builds batches. The batch is
    the top of the scores.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, FrozenEstimator or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategies : "auto", "paper" or list, default="auto"
        The candidates; see :class:`~skautoal.AutoALSampler`.
    weights : dict of str to float, array-like of shape (K,) or None, default=None
        Weight of each strategy by name, 0 for those not named, or in the order of
        ``strategies``; not negative, and need not sum to 1. None: equal weights.
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
    >>> from skautoal.baselines import FixedMixtureSampler
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
        estimator: Any = None,
        strategies: Any = "auto",
        *,
        weights: Any = None,
        n_instances: int = 10,
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
        self.weights = weights

    def _check_parameters(self) -> None:
        named = self._named_strategies()
        if named:  # else "auto": known when the net is
            mixture(self.weights, [name for name, _ in named])

    def _start(self, signals: Signals, candidates: Candidates) -> None:
        shares = mixture(self.weights, candidates.names).tolist()
        self._shares = dict(zip(candidates.names, shares, strict=True))
        self.strategy_weights_ = {"labeled": dict(self._shares)}

    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        utilities = candidate_utilities(
            candidates,
            signals,
            n_instances,
            kind="rank",
            seed=derive_seed(seed, "candidates"),
        )
        shares = mixture([self._shares[name] for name in candidates.names], candidates.names)
        weights = torch.as_tensor(shares).to(utilities)
        scores = utilities @ weights
        rng = np.random.RandomState(derive_seed(seed, "batch"))
        picks = build_batch("top", scores, signals, n_instances, rng).picks
        return Answer(picks, scores, candidates.names, utilities, weights.expand_as(utilities))


def mixture(weights: Any, names: list[str]) -> np.ndarray:
    """Return the weights of the strategies in order, (K,), scaled to sum 1."""
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
