"""One query of a sampler: open the pool, run the candidates, and assemble the result."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from .._utils._rng import derive_seed
from ..data import FinitePart, check_memory
from ..data._requests import check_costs, check_n_instances
from ..data._rows import take_rows
from ..mixing import Candidates
from ..mixing._failures import without_failing
from ..signals import Signals
from ..strategies._cost_aware import PROPOSED
from ._costs import pick_by_cost
from ._result import Answer, PoolTable, QueryResult

if TYPE_CHECKING:
    from ._base import BaseSampler


@dataclass(frozen=True)
class Query:
    """One query of a sampler: a pool and the options of ``query``.

    Attributes
    ----------
    X_unlabeled : array-like, DataFrame, tensor, dict of them, torch Dataset, or chunks
        The pool.
    n_instances : int or None
        Size of the batch; None for the parameter of the sampler or, with a budget, as many
        samples as fit into it.
    costs : array-like of shape (n_pool,) or None
        Cost of labelling each sample.
    budget : float or None
        Maximum cost of the batch.
    max_memory : int, str or None
        Bytes for signals; None for the parameter of the sampler.
    on_nonfinite : {"raise", "skip"} or None
        How to treat samples with NaN; None for the parameter of the sampler.
    explained : bool
        Whether the result must hold the table that explains it.

    """

    X_unlabeled: Any
    n_instances: int | None = None
    costs: Any = None
    budget: float | None = None
    max_memory: int | str | None = None
    on_nonfinite: str | None = None
    explained: bool = False

    def answer(self, sampler: BaseSampler, *, remembered: bool) -> QueryResult:
        """Run the query on a fitted sampler.

        Parameters
        ----------
        sampler : BaseSampler
            Fitted sampler.
        remembered : bool
            Whether a sampler that learns from its picks records this query.

        """
        finite = self._finite_part(sampler)
        pool = self.X_unlabeled if finite is None else finite.pool
        with opened(sampler, pool, self.max_memory) as (pool, signals):
            n = signals.n_samples if finite is None else finite.n_given
            costs = check_costs(self.costs, self.budget, n)
            if costs is not None and finite is not None:
                costs = costs[finite.rows]
            start = time.perf_counter()
            found = self._ask(sampler, signals, costs)
            seconds = time.perf_counter() - start
            if remembered and found.answer.memo is not None:
                shown = pool if found.rows is None else take_rows(pool, _numpy(found.rows))
                sampler._remember(shown, _numpy(found.answer.picks), found.answer.memo)
            table = self._table(sampler, signals, found, finite) if self.explained else None
            indices, utilities = found.whole(signals.n_samples)
            computed = dict(signals.timings)
        if finite is not None:
            indices, utilities = finite.rows[indices], finite.spread(utilities)
        timings = {**computed, **found.answer.timings, "total": seconds}
        return QueryResult(
            indices,
            _numpy(utilities),
            found.answer.shares(),
            timings,
            found.dropped,
            found.answer.history,
            table,
        )

    def _finite_part(self, sampler: BaseSampler) -> FinitePart | None:
        """Return the finite rows of the pool; None if all rows are used."""
        given = self.on_nonfinite
        if given is None:
            given = sampler.on_nonfinite
        if given not in ("raise", "skip"):
            raise ValueError(f"'on_nonfinite' must be 'raise' or 'skip'; got {given!r}.")
        return None if given == "raise" else sampler._finite_part(self.X_unlabeled)

    def _ask(self, sampler: BaseSampler, signals: Signals, costs: np.ndarray | None) -> _Found:
        n = signals.n_samples
        requested = self.n_instances
        if requested is None:
            requested = sampler.n_instances if self.budget is None else n
        k = check_n_instances(requested, n)
        seed = sampler._round_seed("query")
        rows, part = None, signals
        if sampler._works_on_part:
            least = k if costs is None else PROPOSED * k
            needs = sampler._signals_to_read()
            rows, part = signals.manageable(needs, least, derive_seed(seed, "part"))

        def ask(candidates: Candidates) -> Answer:
            if costs is None:
                return sampler._pick(part, candidates, k, seed)
            prices = costs if rows is None else costs[_numpy(rows)]
            pick = partial(_pick, sampler, candidates, seed)
            return pick_by_cost(pick, part, prices, k, self.budget, seed)

        answer, candidates, dropped = without_failing(sampler._candidates_to_ask(), ask)
        answer.timings = {**candidates.timings, **answer.timings}
        return _Found(answer, rows, dropped)

    def _table(
        self, sampler: BaseSampler, signals: Signals, found: _Found, finite: FinitePart | None
    ) -> PoolTable:
        """Return the columns of an explanation for every sample of the user's pool."""
        answer, n = found.answer, signals.n_samples
        given = np.arange(n) if finite is None else finite.rows
        n_given = n if finite is None else finite.n_given
        seen = given if found.rows is None else given[_numpy(found.rows)]

        def spread(values: np.ndarray, rows: np.ndarray, empty: Any) -> np.ndarray:
            whole = np.full((n_given, *values.shape[1:]), empty, dtype=values.dtype)
            whole[rows] = values
            return whole

        code, probability, margin = (
            _numpy(signals.map_rows({"probabilities"}, function, "An explanation"))
            for function in (_predicted, _highest, _margin)
        )
        classes = sampler.classes_[code.astype(np.int64)]
        whole_classes = np.empty(n_given, dtype=object if len(given) < n_given else classes.dtype)
        whole_classes[given] = classes
        considered = np.zeros(n_given, dtype=bool)
        considered[seen] = True if answer.considered is None else _numpy(answer.considered)
        return PoolTable(
            strategies=list(answer.names),
            predictions=whole_classes,
            probabilities=spread(probability.astype(np.float64), given, np.nan),
            margins=spread(margin.astype(np.float64), given, np.nan),
            utilities=spread(_numpy(answer.utilities.double()), seen, np.nan),
            weights=spread(_numpy(answer.weights.double()), seen, np.nan),
            considered=considered,
            reasons=answer.reasons(),
        )


@dataclass
class _Found:
    """Answer for a part of the pool."""

    answer: Answer
    rows: Tensor | None  # of that part in the pool; None for all
    dropped: dict[str, str]

    def whole(self, n: int) -> tuple[np.ndarray, Tensor]:
        """Return picks and utilities for the whole pool; rows not in the part have utility 0."""
        picks = _numpy(self.answer.picks).astype(np.int64)
        if self.rows is None:
            return picks, self.answer.scores
        scores = self.answer.scores
        spread = scores.new_zeros(n).index_copy_(0, self.rows, scores)
        return _numpy(self.rows)[picks], spread


@contextmanager
def opened(
    sampler: BaseSampler, X_unlabeled: Any, max_memory: int | str | None = None
) -> Iterator[tuple[Any, Signals]]:
    """Yield the checked pool and its signals; remove their files afterwards."""
    options = sampler._signal_options()
    limit = check_memory(options.max_memory if max_memory is None else max_memory)
    pool = sampler._check_pool(X_unlabeled, "X_unlabeled")
    signals = sampler._pool_signals(pool, limit)
    with closing(signals):
        signals.read(sampler._signals_to_read())
        yield pool, signals


def explained_without_trace(sampler: BaseSampler, query: Query) -> QueryResult:
    """Answer a query and explain it, on a copy of the sampler, which does not change."""
    return replace(query, explained=True).answer(copy.copy(sampler), remembered=False)


def _pick(sampler: BaseSampler, candidates: Candidates, seed: int, part: Signals, k: int) -> Answer:
    return sampler._pick(part, candidates, k, seed)


def _predicted(signals: Signals) -> Tensor:
    return signals.probabilities.argmax(dim=1)


def _highest(signals: Signals) -> Tensor:
    return signals.probabilities.max(dim=1).values


def _margin(signals: Signals) -> Tensor:
    top = signals.probabilities.topk(2).values
    return top[:, 0] - top[:, 1]


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
