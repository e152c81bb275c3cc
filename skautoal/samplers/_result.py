"""QueryResult: the answer of one query, with its explanation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..mixing._batch import Reasons, no_reasons
from ._explain import Explanation, check_indices

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from pandas import DataFrame


@dataclass
class Answer:
    """The picks of a sampler from the samples of a query, with what led to them.

    Attributes
    ----------
    picks : Tensor of shape (b,), dtype int64
        Distinct rows, best first.
    scores : Tensor of shape (n,)
        Utility of every sample for the sampler, higher is better.
    names : list of str
        Names of the K strategies.
    utilities : Tensor of shape (n, K)
        Utility of every sample for each strategy.
    weights : Tensor of shape (n, K)
        Weight of each strategy for each sample.
    strategy_weights : dict of str to dict of str to float, optional
        Shares to report instead of the means of ``weights``.
    reasons : callable
        Returns the columns (b,) that the batch builder computed for each pick.
    history : ndarray, optional
        Steps of the search on the pool.
    memo : object, optional
        Record of this query for ``_remember`` of the sampler.
    considered : Tensor of shape (n,), dtype bool, optional
        False for samples that a filter left out.

    """

    picks: Tensor
    scores: Tensor
    names: list[str]
    utilities: Tensor
    weights: Tensor
    strategy_weights: dict[str, dict[str, float]] | None = None
    reasons: Callable[[], Reasons] = no_reasons
    history: np.ndarray | None = None
    memo: Any = None
    considered: Tensor | None = None
    timings: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of_one(cls, name: str, picks: Tensor, scores: Tensor, **more: Any) -> Answer:
        """Return the answer of a single strategy."""
        weights = torch.ones_like(scores)[:, None]
        return cls(picks, scores, [name], scores[:, None], weights, **more)

    def shares(self) -> dict[str, dict[str, float]]:
        """Return the mean weight of each strategy over the pool and over the batch."""
        if self.strategy_weights is not None:
            return self.strategy_weights
        parts = {"pool": self.weights, "batch": self.weights[self.picks]}
        return {
            part: mean_weights(self.names, weights)
            for part, weights in parts.items()
            if len(weights)
        }


@dataclass(frozen=True)
class PoolTable:
    """Columns for every row of the pool from which an explanation is made.

    Attributes
    ----------
    strategies : list of str
        Names of the K strategies.
    predictions : ndarray of shape (n,)
        Most probable class.
    probabilities, margins : ndarray of shape (n,), dtype float64
        Probability of that class, and its difference to that of the second.
    utilities, weights : ndarray of shape (n, K)
        Utility and weight of each strategy; NaN for samples that were not considered.
    considered : ndarray of shape (n,), dtype bool
        False for samples that were left out: they contain NaN, did not fit in memory, or
        did not pass a filter.
    reasons : dict of str to ndarray of shape (b,)
        Values that the batch builder computed for each pick.

    """

    strategies: list[str]
    predictions: np.ndarray
    probabilities: np.ndarray
    margins: np.ndarray
    utilities: np.ndarray
    weights: np.ndarray
    considered: np.ndarray
    reasons: Reasons


@dataclass(frozen=True, repr=False)
class QueryResult:
    """The answer of one query: the picks, what led to them, and how long it took.

    Returned by ``query(..., return_result=True)`` of every sampler.

    Attributes
    ----------
    indices : ndarray of shape (b,), dtype int64
        Distinct indices into the pool, best first.
    utilities : ndarray of shape (n_pool,)
        Utility of every sample for the sampler, higher is better; ``-inf`` for samples
        that were skipped.
    strategy_weights : dict of str to dict of str to float
        Mean weight of each strategy over the ``"pool"`` and the ``"batch"``.
    timings : dict of str to float
        Seconds of each stage of the query.
    dropped : dict of str to str
        Names of the strategies that failed and were left out, with the reason.
    history : ndarray or None
        One row for each step of the search; None if nothing is learned.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import StrategySampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = StrategySampler(strategy="margin", random_state=0).fit(X[:12], y[:12])
    >>> result = sampler.query(X[12:], n_instances=3, return_result=True)
    >>> len(result), result.strategy_weights["batch"], result.dropped
    (3, {'Margin': 1.0}, {})
    >>> result.explain().places.tolist()
    [1, 2, 3]

    """

    indices: np.ndarray
    utilities: np.ndarray
    strategy_weights: dict[str, dict[str, float]]
    timings: dict[str, float]
    dropped: dict[str, str]
    history: np.ndarray | None
    _table: PoolTable | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return (
            f"QueryResult({len(self.indices)} of {len(self.utilities)} samples,"
            f" strategies={list(next(iter(self.strategy_weights.values()), {}))},"
            f" dropped={list(self.dropped)})"
        )

    def explain(self, indices: Any = None) -> Explanation:
        """Explain why samples of the pool were picked, or were not.

        Parameters
        ----------
        indices : array-like of int of shape (m,), optional
            Rows of the pool; the picks by default.

        Returns
        -------
        explanation : Explanation
            One row for each of ``indices``.

        Raises
        ------
        TypeError
            If ``indices`` is not a list of integers.
        ValueError
            If one of them is not in the pool.

        """
        table = self._table
        assert table is not None  # results without one are not handed out
        n = len(self.utilities)
        rows = self.indices if indices is None else check_indices(indices, n)
        places = np.zeros(n, dtype=np.int64)
        places[self.indices] = np.arange(1, len(self.indices) + 1)
        ordered = np.sort(self.utilities)
        scores = self.utilities[rows].astype(np.float64)
        return Explanation(
            strategies=list(table.strategies),
            indices=rows,
            places=places[rows],
            predictions=table.predictions[rows],
            probabilities=table.probabilities[rows],
            margins=table.margins[rows],
            scores=scores,
            ranks=1 + n - np.searchsorted(ordered, self.utilities[rows], side="right"),
            utilities=table.utilities[rows].astype(np.float64),
            weights=table.weights[rows].astype(np.float64),
            considered=table.considered[rows],
            reasons={
                name: _of_rows(column, places[rows]) for name, column in table.reasons.items()
            },
        )

    def to_frame(self) -> DataFrame:
        """Return the explanation of the picks as a pandas DataFrame, one row per pick."""
        return self.explain().to_frame()

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the explanation of the picks; see :func:`skautoal.plot.explanation`.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw into; those of a new figure by default.

        Returns
        -------
        ax : matplotlib Axes

        """
        from ._explanation_plot import explanation

        return explanation(self.explain(), ax=ax)


def mean_weights(names: list[str], weights: Tensor) -> dict[str, float]:
    """Return the mean weight of each strategy, given weights (n, K)."""
    return dict(zip(names, weights.mean(dim=0).tolist(), strict=True))


def _of_rows(column: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the values of the picks at their places; NaN or an empty text for other rows."""
    empty: Any = np.nan if column.dtype.kind in "fiu" else ""
    values = np.concatenate([[empty], column.astype(np.float64 if empty != "" else object)])
    return values[places]
