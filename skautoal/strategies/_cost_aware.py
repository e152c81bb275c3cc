"""CostAware: batches of the highest utility per unit of cost, within a budget."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..data._convert import as_numpy
from ..data._requests import check_costs
from ..ops._knapsack import fill_by_cost
from ..signals import Signals
from ._base import ScoreStrategy, Strategy
from ._wrapper import Wrapper

PROPOSED = 5  # size of the proposal from which a batch is taken, in batches


class CostAware(Wrapper):
    """Pick the samples with the highest utility per unit of cost, within a budget.

    The utility of a sample is its rank divided by the size of the pool. A score strategy
    ranks the whole pool. A batch strategy first builds a batch of five times the size; all
    other samples are considered after the samples in it.

    Parameters
    ----------
    strategy : Strategy
        Strategy that rates the samples.
    costs : array-like of shape (n,) or callable
        Positive cost of each sample of the pool, or a function of the pool's
        :class:`~skautoal.signals.Signals` that returns them. A function can be used for
        several rounds, in which the pool shrinks.
    budget : float or None, default=None
        Maximum cost of a batch. A sample that does not fit into the remaining budget is
        skipped for the next one that does. The batch ends when none fits, so **it may hold
        fewer samples than asked for**, or none. None means no limit.

    Notes
    -----
    This is the greedy solution of the knapsack problem. ``query`` of a sampler takes
    ``costs`` and ``budget`` as well; use this class for a single strategy in a list.

    References
    ----------
    Settles, Craven & Friedland, "Active learning with real annotation costs", NIPS workshop
    on cost-sensitive learning, 2008.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import CostAware, Entropy
    >>> signals = Signals(probabilities=[[0.5, 0.5], [0.6, 0.4], [0.7, 0.3], [0.8, 0.2]])
    >>> CostAware(Entropy(), [9.0, 1.0, 1.0, 1.0]).select(signals, 2).tolist()
    [1, 2]
    >>> CostAware(Entropy(), [9.0, 2.0, 2.0, 2.0], budget=5).select(signals, 4).tolist()
    [1, 2]

    """

    cost = "that of the strategy + O(n log n)"

    def __init__(
        self,
        strategy: Strategy,
        costs: np.ndarray | Callable[[Signals], np.ndarray],
        budget: float | None = None,
    ):
        self.strategy = strategy
        self.costs = costs
        self.budget = budget

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        strategy = self._wrapped()
        asked = self.costs(signals) if callable(self.costs) else self.costs
        if asked is None:
            raise ValueError("'costs' must be an array or a function of the signals; got None.")
        costs = check_costs(as_numpy(asked), self.budget, len(signals))
        n_proposed = len(signals)
        if not isinstance(strategy, ScoreStrategy):
            n_proposed = min(n_proposed, PROPOSED * n_instances)
        proposed, utilities = strategy.evaluate(signals, n_proposed, rng)
        prices = torch.as_tensor(costs, device=signals.device)
        order = signals.order(rng)
        return fill_by_cost(proposed, utilities, prices, n_instances, self.budget, order)
