"""Progressive filtering: what no strategy would ever pick leaves the pool first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from .._rng import derive_seed
from ..signals import Signals
from ..strategies import Strategy
from ._faults import Faults

_SUBSET_SHARE = 0.5  # of the pool that is left


def progressive_filter(
    strategies: Sequence[Strategy],
    signals: Signals,
    n_instances: int,
    *,
    n_rounds: int,
    n_subsets: int,
    seed: int,
    on_error: str = "raise",
    timeout: float | None = None,
) -> Tensor:
    """Rows of the pool that some strategy wants, round after round.

    In each round every strategy picks a batch from each of a few random halves of what
    is left, and the union of these picks is what is left next. A sample that is second
    to a similar one gets its chance in a half without that one.

    Parameters
    ----------
    strategies : sequence of Strategy
        The M candidates.
    signals : Signals
        Signals of the pool.
    n_instances : int
        Size of the batch b; at least min(b, n) rows are left.
    n_rounds : int
        Rounds R; none leaves the pool as it is.
    n_subsets : int
        Random halves J in each round; at most M J b rows survive it.
    seed : int
        Decides the halves, ties and draws.
    on_error, timeout
        See :func:`candidate_utilities`.

    Returns
    -------
    rows : Tensor of shape (m,), dtype int64
        In ascending order.

    References
    ----------
    Huseljic et al., "Cleaning the pool: progressive filtering of unlabeled pools in deep
    active learning", CVPR 2026, arXiv 2511.22344.

    Examples
    --------
    >>> import torch
    >>> from skautoal.search import progressive_filter
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import Callable
    >>> highest = Callable(lambda signals: signals.embeddings[:, 0], needs=("embeddings",))
    >>> signals = Signals(embeddings=torch.arange(100.0)[:, None])
    >>> rows = progressive_filter([highest], signals, 5, n_rounds=2, n_subsets=3, seed=0)
    >>> len(rows) <= 15, int(rows.min()) > 50
    (True, True)

    """
    faults = Faults(strategies, on_error, timeout)
    for strategy in strategies:
        signals.check_available(strategy.needs, strategy.name)
    rows = torch.arange(signals.n_samples, device=signals.device)
    if n_rounds == 0:
        return rows
    # One pass over the whole pool: subsets only gather.
    signals.compute({name for strategy in strategies for name in strategy.needs})
    for round_ in range(n_rounds):
        if len(rows) <= n_instances:
            break
        pool = signals.take(rows)
        size = max(n_instances, int(np.ceil(_SUBSET_SHARE * len(rows))))
        wanted = []
        for subset in range(n_subsets):
            labels = ("filter", round_, subset)
            order = pool.order(np.random.RandomState(derive_seed(seed, *labels)))[:size]
            part = pool.take(order)
            for position, strategy in enumerate(strategies):
                own_seed = derive_seed(seed, *labels, position)
                work = partial(strategy.rank, part, n_instances, own_seed)
                picks, error = faults.attempt(position, work)
                faults.note(position, error)
                faults.settle()
                wanted.append(order[picks])
        rows = rows[torch.unique(torch.cat(wanted))]
    return rows
