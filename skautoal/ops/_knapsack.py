"""Greedy solution of the knapsack problem: batches by utility per unit of cost."""

from __future__ import annotations

import torch
from torch import Tensor

from ._ranking import average_ranks, top_k


def fill_by_cost(
    proposed: Tensor,
    utilities: Tensor,
    costs: Tensor,
    n_instances: int,
    budget: float | None,
    order: Tensor,
) -> Tensor:
    """Select rows by utility per unit of cost, proposed rows before all others.

    Parameters
    ----------
    proposed : Tensor of shape (m,), dtype int64
        Distinct rows that are considered first.
    utilities : Tensor of shape (n,)
        Finite utilities, higher is better. Their ranks are divided by the costs, because
        utilities of some strategies are negative.
    costs, n_instances, budget, order
        See :func:`select_by_cost`.

    Returns
    -------
    picks : Tensor of shape (b,), dtype int64
        Distinct rows, b at most ``n_instances``.

    """
    worth = average_ranks(utilities).double() / len(utilities)
    inside = torch.zeros(len(order), dtype=torch.bool, device=order.device)
    inside[proposed] = True
    picks = order[:0]
    for along in (order[inside[order]], order[~inside[order]]):
        wanted = min(n_instances - len(picks), len(along))
        places = torch.arange(len(along), device=order.device)
        new = along[select_by_cost(worth[along], costs[along], wanted, budget, places)]
        picks = torch.cat([picks, new])
        budget = None if budget is None else budget - float(costs[new].sum())
    return picks


def select_by_cost(
    utilities: Tensor, costs: Tensor, n_instances: int, budget: float | None, order: Tensor
) -> Tensor:
    """Select the samples of highest utility per unit of cost that fit into a budget.

    Parameters
    ----------
    utilities : Tensor of shape (n,)
        Non-negative utilities, higher is better.
    costs : Tensor of shape (n,)
        Positive costs.
    n_instances : int
        Maximum number of samples, at most n.
    budget : float or None
        Maximum total cost. A sample that does not fit into the remaining budget is
        skipped for the next one that does. None means no limit.
    order : Tensor of shape (n,), dtype int64
        Random permutation of the rows; among equal ratios the earlier row in it wins.

    Returns
    -------
    picks : Tensor of shape (b,), dtype int64
        Distinct rows by decreasing utility per cost, b at most ``n_instances``.

    Notes
    -----
    Ranking takes O(n log n) time. Each run of samples that fit one after the other takes
    O(n).
    """
    costs = costs.double()
    ranked = top_k(utilities.double() / costs, len(utilities), order)
    if budget is None:
        return ranked[:n_instances]
    picks = ranked[:0]
    while len(picks) < n_instances:
        ranked = ranked[costs[ranked] <= budget]
        if len(ranked) == 0:
            break
        spent = costs[ranked].cumsum(0)
        # The first sample fits by the test above, even if rounding of the sum denies it.
        fitting = max(1, int((spent <= budget).sum()))
        fitting = min(fitting, n_instances - len(picks))
        picks = torch.cat([picks, ranked[:fitting]])
        budget = budget - float(spent[fitting - 1])
        ranked = ranked[fitting:]
    return picks
