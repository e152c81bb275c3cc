"""Check the numbers that a query asks for: the size of the batch, costs and the budget."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from .._utils._warnings import warn_caller
from ..exceptions import PoolSizeWarning


def check_n_instances(n_instances: Any, n_samples: int) -> int:
    """Check the size of a batch, and reduce it to the size of the pool with a warning.

    Parameters
    ----------
    n_instances : int
        Number of samples that the user asks for.
    n_samples : int
        Number of samples in the pool.

    Returns
    -------
    n_instances : int
        Number of samples to pick, at most ``n_samples``.

    Raises
    ------
    TypeError, ValueError
        If ``n_instances`` is not an integer, or less than 1.

    Warns
    -----
    PoolSizeWarning
        If ``n_instances`` is larger than the pool.

    """
    if not isinstance(n_instances, Integral) or isinstance(n_instances, bool):
        raise TypeError(
            f"'n_instances' must be an integer >= 1; got {n_instances!r} of type"
            f" {type(n_instances).__name__}."
        )
    n_instances = int(n_instances)
    if n_instances < 1:
        raise ValueError(f"'n_instances' must be an integer >= 1; got {n_instances}.")
    if n_instances > n_samples:
        warn_caller(
            f"'n_instances' is {n_instances}, but the pool holds {n_samples} samples:"
            " all of them are returned. Ask for fewer, or stop when the pool is empty.",
            PoolSizeWarning,
        )
    return min(n_instances, n_samples)


def check_costs(costs: Any, budget: Any, n: int) -> np.ndarray | None:
    """Check the costs of the samples and the budget.

    Parameters
    ----------
    costs : array-like of shape (n,) or None
        Cost of each sample, positive and finite.
    budget : float or None
        Most that the batch may cost, positive; None for no limit.
    n : int
        Number of samples in the pool.

    Returns
    -------
    costs : ndarray of shape (n,), dtype float64, or None
        None if ``costs`` is None.

    Raises
    ------
    ValueError
        If a cost or the budget is invalid, or there is a budget without costs.

    """
    if costs is None:
        if budget is not None:
            raise ValueError(
                f"'budget' is {budget!r}, but 'costs' is None. Pass the cost of each sample"
                " of the pool, or use 'n_instances' to limit the number of samples."
            )
        return None
    costs = np.asarray(costs)
    if costs.dtype.kind not in "fiub" or costs.shape != (n,):
        raise ValueError(
            f"'costs' must be {n} numbers, one for each sample of the pool; got shape"
            f" {costs.shape} and dtype {costs.dtype}."
        )
    costs = costs.astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(costs) & (costs > 0)))
    if len(bad):
        raise ValueError(
            f"'costs' must be positive and finite; got {costs[bad[:5]].tolist()} at"
            f" {bad[:5].tolist()}. Use a small positive cost for samples that are almost free."
        )
    valid = isinstance(budget, Real) and not isinstance(budget, bool) and float(budget) > 0
    if budget is not None and not valid:
        raise ValueError(f"'budget' must be a positive number; got {budget!r}.")
    return costs
