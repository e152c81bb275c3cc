"""Utilities of all candidates on one scale, [0, 1], with one column per strategy."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau
from torch import Tensor

from ..exceptions import StrategyOutputError
from ..ops._ranking import average_ranks, top_k
from ..signals import Signals
from ..strategies import ScoreStrategy, Strategy
from ._candidates import Candidates

_AGREE = 0.95  # Kendall's tau above which two strategies count as one
_AGREE_ROWS = 2_000  # rows it is measured on
_PICKS_PER_INSTANCE = 5  # a batch strategy ranks this many times the batch


def candidate_utilities(
    candidates: Candidates,
    signals: Signals,
    n_instances: int,
    *,
    kind: str,
    seed: int,
    also: Collection[str] = (),
) -> Tensor:
    """Run every candidate once and put their utilities on one scale.

    Parameters
    ----------
    candidates : Candidates
        The K candidates.
    signals : Signals
        Signals of the array.
    n_instances : int
        Size of the batch b that is wanted from the array.
    kind : {"rank", "binary"}
        ``"rank"``: average ranks / n for a strategy that scores, 1 - position / m over
        its first m = 5 b picks for one that builds batches. ``"binary"``: 1 for the b
        samples the strategy would pick, else 0 (equation 2 of the paper).
    seed : int
        Seed of tie-breaking and random draws; each candidate has its own stream.
    also : collection of str, default=()
        Signals that are read later, computed in the same pass.

    Returns
    -------
    utilities : Tensor of shape (n, K)
        In [0, 1], higher is better.

    Raises
    ------
    StrategyError, StrategyOutputError, MissingSignalError
        The error of the first candidate that fails; the message names it.

    """
    candidates.compute(signals, also)
    columns = candidates.run(
        lambda k, strategy: _utilities(
            strategy, signals, n_instances, kind, candidates.seed(seed, k)
        )
    )
    return torch.stack(columns, dim=1)


def _utilities(
    strategy: Strategy, signals: Signals, n_instances: int, kind: str, seed: int
) -> Tensor:
    n = signals.n_samples
    n_instances = min(n_instances, n)
    utilities = torch.zeros(n, device=signals.device)
    if isinstance(strategy, ScoreStrategy):
        scores = strategy.scores(signals, seed)
        if kind == "rank":
            return (average_ranks(scores) / n).float()
        order = torch.arange(n, device=signals.device)  # ties are shared below
        utilities[top_k(scores, n_instances, order)] = 1.0
        return _share_ties(utilities, scores, n_instances)
    if kind == "rank":
        m = min(n, _PICKS_PER_INSTANCE * n_instances)
        return _checked(strategy, strategy.evaluate(signals, m, seed)[1], utilities)
    utilities[strategy.pick(signals, n_instances, seed)] = 1.0
    return utilities


def _checked(strategy: Strategy, column: Any, like: Tensor) -> Tensor:
    """Check the utilities of a batch strategy, which may have its own ``evaluate``."""
    if not isinstance(column, Tensor) or column.shape != like.shape:
        shape = tuple(getattr(column, "shape", ()))
        raise StrategyOutputError(
            f"Strategy {strategy.name} returned utilities of shape {shape} for {len(like)}"
            " samples. Its evaluate must return picks and a tensor of utilities of shape (n,)."
        )
    if not bool(torch.isfinite(column).all()):
        raise StrategyOutputError(
            f"Strategy {strategy.name} returned NaN or infinity among its utilities. They must"
            " be finite."
        )
    return column.to(like)


def _share_ties(utilities: Tensor, scores: Tensor, k: int) -> Tensor:
    """Divide the remaining picks among all samples tied at the border of the top k."""
    border = scores[utilities > 0].min()
    tied = scores == border
    taken = (scores > border).sum()
    return torch.where(tied, (k - taken) / tied.sum(), utilities)


def equal_weights(utilities: Tensor, order: Tensor | None = None) -> Tensor:
    """Compute equal weights of the candidates, (K,); those that agree share one weight.

    Candidates whose utilities have a Kendall's tau above 0.95 (on the first 2,000 rows
    along ``order``, a random permutation) form a group. All groups have the same weight,
    which is divided among the members.

    Parameters
    ----------
    utilities : Tensor of shape (n, K)
        The candidates' utilities.
    order : Tensor of shape (n,), optional
        Permutation of the rows; by default they stay in their order.

    Returns
    -------
    weights : Tensor of shape (K,)
        They sum to 1.

    """
    n, K = utilities.shape
    rows = slice(_AGREE_ROWS) if order is None else order[:_AGREE_ROWS]
    columns = utilities[rows].cpu().numpy().T
    values = [np.unique(column, return_inverse=True)[1] for column in columns]
    group = list(range(K))
    for a in range(K):
        for b in range(a):
            if group[a] == group[b]:
                continue
            same = (columns[a] == columns[b]).all()
            if same or (n > 1 and _agree(values[a], values[b])):
                group = [group[b] if g == group[a] else g for g in group]
    sizes = torch.tensor([float(group.count(g)) for g in group], device=utilities.device)
    return 1 / (sizes * len(set(group)))


def _agree(a: np.ndarray, b: np.ndarray) -> bool:
    """Return True if Kendall's tau of two columns of integers 0..m-1, (m,), exceeds 0.95.

    Then fewer than 2.5 % of all pairs of rows are in opposite order. Sort the rows by each
    column, with ties broken by the other one. The distances between the two places of each
    row sum to at most two per pair in opposite order (Diaconis & Graham 1977). If the sum
    is larger, tau need not be computed.
    """
    m = len(a)
    apart = np.abs(_places(a * m + b) - _places(b * m + a)).sum()
    return apart < (1 - _AGREE) * m * (m - 1) / 2 and kendalltau(a, b)[0] > _AGREE


def _places(keys: np.ndarray) -> np.ndarray:
    """Return the place of each key, (m,), when they are sorted; the sort is stable."""
    sequence = np.arange(len(keys))
    places = np.empty_like(sequence)
    places[np.argsort(keys * len(keys) + sequence)] = sequence  # quicker than a stable sort
    return places
