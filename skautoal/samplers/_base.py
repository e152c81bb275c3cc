"""BaseSampler: a classifier that also chooses which samples to label next.

``fit``, ``query`` and ``teach`` are template methods: they validate, train the task
model, and call ``_start`` and ``_pick`` of the subclass, which see only signals.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._utils._atomic import all_or_nothing
from .._utils._rng import derive_seed, draw_seed
from ..data._labels import check_labels, concat_labels
from ..data._rows import concat_samples, row_shape
from ..mixing import Candidates
from ..mixing._failures import without_failing
from ..nets._task import TaskTemplate
from ..signals import SignalOptions, Signals
from ._classifier import TaskClassifier
from ._diagram import DiagramMixin
from ._explain import Explanation, check_indices
from ._needs import SignalNeeds
from ._query import Query, explained_without_trace
from ._result import Answer, QueryResult
from ._rounds import PreviousRound


class BaseSampler(
    TaskClassifier, SignalNeeds, DiagramMixin, MetaEstimatorMixin, ClassifierMixin, BaseEstimator
):
    """Base of samplers: trains the task model, keeps the labels, answers queries.

    Subclasses take the parameters below in ``__init__`` and implement
    ``_named_strategies`` and ``_pick``. They override ``_start`` to learn from the labelled
    set, and ``_remember`` to learn from their own picks.

    Parameters
    ----------
    estimator, n_instances, signals, classes, on_nonfinite, on_error, random_state
        See :class:`~skautoal.AutoALSampler`.

    """

    # Whether _pick gets a random part of a pool that exceeds the memory. A single strategy
    # can handle such a pool; samplers that mix several cannot.
    _works_on_part = False

    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "n_instances": [Interval(Integral, 1, None, closed="left")],
        "signals": [SignalOptions, None],
        "classes": ["array-like", None],
        "on_nonfinite": [StrOptions({"raise", "skip"})],
        "on_error": [StrOptions({"raise", "drop"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_instances: int = 10,
        signals: SignalOptions | None = None,
        classes: Any = None,
        on_nonfinite: str = "raise",
        on_error: str = "raise",
        random_state: Any = None,
    ):
        self.estimator = estimator
        self.n_instances = n_instances
        self.signals = signals
        self.classes = classes
        self.on_nonfinite = on_nonfinite
        self.on_error = on_error
        self.random_state = random_state

    @property
    def _n_jobs(self) -> int | None:
        """Number of threads that run the strategies in parallel."""
        return None

    def _check_parameters(self) -> None:
        """Raise an error for parameters that contradict each other, before any work."""

    def _start(self, signals: Signals, candidates: Candidates) -> None:
        """Learn from the labelled set; called by ``fit`` with its signals."""

    def _reset(self) -> None:
        """Forget what was learned from earlier rounds; called by ``fit``, not by ``teach``."""

    @property
    def _n_rounds_remembered(self) -> float:
        """Number of earlier rounds that change the answer, for a campaign that is loaded."""
        return 0

    def _note_labels(self, X: Any) -> None:
        """Look at new labelled samples while there is still a net that has not seen them.

        Called by ``teach`` with all labelled samples, checked; the new ones come last.
        """

    @abstractmethod
    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        """Choose samples; ``candidates`` are the strategies without those that failed.

        Queries may run in parallel, so this must not set attributes.
        """

    def _remember(self, X: Any, indices: np.ndarray, memo: Any) -> None:
        """Record the picks of a query; ``X`` is the checked pool."""

    def fit(self, X: Any, y: Any) -> BaseSampler:
        """Train the task model on labelled samples, and prepare the choice of samples.

        Parameters
        ----------
        X : array-like, DataFrame, tensor or dict of them, of shape (n_samples, ...)
            Labelled samples; images keep their dimensions.
        y : array-like of shape (n_samples,)
            Their labels: integers, strings or booleans.

        Returns
        -------
        self : object

        """
        return self._fit(X, y)

    def _fit(
        self, X: Any, y: Any, previous: PreviousRound | None = None, *, keeps_rounds: bool = False
    ) -> BaseSampler:
        """Fit, or leave everything as it was if that fails.

        Parameters
        ----------
        X, y
            Labelled samples.
        previous : PreviousRound, optional
            Earlier net, for strategies that compare two rounds.
        keeps_rounds : bool, default=False
            Whether to keep what was learned from earlier rounds.

        """
        with all_or_nothing(self):
            self._validate_params()
            self._check_parameters()
            options = self._signal_options()
            seed = draw_seed(self.random_state)
            template = TaskTemplate.from_estimator(self.estimator, seed)
            checked = self._check_samples(X, "X", template, reset=True)
            y = check_labels(y, checked)
            if keeps_rounds:
                self._note_labels(checked)
            start = time.perf_counter()
            task = template.fitted(
                checked,
                y,
                self.classes,
                options.embedding_layer,
                derive_seed(seed, "train"),
                self.required_signals(),
            )
            if previous is not None and previous.n_classes == len(task.classes):
                task.previous_net = previous.net
            self._seed, self._template, self._task = seed, template, task
            self._row_shape = row_shape(checked)
            self.estimator_ = task.estimator
            self.classes_ = task.classes
            self.X_labeled_, self.y_labeled_ = X, y
            self._start_round(time.perf_counter() - start)
            if not keeps_rounds:
                self._reset()
        return self

    def _start_round(self, train_seconds: float) -> None:
        """Let the subclass learn from the labelled set, and drop strategies that fail."""
        signals = self._labeled_signals()
        named = self._named_strategies(signals.has)
        candidates = Candidates(named, self.on_error, self._n_jobs)
        self.strategy_weights_: dict[str, dict[str, float]] = {}
        self.search_history_: np.ndarray | None = None
        self.timings_: dict[str, float] = {}
        _, candidates, dropped = without_failing(
            candidates, lambda candidates: self._start(signals, candidates)
        )
        self.strategies_ = candidates.pairs
        self._fit_dropped = self.dropped_strategies_ = dropped
        self._fit_weights, self._fit_history = self.strategy_weights_, self.search_history_
        self._fit_timings = self.timings_ = {"train": train_seconds} | self.timings_

    def query(
        self,
        X_unlabeled: Any,
        n_instances: int | None = None,
        *,
        return_utilities: bool = False,
        return_result: bool = False,
        costs: Any = None,
        budget: float | None = None,
        max_memory: int | str | None = None,
        on_nonfinite: str | None = None,
    ) -> Any:
        """Choose the samples of a pool that should be labelled next.

        Parameters
        ----------
        X_unlabeled : array-like, DataFrame, tensor, dict of them, torch Dataset, or chunks
            Unlabelled samples, (n_pool, ...). NumPy memmaps, zarr, HDF5 and dask arrays are
            read by slices. Chunks come from an iterator, which is consumed, or from a
            function that returns a fresh iterator each time; they are arrays (n_i, ...).
        n_instances : int, optional
            Size of the batch; by default the parameter of the sampler or, with a
            budget, as many samples as fit into it. Values larger than the pool are clipped
            with a ``PoolSizeWarning``.
        return_utilities : bool, default=False
            Whether to return the utilities of the whole pool as well.
        return_result : bool, default=False
            Whether to return a :class:`~skautoal.QueryResult`, which explains the picks.
        costs : array-like of shape (n_pool,), optional
            Cost of labelling each sample, positive. Samples are then taken by utility
            per unit of cost.
        budget : float, optional
            Maximum cost of the batch, in the unit of ``costs``. Samples that do not fit
            into what is left are skipped, so a batch may be smaller than ``n_instances``.
        max_memory : int or str, optional
            Memory for the signals of this pool, in bytes or as text like ``"2GB"``; by
            default that of the parameter ``signals``.
        on_nonfinite : {"raise", "skip"}, optional
            How to treat samples that contain NaN or infinity; by default as the parameter
            of the sampler says.

        Returns
        -------
        indices : ndarray of shape (n_instances,), dtype int64
            Distinct indices into ``X_unlabeled``, best first.
        utilities : ndarray of shape (n_pool,)
            Utility of every sample, higher is better; only with ``return_utilities``. A
            batch does not always have the highest utilities: diverse batches leave out
            samples that resemble better ones. Samples skipped for NaN have ``-inf``.
        result : QueryResult
            Returned instead of the two others, with ``return_result``.

        Notes
        -----
        The same pool gives the same picks until the sampler is fitted again.

        With costs the sampler first builds a batch of five times the size, and takes
        samples from it by utility per unit of cost, where the utility is a rank divided by
        the size of the pool. If budget is left, it then takes samples from the rest of the
        pool.

        """
        check_is_fitted(self, "estimator_")
        if return_utilities and return_result:
            raise ValueError(
                "'return_utilities' and 'return_result' are both True. A result holds the"
                " utilities: leave 'return_utilities' out."
            )
        query = Query(
            X_unlabeled, n_instances, costs, budget, max_memory, on_nonfinite, return_result
        )
        result = query.answer(self, remembered=True)
        self._describe(result)
        if return_result:
            return result
        return (result.indices, result.utilities) if return_utilities else result.indices

    def _describe(self, result: QueryResult) -> None:
        """Set the attributes that describe the last query."""
        self.strategy_weights_ = self._fit_weights | result.strategy_weights
        self.dropped_strategies_ = self._fit_dropped | result.dropped
        steps = [h for h in (self._fit_history, result.history) if h is not None]
        self.search_history_ = np.concatenate(steps) if steps else None
        stages = {f"query_{stage}": seconds for stage, seconds in result.timings.items()}
        self.timings_ = self._fit_timings | stages

    def explain(
        self,
        X_unlabeled: Any,
        indices: Any,
        *,
        n_instances: int | None = None,
        costs: Any = None,
        budget: float | None = None,
        max_memory: int | str | None = None,
        on_nonfinite: str | None = None,
    ) -> Explanation:
        """Explain why samples of a pool were picked, or were not.

        Parameters
        ----------
        X_unlabeled : array-like, DataFrame, tensor, dict of them, or torch Dataset
            The pool that was queried, (n_pool, ...).
        indices : array-like of int of shape (m,)
            Rows to explain: what ``query`` returned, or any others.
        n_instances : int, optional
            Size of the batch that was asked for; by default as many as there are
            ``indices``.
        costs : array-like of shape (n_pool,), optional
            As given to ``query``.
        budget : float, optional
            As given to ``query``.
        max_memory : int or str, optional
            As given to ``query``.
        on_nonfinite : {"raise", "skip"}, optional
            As given to ``query``.

        Returns
        -------
        explanation : Explanation
            One row for each of ``indices``: prediction and margin of the model, utility
            and weight of each strategy, score, rank, place in the batch, and what the batch
            builder computed.

        Raises
        ------
        TypeError
            If ``indices`` is not a list of integers.
        ValueError
            If one of them is not in the pool.

        Notes
        -----
        The query is repeated, which takes the same time again and changes no state.
        ``query(..., return_result=True).explain()`` does not repeat it.

        """
        check_is_fitted(self, "estimator_")
        if n_instances is None and budget is None:
            n_instances = max(1, np.size(indices))
        query = Query(X_unlabeled, n_instances, costs, budget, max_memory, on_nonfinite)
        result = explained_without_trace(self, query)
        return result.explain(check_indices(indices, len(result.utilities)))

    def teach(self, X: Any, y: Any) -> BaseSampler:
        """Add newly labelled samples and fit again on all of them.

        Parameters
        ----------
        X : array-like of shape (n_new, ...)
            Samples, in the container that ``fit`` was given.
        y : array-like of shape (n_new,)
            Their labels, which may include new classes.

        Returns
        -------
        self : object

        """
        if not hasattr(self, "estimator_"):
            return self.fit(X, y)
        y = check_labels(y, X)
        self._check_samples(X, "X", self._template, reset=False)
        X = concat_samples(self.X_labeled_, X, "X")
        y = concat_labels(self.y_labeled_, y)
        return self._fit(X, y, PreviousRound.of(self), keeps_rounds=True)

    def _candidates_to_ask(self) -> Candidates:
        return Candidates(self.strategies_, self.on_error, self._n_jobs)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")
