"""What every sampler is: a classifier that also says which samples to label next.

``fit``, ``query`` and ``teach`` are template methods: they validate, train the task
model, and call ``_start`` and ``_pick`` of the subclass, which see only signals.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from contextlib import closing, contextmanager
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .._labels import check_labels, concat_labels
from .._net import take_rows
from .._rng import derive_seed, draw_seed
from .._task import TaskTemplate
from .._validation import (
    check_pool,
    check_row_shape,
    check_samples,
    concat_samples,
    finite_part,
    row_shape,
)
from ..pools import Pool, check_memory
from ..signals import NetSignals, Signals
from ..strategies._base import check_n_instances
from ..strategies._cost_aware import PROPOSED, check_costs
from ._costs import pick_by_cost
from ._diagram import DiagramMixin
from ._explain import ExplainMixin
from ._modal import ModALMixin


class BaseSampler(
    DiagramMixin, ExplainMixin, ModALMixin, MetaEstimatorMixin, ClassifierMixin, BaseEstimator
):
    """Base of samplers: trains the task model, keeps the labels, answers queries.

    Subclasses take the parameters below in ``__init__`` and implement ``_check_layout``,
    ``_start`` and ``_pick``; those that learn from the answers, ``_asked`` as well.

    Parameters
    ----------
    estimator, n_instances, embedding_layer, n_passes, classes, prefit, random_state
        See :class:`~skautoal.AutoALSampler`.

    """

    # Whether _pick gets a random part of a pool that exceeds the memory. Strategies by
    # themselves know how to treat such pools; what mixes them does not.
    _works_on_part = False

    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "n_instances": [Interval(Integral, 1, None, closed="left")],
        "embedding_layer": [str],
        "n_passes": [Interval(Integral, 2, None, closed="left")],
        "classes": ["array-like", None],
        "prefit": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_instances=10,
        embedding_layer="auto",
        n_passes=10,
        classes=None,
        prefit=False,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_instances = n_instances
        self.embedding_layer = embedding_layer
        self.n_passes = n_passes
        self.classes = classes
        self.prefit = prefit
        self.random_state = random_state

    @abstractmethod
    def _check_layout(self, layout) -> None:
        """Refuse a net that cannot give what is needed; called before training."""

    def _start(self, signals: Signals) -> None:
        """Learn from the labelled set; called by ``fit`` with its signals."""

    @abstractmethod
    def _pick(self, signals: Signals, n_instances: int, seed: int) -> tuple:
        """Picks (b,), best first, and utilities of the whole pool (n,).

        A third item, if there is one, is what ``_asked`` has to know of this query;
        queries may run side by side, so it is not left in an attribute.
        """

    def _asked(self, X, indices: np.ndarray, memo) -> None:
        """Take note of what a query answered; ``X`` is the checked pool."""

    def fit(self, X, y):
        """Train the task model on labelled samples, and the choice of strategies.

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
        return self._fit(X, y, previous=None)

    def _fit(self, X, y, previous):
        """Fit, or leave all as it was; ``previous`` is the last round's task model, or None."""
        with all_or_nothing(self):
            return self._fit_round(X, y, previous)

    def _fit_round(self, X, y, previous):
        self._validate_params()
        seed = draw_seed(self.random_state)
        template = TaskTemplate.from_estimator(self.estimator, self.prefit, seed)
        checked = self._check_samples(X, "X", template, reset=True)
        y = check_labels(y, checked)
        start = time.perf_counter()
        arguments = (checked, y, self.classes, self.embedding_layer)
        if self.prefit:
            task = template.adopt(*arguments, self._check_layout)
        else:
            task = template.train(*arguments, derive_seed(seed, "train"), self._check_layout)
        if previous is not None and len(previous.classes) == len(task.classes):
            task.previous_net = previous.net
        self._seed, self._template, self._task = seed, template, task
        self._row_shape = row_shape(checked)
        self.estimator_ = task.estimator
        self.classes_ = task.classes
        self.X_labeled_, self.y_labeled_ = X, y
        self.timings_ = {"train": time.perf_counter() - start}
        self._start(self._labeled_signals())
        return self

    def _labeled_signals(self) -> NetSignals:
        seed = self._round_seed("mc")
        task = self._task
        return task.net_signals(task.X_labeled, n_passes=self.n_passes, seed=seed, labeled=False)

    def query(
        self,
        X_unlabeled,
        n_instances=None,
        *,
        return_utilities=False,
        costs=None,
        budget=None,
        max_memory=None,
        on_nonfinite="raise",
    ):
        """Choose the samples of a pool that should be labelled next.

        Parameters
        ----------
        X_unlabeled : array-like, DataFrame, tensor, dict of them, torch Dataset, or chunks
            Unlabelled samples, (n_pool, ...). NumPy memmaps, zarr, HDF5 and dask arrays are
            read by slices. Chunks come from an iterator, which is consumed, or from a
            function that returns a fresh iterator each time; they are arrays (n_i, ...).
        n_instances : int, optional
            Size of the batch; by default the parameter of the sampler or, with a
            budget, as many as it pays for. More than the pool holds is clipped with a
            warning.
        return_utilities : bool, default=False
            Whether to return the utilities of the whole pool as well.
        costs : array-like of shape (n_pool,), optional
            What labelling each sample costs, positive. Samples are then taken by utility
            per unit of cost.
        budget : float, optional
            What the batch may cost in all, in the unit of ``costs``; samples that no
            longer fit are passed over, so a batch may be smaller than ``n_instances``.
        max_memory : int, str or None, default=None
            Bytes, or a text like ``"2GB"``, that what is computed of the pool and work on
            it may take; None for no limit. Beyond it, strategies that score each sample by
            itself still see the whole pool, others a random part of it, chosen by content.
        on_nonfinite : {"raise", "skip"}, default="raise"
            What becomes of samples that hold NaN or infinity. ``"raise"``: an error that
            names the first of them. ``"skip"``: the answer is that of the pool without them,
            in rows of the pool with them. That takes one more reading, and an array or a
            tensor, in memory or on disk, or a dict of them.

        Returns
        -------
        indices : ndarray of shape (n_instances,), dtype int64
            Distinct indices into ``X_unlabeled``, best first.
        utilities : ndarray of shape (n_pool,)
            What the sampler thinks of every sample, higher is better; only with
            ``return_utilities``. The batch need not be the top of it: diverse batches
            skip samples that resemble better ones. Samples skipped for NaN have ``-inf``.

        Notes
        -----
        The same pool gives the same answer until the sampler is fitted again.

        With costs the sampler first builds a batch five times the size, as diverse as
        its batches are, and takes from it by utility per unit of cost, where utility is
        the share of the pool that is worth less. The rest of the pool comes after, if
        there is budget left.
        """
        check_is_fitted(self, "estimator_")
        finite = self._finite_part(X_unlabeled, on_nonfinite)
        if finite is not None:
            X_unlabeled = finite.pool
            given = check_costs(costs, budget, finite.n_given)
            costs = None if given is None else given[finite.rows]
        with self._opened(X_unlabeled, max_memory) as (pool, signals):
            n = signals.n_samples
            prices = check_costs(costs, budget, n)
            requested = n_instances
            if requested is None:
                requested = self.n_instances if budget is None else n
            k = check_n_instances(requested, n)
            seed = self._round_seed("query")
            rows, part = None, signals
            if self._works_on_part:
                least = k if prices is None else PROPOSED * k
                rows, part = signals.manageable(self._needs(), least, derive_seed(seed, "part"))
            if prices is None:
                picks, utilities, *memo = self._pick(part, k, seed)
            else:
                pick = partial(self._pick, seed=seed)
                prices = prices if rows is None else prices[rows.cpu().numpy()]
                picks, utilities, *memo = pick_by_cost(pick, part, prices, k, budget, seed)
            indices = picks.cpu().numpy().astype(np.int64)
            if memo:
                asked = pool if rows is None else take_rows(pool, rows.cpu().numpy())
                self._asked(asked, indices, *memo)
            if rows is not None:
                indices = rows.cpu().numpy()[indices]
                utilities = utilities.new_zeros(n).index_copy_(0, rows, utilities)
        if finite is not None:
            indices, utilities = finite.rows[indices], finite.spread(utilities)
        if return_utilities:
            return indices, utilities.cpu().numpy()
        return indices

    def teach(self, X, y):
        """Add newly labelled samples and fit again on all of them.

        Parameters
        ----------
        X : array-like of shape (n_new, ...)
            Samples, in the container that ``fit`` was given.
        y : array-like of shape (n_new,)
            Their labels; new classes are welcome.

        Returns
        -------
        self : object

        """
        if not hasattr(self, "estimator_"):
            return self.fit(X, y)
        y = check_labels(y, X)
        self._check_samples(X, "X", self._template, reset=False)
        X = concat_samples(self.X_labeled_, X, "X")
        return self._fit(X, concat_labels(self.y_labeled_, y), previous=self._task)

    def predict_proba(self, X):
        """Class probabilities of the task model.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.

        """
        check_is_fitted(self, "estimator_")
        pool = self._check_pool(X, "X")
        signals = self._task.signals(pool, n_passes=self.n_passes, seed=0, labeled=False)
        return signals.probabilities.cpu().numpy()

    def predict(self, X):
        """Most probable class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)

        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    @contextmanager
    def _opened(self, X_unlabeled, max_memory=None):
        """The checked pool and its signals, in a block after which nothing is left on disk."""
        limit = check_memory(max_memory)
        checked = isinstance(X_unlabeled, Pool)  # nothing that a user has is one
        pool = X_unlabeled if checked else self._check_pool(X_unlabeled, "X_unlabeled")
        seed = self._round_seed("mc")
        signals = self._task.signals(pool, n_passes=self.n_passes, seed=seed, max_memory=limit)
        with closing(signals):
            signals.read(self._needs())
            yield pool, signals

    def _needs(self) -> set[str]:
        """Signals that a query may read: those that the net must be able to give."""
        asked = _AskedFor()
        self._check_layout(asked)
        return asked.names

    def _check_pool(self, X, name: str):
        return check_pool(self, X, name, **self._kind_of_samples())

    def _finite_part(self, X, on_nonfinite):
        """The finite rows of a pool; None where all are asked for."""
        if on_nonfinite not in ("raise", "skip"):
            raise ValueError(f"'on_nonfinite' must be 'raise' or 'skip'; got {on_nonfinite!r}.")
        if on_nonfinite == "raise":
            return None
        return finite_part(X, "X_unlabeled", **self._kind_of_samples())

    def _kind_of_samples(self) -> dict:
        return {
            "integers": self._template.takes_integers,
            "transformed": self._template.transformer is not None,
            "shape": self._row_shape,
        }

    def _check_samples(self, X, name: str, template: TaskTemplate, *, reset: bool):
        checked = check_samples(
            self,
            X,
            name,
            reset=reset,
            integers=template.takes_integers,
            transformed=template.transformer is not None,
        )
        if not reset:
            check_row_shape(checked, self._row_shape, name)
        return checked

    def _round_seed(self, stage: str) -> int:
        """Seed of a stage of this round: it changes as labels come in."""
        return derive_seed(self._seed, stage, len(self.y_labeled_))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")


class _AskedFor:
    """In the place of a layout, takes note of the signals that are asked for."""

    def __init__(self):
        self.names: set[str] = set()

    def check(self, signal: str, needed_by: str) -> None:
        self.names.add(signal)


@contextmanager
def all_or_nothing(estimator):
    """Give ``estimator`` its attributes back if the block raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
