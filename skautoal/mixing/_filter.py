"""Progressive filtering: remove samples from the pool that no strategy picks."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import derive_seed
from ..signals import Signals
from ..strategies import Strategy
from ._candidates import Candidates

_SUBSET_SHARE = 0.5  # of the pool that is left


def progressive_filter(
    candidates: Candidates,
    signals: Signals,
    n_instances: int,
    *,
    n_rounds: int,
    n_subsets: int,
    seed: int,
) -> Tensor:
    """Keep the rows of the pool that any candidate picks, round after round.

    In each round every candidate picks a batch from each of a few random halves of the
    rows that are left, and only these picks stay. A sample that resembles a better one
    can be picked from a half that does not contain the better one.

    Parameters
    ----------
    candidates : Candidates
        The M candidates.
    signals : Signals
        Signals of the pool.
    n_instances : int
        Size of the batch b; at least min(b, n) rows are left.
    n_rounds : int
        Rounds R; 0 keeps the whole pool.
    n_subsets : int
        Random halves J in each round; at most M J b rows survive it.
    seed : int
        Seed of the halves, tie-breaking and random draws.

    Returns
    -------
    rows : Tensor of shape (m,), dtype int64
        In ascending order.

    References
    ----------
    Huseljic et al., "Cleaning the pool: progressive filtering of unlabeled pools in deep
    active learning", CVPR 2026, arXiv 2511.22344.

    """
    rows = torch.arange(signals.n_samples, device=signals.device)
    if n_rounds == 0:
        return rows
    candidates.compute(signals)  # one pass over the whole pool: subsets only gather
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
            pick = partial(_picks_of, part, n_instances, seed, labels)
            wanted += [order[picks] for picks in candidates.run(pick)]
        rows = rows[torch.unique(torch.cat(wanted))]
    return rows


def _picks_of(
    part: Signals, n_instances: int, seed: int, labels: tuple, k: int, strategy: Strategy
) -> Tensor:
    return strategy.pick(part, n_instances, derive_seed(seed, *labels, k))
