"""Choose the first samples of a campaign by their features, before a net can be trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..data._convert import from_transformer
from ..data._rows import take_rows
from ..data._validation import check_samples
from ..nets._task import TaskTemplate, is_frozen
from ..samplers import BaseSampler
from ..signals import Signals, compute_signals
from ..strategies import STRATEGIES, CostAware, get_strategy
from ._pool import flat_features

#: Largest number of free samples compared. A random part of larger pools is used, which
#: bounds time and memory.
_MAX_CANDIDATES = 20_000
_NEEDS = {"embeddings", "labeled"}


@dataclass(frozen=True)
class Costs:
    """Costs of labelling the samples of a pool, and a budget.

    Attributes
    ----------
    costs : ndarray of shape (n_pool,), dtype float64
        Positive.
    budget : float or None
        Most that a batch may cost.

    """

    costs: np.ndarray
    budget: float | None

    def of(self, rows: np.ndarray) -> dict[str, Any]:
        """Return ``costs`` of some rows and ``budget``, as ``query`` of a sampler takes them."""
        return {"costs": self.costs[rows], "budget": self.budget}


@cache
def cold_starts() -> list[str]:
    """Return the names of the strategies that need embeddings only."""
    return [key for key in STRATEGIES if set(get_strategy(key).needs) <= _NEEDS]


def check_cold_start(name: object) -> str:
    """Return ``name`` if it is a strategy that needs embeddings only; else raise."""
    allowed = cold_starts()
    if name not in allowed:
        raise ValueError(f"'cold_start' must be one of {allowed}; got {name!r:.40}.")
    return name


def diverse_picks(
    name: str,
    sampler: BaseSampler,
    X: Any,
    features: Any,
    free: np.ndarray,
    taken: np.ndarray,
    n: int,
    seed: int,
    costs: Costs | None = None,
) -> np.ndarray:
    """Choose samples by a strategy that uses features only.

    Parameters
    ----------
    name : str
        Name of the strategy.
    sampler : BaseSampler
        If its net is fitted already, the embeddings of the net are the default features.
    X : array-like of shape (n_pool, ...)
        The pool.
    features : array-like of shape (n_pool, d) or None
        Features to use instead of ``X``.
    free : ndarray of int
        Rows that may be chosen.
    taken : ndarray of int
        Rows that are labelled, pending or skipped. The strategy treats them as labelled,
        so that it does not choose samples similar to them.
    n : int
        Number of samples to choose, at most ``len(free)``.
    seed : int
        Seed of the strategy and of the random part of a large pool.
    costs : Costs, optional
        Costs of the samples of the pool.

    Returns
    -------
    picks : ndarray of shape (n,), dtype int64
        Rows of the pool, best first. With a budget there may be fewer.

    """
    rng = np.random.RandomState(seed)
    limit = max(_MAX_CANDIDATES, n)
    if len(free) > limit:
        free = np.sort(rng.choice(free, limit, replace=False))
    vectors = _vectors(sampler, X, features, np.concatenate([free, taken]))
    labeled = Signals(embeddings=vectors[len(free) :]) if len(taken) else None
    signals = Signals(embeddings=vectors[: len(free)], labeled=labeled)
    strategy = get_strategy(name)
    if costs is not None:
        strategy = CostAware(strategy, **costs.of(free))
    return free[strategy.select(signals, n, random_state=rng)]


def _vectors(sampler: BaseSampler, X: Any, features: Any, rows: np.ndarray) -> np.ndarray:
    if features is not None:
        return flat_features(take_rows(features, rows), "features")
    if is_frozen(sampler.estimator):
        return _embeddings(sampler, take_rows(X, rows))
    return flat_features(take_rows(X, rows), "X")


def _embeddings(sampler: BaseSampler, X: Any) -> np.ndarray:
    """Compute the embeddings of samples by the user's fitted net."""
    template = TaskTemplate.from_estimator(sampler.estimator, seed=0)
    transformer = template.transformer
    X = check_samples(
        BaseEstimator(),  # any estimator will do: there is no fit to compare the samples with
        X,
        "X",
        reset=True,
        integers=template.takes_integers,
        transformed=transformer is not None,
    )
    if transformer is not None:
        X = from_transformer(transformer.transform(X))
    signals = compute_signals(
        template.net, X, embedding_layer=sampler._signal_options().embedding_layer
    )
    return signals.embeddings.cpu().numpy()
