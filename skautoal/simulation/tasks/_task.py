"""A task: a pool with its labels, a test set, a net; and the budgets to spend on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from ...data._rows import n_samples, take_rows
from ._nets import standard_net

#: How the first samples to label are drawn.
INITIAL = ("random", "balanced", "skewed")


@dataclass(frozen=True)
class Budget:
    """How many labels there are at the start, how many a round brings, how many rounds.

    Parameters
    ----------
    name : str
        Name in tables.
    n_initial : int
        Labels at the start.
    n_instances : int
        Labels that each round brings.
    n_rounds : int
        Rounds.

    """

    name: str
    n_initial: int
    n_instances: int
    n_rounds: int

    def __post_init__(self):
        for name, least in (("n_initial", 1), ("n_instances", 1), ("n_rounds", 0)):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(f"'{name}' must be an integer >= {least}; got {value!r}.")

    @property
    def n_labels(self) -> int:
        """Labels at the end."""
        return self.n_initial + self.n_rounds * self.n_instances

    def fit_to(self, n_pool: int) -> Budget:
        """The same budget, scaled down so that it never labels more than half of a pool."""
        share = n_pool / 2 / self.n_labels
        if share >= 1:
            return self
        n_initial = max(1, int(share * self.n_initial))
        n_instances = max(1, int(share * self.n_instances))
        n_rounds = min(self.n_rounds, max(0, (n_pool // 2 - n_initial) // n_instances))
        return Budget(self.name, n_initial, n_instances, n_rounds)


@dataclass(frozen=True, eq=False)
class Task:
    """A classification task whose labels are known, to try methods on.

    Parameters
    ----------
    name : str
        Name in tables.
    X_train, y_train : array of shape (n, ...), array of shape (n,)
        The pool and its labels, as the net takes them; scaled already.
    X_test, y_test : array of shape (m, ...), array of shape (m,)
        Samples that accuracy is measured on.
    net : skorch classifier or Pipeline, default=None
        The net to train; None takes :func:`standard_net`.
    initial : {"random", "balanced", "skewed"}, default="random"
        How the first samples are drawn: uniformly; the same number of each class; only
        from half of the classes.
    budgets : dict of str to Budget, optional
        Budgets of this task by name; they win over those of the same name that
        :meth:`budget` knows.

    Examples
    --------
    >>> from skautoal.simulation import load_digits_task
    >>> task = load_digits_task()
    >>> task.X_train.shape, task.n_classes
    ((1347, 64), 10)
    >>> task.budget("low")
    Budget(name='low', n_initial=10, n_instances=10, n_rounds=20)

    """

    name: str
    X_train: object
    y_train: np.ndarray
    X_test: object
    y_test: np.ndarray
    net: object = None
    initial: str = "random"
    budgets: Mapping[str, Budget] = field(default_factory=dict)

    def __post_init__(self):
        for part in ("train", "test"):
            X, y = getattr(self, f"X_{part}"), np.asarray(getattr(self, f"y_{part}"))
            if y.ndim != 1 or len(y) != n_samples(X) or len(y) == 0:
                raise ValueError(
                    f"Task {self.name!r}: 'y_{part}' must hold one label for each of the"
                    f" {n_samples(X)} samples of 'X_{part}'; got shape {y.shape}."
                )
            object.__setattr__(self, f"y_{part}", y)
        if self.initial not in INITIAL:
            raise ValueError(
                f"Task {self.name!r}: 'initial' must be one of {INITIAL}; got {self.initial!r}."
            )

    @cached_property
    def classes(self) -> np.ndarray:
        """All classes, sorted."""
        return np.union1d(self.y_train, self.y_test)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def build_net(self):
        """The net of this task, not trained."""
        if self.net is not None:
            return self.net
        return standard_net(np.shape(cast(ArrayLike, self.X_train)), self.n_classes)

    def budget(self, name: str, *, scaled: bool = True) -> Budget:
        """The budget ``"low"`` or ``"mid"`` for this task, or one of its own.

        low starts with C labels and adds C in each of 20 rounds; mid starts with 10 C and
        adds 5 C in each of 10 rounds, C being the number of classes. Small pools get
        smaller ones: never more than half of the pool is labelled.

        Parameters
        ----------
        name : str
            Which.
        scaled : bool, default=True
            Whether small pools get smaller ones.

        Returns
        -------
        budget : Budget

        """
        if name in self.budgets:
            return self.budgets[name]
        C = self.n_classes
        budgets = {"low": Budget("low", C, C, 20), "mid": Budget("mid", 10 * C, 5 * C, 10)}
        if name not in budgets:
            known = [*budgets, *self.budgets]
            raise ValueError(f"Task {self.name!r} has no budget {name!r}; it has {known}.")
        return budgets[name].fit_to(len(self.y_train)) if scaled else budgets[name]

    def subset(self, n_train: int | None = None, n_test: int | None = None, *, seed: int = 0):
        """The same task with a smaller pool or test set, drawn class by class.

        Parameters
        ----------
        n_train, n_test : int, optional
            Samples to keep, about; None, or more than there are, keeps all.
        seed : int, default=0
            Decides which.

        Returns
        -------
        task : Task

        """
        kept: dict[str, Any] = {}
        for part, n in (("train", n_train), ("test", n_test)):
            y = getattr(self, f"y_{part}")
            if n is None or n >= len(y):
                continue
            rows = _stratified(y, n, np.random.RandomState(seed))
            kept |= {f"X_{part}": take_rows(getattr(self, f"X_{part}"), rows), f"y_{part}": y[rows]}
        return replace(self, **kept)


def draw_initial(y: np.ndarray, n: int, how: str, rng: np.random.RandomState) -> np.ndarray:
    """Rows of the first samples to label, (n,) int64.

    Parameters
    ----------
    y : ndarray of shape (n_pool,)
        Labels of the pool.
    n : int
        How many.
    how : {"random", "balanced", "skewed"}
        See :class:`Task`.
    rng : RandomState
        Decides.

    """
    order = rng.permutation(len(y))
    if how == "balanced":
        # Sorted by rank within the class: first one of each class, then the second ones.
        _, codes = np.unique(y[order], return_inverse=True)
        order = order[np.argsort(_rank_within(codes), kind="stable")]
    elif how == "skewed":
        classes = rng.permutation(np.unique(y))
        seen = np.isin(y[order], classes[: max(2, -(-len(classes) // 2))])
        order = np.concatenate([order[seen], order[~seen]])
    elif how != "random":
        raise ValueError(f"'initial' must be one of {INITIAL} or an array of rows; got {how!r}.")
    return order[:n].astype(np.int64)


def _stratified(y: np.ndarray, n: int, rng: np.random.RandomState) -> np.ndarray:
    """About n rows, sorted, every class by its share and at least once."""
    order = rng.permutation(len(y))
    _, codes, counts = np.unique(y[order], return_inverse=True, return_counts=True)
    quota = np.maximum(1, np.round(counts * n / len(y)))
    return np.sort(order[_rank_within(codes) < quota[codes]])


def _rank_within(codes: np.ndarray) -> np.ndarray:
    """How many earlier entries have the same code, (n,)."""
    by_code = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[by_code], codes[by_code])
    rank = np.empty(len(codes), dtype=np.int64)
    rank[by_code] = np.arange(len(codes)) - starts
    return rank
