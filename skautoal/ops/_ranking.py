"""Ranking and top-k selection, with ties broken by a given order instead of by position."""

from __future__ import annotations

import torch
from torch import Tensor


def top_k(scores: Tensor, k: int, order: Tensor) -> Tensor:
    """Return the rows of the ``k`` highest scores, best first.

    Parameters
    ----------
    scores : Tensor of shape (n,)
        Finite scores, higher is better.
    k : int
        Number of rows, at most n.
    order : Tensor of shape (n,), dtype int64
        Permutation of the rows; among equal scores, the earlier row in it wins.

    Returns
    -------
    rows : Tensor of shape (k,), dtype int64

    """
    ranked = torch.sort(scores[order], descending=True, stable=True).indices
    return order[ranked[:k]]


def average_ranks(scores: Tensor) -> Tensor:
    """Rank scores from 1 (lowest) to n, with ties averaged, (n,), in the dtype of the scores."""
    _, inverse, counts = torch.unique(scores, return_inverse=True, return_counts=True)
    last = counts.cumsum(0)
    ranks = last - (counts - 1) / 2
    return ranks.to(scores.dtype)[inverse]


def round_robin(groups: Tensor, priority: Tensor, order: Tensor) -> Tensor:
    """Take one row from each group in turn, in laps, until all rows are taken.

    Parameters
    ----------
    groups : Tensor of shape (n,), dtype int64
        Group 0..G-1 of each row.
    priority : Tensor of shape (G,)
        Groups of higher priority come first in each lap. Among equal priorities, the group
        whose first row is earlier in ``order`` comes first.
    order : Tensor of shape (n,), dtype int64
        Permutation of the rows; each group gives its rows along it.

    Returns
    -------
    rows : Tensor of shape (n,), dtype int64
        All rows, those of the first lap first.

    """
    along = groups[order]
    by_group = along.argsort(stable=True)
    sizes = torch.bincount(along, minlength=len(priority))
    starts = sizes.cumsum(0) - sizes
    lap = torch.empty_like(along)
    lap[by_group] = torch.arange(len(along), device=along.device) - starts[along[by_group]]
    first = torch.empty_like(along)
    first[by_group] = by_group[starts[along[by_group]]]
    # Three stable sorts, least significant key first: order, priority, lap.
    taken = first.argsort(stable=True)
    taken = taken[priority[along[taken]].argsort(descending=True, stable=True)]
    taken = taken[lap[taken].argsort(stable=True)]
    return order[taken]
