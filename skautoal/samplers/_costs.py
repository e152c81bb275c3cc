"""Queries with costs of labels: utility per unit of cost, within a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import derive_seed
from ..mixing._batch import Reasons
from ..ops._knapsack import fill_by_cost
from ..ops._ranking import average_ranks
from ..signals import Signals
from ..strategies._cost_aware import PROPOSED
from ._result import Answer


def pick_by_cost(
    pick: Callable[[Signals, int], Answer],
    signals: Signals,
    costs: np.ndarray,
    n_instances: int,
    budget: float | None,
    seed: int,
) -> Answer:
    """Pick by utility per unit of cost, first among the samples that the sampler proposes.

    Parameters
    ----------
    pick : callable
        Function that returns the answer for some signals and a number of instances.
    signals : Signals
        Signals of the pool.
    costs : ndarray of shape (n,)
        Positive costs.
    n_instances : int
        Maximum number of samples.
    budget : float or None
        Maximum total cost.
    seed : int
        Seed of tie-breaking.

    Returns
    -------
    answer : Answer
        The utilities are those of the sampler, not divided by cost. The reasons of picks
        that the sampler did not propose are NaN.

    """
    n = signals.n_samples
    if budget is not None:
        # Even of the cheapest samples, no more than this many fit.
        n_instances = min(n_instances, int((np.sort(costs).cumsum() <= budget).sum()))
    answer = pick(signals, min(n, PROPOSED * max(n_instances, 1)))
    prices = torch.as_tensor(costs, device=signals.device)
    order = signals.order(np.random.RandomState(derive_seed(seed, "costs")))
    picks = fill_by_cost(answer.picks, answer.scores, prices, n_instances, budget, order)
    return replace(answer, picks=picks, reasons=partial(_reasons, answer, picks, prices))


def _reasons(answer: Answer, picks: Tensor, prices: Tensor) -> Reasons:
    """Return the cost and utility per cost of each pick, and the reasons of proposed ones."""
    worth = average_ranks(answer.scores).double() / len(answer.scores)
    columns: Reasons = {
        "cost": prices[picks].cpu().numpy(),
        "utility_per_cost": (worth / prices)[picks].cpu().numpy(),
    }
    place = {row: i for i, row in enumerate(answer.picks.tolist())}
    at = [place.get(row, -1) for row in picks.tolist()]
    for name, column in answer.reasons().items():
        empty = "" if column.dtype == object else np.nan
        columns[name] = np.array([column[i] if i >= 0 else empty for i in at], dtype=column.dtype)
    return columns
