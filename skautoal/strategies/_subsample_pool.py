"""Random subset of a large pool, for strategies that are too slow on all of it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..signals import Signals
from ._base import Strategy, _as_rng
from ._checks import check_integer
from ._wrapper import Wrapper


class SubsamplePool(Wrapper):
    """Wrapper that runs a strategy on a random subset of the pool.

    Signals that are not computed yet are computed for the subset alone.

    Parameters
    ----------
    strategy : Strategy
        Strategy that picks from the subset.
    max_candidates : int, default=10_000
        Size of the subset; the batch size if that is larger. Smaller pools are used whole.

    Notes
    -----
    The cost is that of the strategy with n at most ``max_candidates``, plus one hash of each
    sample of the pool.

    References
    ----------
    Ertekin, Huang, Bottou & Giles, "Learning on the border: active learning in imbalanced
    data classification", CIKM 2007.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import Margin, SubsamplePool
    >>> signals = Signals(probabilities=[[0.5, 0.5], [0.6, 0.4], [0.7, 0.3], [0.8, 0.2]])
    >>> SubsamplePool(Margin()).select(signals, 2).tolist()
    [0, 1]
    >>> len(SubsamplePool(Margin(), max_candidates=2).select(signals, 2).tolist())
    2

    """

    cost = "that of the strategy for n = max_candidates + O(n)"
    reads_whole_pool = False

    def __init__(self, strategy: Strategy, max_candidates: int = 10_000):
        self.strategy = strategy
        self.max_candidates = max_candidates

    def evaluate(
        self,
        signals: Signals,
        n_instances: int,
        random_state: int | np.random.RandomState | None = None,
    ) -> tuple[Tensor, Tensor]:
        check_integer("max_candidates", self.max_candidates, 1)
        rng = _as_rng(random_state)
        limit = max(self.max_candidates, n_instances)
        if limit >= len(signals):
            return super().evaluate(signals, n_instances, rng)
        # Signals missing from the pool are missing from the subset: say so before hashing.
        signals.check_available(self.needs, self.name)
        rows = signals.order(rng)[:limit]
        picks, utilities = super().evaluate(signals.take(rows), n_instances, rng)
        return rows[picks], utilities.new_zeros(len(signals)).index_copy_(0, rows, utilities)

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        return self._wrapped().pick(signals, n_instances, rng)
