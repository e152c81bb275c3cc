"""Asking before any net can be trained: diverse samples, by features alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from .._task import TaskTemplate, is_frozen
from .._validation import check_samples
from ..signals import Signals, compute_signals
from ..strategies import STRATEGIES, CostAware, get_strategy
from ._pool import flat_features, rows_of

#: Free samples looked at; of larger pools a random part.
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
    """Names of the strategies that need nothing but features."""
    return [key for key in STRATEGIES if set(get_strategy(key).needs) <= _NEEDS]


def check_cold_start(name: object) -> str:
    """Name of a strategy that needs nothing but features."""
    allowed = cold_starts()
    if name not in allowed:
        raise ValueError(f"'cold_start' must be one of {allowed}; got {name!r:.40}.")
    return name


def diverse_picks(
    name: str,
    sampler,
    X,
    features,
    free: np.ndarray,
    taken: np.ndarray,
    n: int,
    seed: int,
    costs: Costs | None = None,
) -> np.ndarray:
    """Return the samples to label first, best first.

    Parameters
    ----------
    name : str
        The strategy.
    sampler : BaseSampler
        If its estimator is frozen, the embeddings of that net are the features.
    X : array-like of shape (n_pool, ...)
        The pool.
    features : array of shape (n_pool, d) or None
        What to compare instead of the raw samples.
    free, taken : ndarray of int
        Samples that may be asked for; labelled and asked ones, to keep away from.
    n : int
        Picks, at most ``len(free)``.
    seed : int
        Decides ties, the start and the part of a large pool.
    costs : Costs, optional
        Costs of the samples of the pool.

    Returns
    -------
    picks : ndarray of shape (n,), dtype int64
        Fewer with a budget that does not pay for more.

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


def _vectors(sampler, X, features, rows: np.ndarray) -> np.ndarray:
    if features is not None:
        return flat_features(rows_of(features, rows), "features")
    if is_frozen(sampler.estimator):
        return _embeddings(sampler, rows_of(X, rows))
    return flat_features(rows_of(X, rows), "X")


def _embeddings(sampler, X) -> np.ndarray:
    """Embeddings by the net that the user trained."""
    template = TaskTemplate.from_estimator(sampler.estimator, seed=0)
    transformer = template.transformer
    X = check_samples(
        BaseEstimator(),
        X,
        "X",
        reset=True,
        integers=template.takes_integers,
        transformed=transformer is not None,
    )
    if transformer is not None:
        X = transformer.transform(X)
        X = (X.toarray() if sparse.issparse(X) else np.asarray(X)).astype(np.float32)
    signals = compute_signals(
        template.net, X, embedding_layer=sampler._signal_options().embedding_layer
    )
    return signals.embeddings.cpu().numpy()
