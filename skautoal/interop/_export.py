"""Functions that all adapters of samplers and strategies share."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from ..samplers import AutoALSampler, BaseSampler, StrategySampler
from ..samplers._rounds import PreviousRound, compares_rounds
from ..strategies import get_strategy


def as_sampler(query: Any, estimator: Any = None, random_state: Any = None) -> BaseSampler:
    """Return the sampler that ``query`` stands for.

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


def fitted_copy(sampler: BaseSampler, X: Any, y: np.ndarray, seed: int | None) -> BaseSampler:
    """Return a copy of ``sampler`` fitted on labelled samples; its own seed if ``seed`` is None.

    Strategies that compare with the previous round get a net that was trained on half of
    the labels of each class, since the other libraries remember no rounds.
    """
    copy = clone(sampler)
    if seed is not None:
        copy.set_params(random_state=seed)
    previous = PreviousRound.simulated(copy, X, y) if compares_rounds(copy) else None
    return copy._fit(X, y, previous)
