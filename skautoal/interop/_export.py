"""What every adapter for our samplers and strategies shares."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone

from ..samplers import AutoALSampler, BaseSampler, StrategySampler
from ..samplers._composition import StrategiesSampler, named_strategies
from ..strategies import get_strategy


def as_sampler(query, estimator=None, random_state=None) -> BaseSampler:
    """A sampler from whatever may stand for one.

    Parameters
    ----------
    query : sampler, Strategy, str, callable or None
        A sampler is returned as it is; a strategy, its name or a function of the signals
        becomes a :class:`~skautoal.StrategySampler`, None an
        :class:`~skautoal.AutoALSampler`.
    estimator : skorch classifier, Pipeline ending in one, or None
        Task model of what is made here.
    random_state : int, RandomState or None
        Random state of what is made here.

    Raises
    ------
    ValueError
        If a sampler comes with an estimator or random state beside it, or the name is
        not known.
    TypeError
        If it is none of these.

    """
    options = {"estimator": estimator, "random_state": random_state}
    if isinstance(query, BaseSampler):
        given = [f"'{name}'" for name, value in options.items() if value is not None]
        if given:
            raise ValueError(
                f"{' and '.join(given)} cannot be given beside a sampler, which has its own;"
                " set it on the sampler."
            )
        return query
    if query is None:
        return AutoALSampler(**options)
    return StrategySampler(strategy=get_strategy(query), **options)


def fitted_copy(sampler: BaseSampler, X, y: np.ndarray, seed: int | None) -> BaseSampler:
    """A copy of ``sampler`` fitted on labelled samples; its own seed if ``seed`` is None.

    Strategies that compare with the round before get a net that was trained on half of
    the labels of each class: the other libraries remember no rounds.
    """
    copy = clone(sampler)
    if seed is not None:
        copy.set_params(random_state=seed)
    if not _looks_back(copy):
        return copy.fit(X, y)
    earlier = np.sort(np.concatenate([_first_half(y == label) for label in np.unique(y)]))
    before = clone(copy).fit(X[earlier], y[earlier])
    return copy._fit(X, y, previous=before._task)


def _looks_back(sampler: BaseSampler) -> bool:
    if isinstance(sampler, StrategiesSampler):
        candidates = [strategy for _, strategy in named_strategies(sampler.strategies)]
    else:
        candidates = [get_strategy(getattr(sampler, "strategy", "random"))]
    return any("previous_probabilities" in strategy.needs for strategy in candidates)


def _first_half(members: np.ndarray) -> np.ndarray:
    indices = np.flatnonzero(members)
    return indices[: (len(indices) + 1) // 2]
