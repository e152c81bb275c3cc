"""Tasks: a pool with known labels, a test set, a net, and the budgets to spend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...data._rows import n_samples, take_rows
from ._budget import Budget
from ._nets import standard_net
from ._rows import INITIAL, stratified_rows


@dataclass(frozen=True, eq=False)
class Task:
    """A classification task with known labels, for trying out methods.

    Parameters
    ----------
    name : str
        Name in tables.
    X_train, y_train : array of shape (n, ...), array of shape (n,)
        The pool and its labels, in the form that the net takes and already scaled.
    X_test, y_test : array of shape (m, ...), array of shape (m,)
        Test samples and their labels.
    net : skorch classifier or Pipeline, default=None
        The net to train. None means :func:`standard_net`.
    initial : {"random", "balanced", "skewed"}, default="random"
        Rule for drawing the first samples: uniformly; the same number from each class;
        from half of the classes only.
    budgets : dict of str to Budget, optional
        Budgets of this task by name. They override the budgets of the same name that
        :meth:`budget` defines.

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
    X_train: Any
    y_train: np.ndarray
    X_test: Any
    y_test: np.ndarray
    net: Any = None
    initial: str = "random"
    budgets: Mapping[str, Budget] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            X, y = getattr(self, f"X_{part}"), np.asarray(getattr(self, f"y_{part}"))
            if y.ndim != 1 or len(y) != n_samples(X) or len(y) == 0:
                raise ValueError(
                    f"Task {self.name!r}: 'y_{part}' must hold one label for each of the"
                    f" {n_samples(X)} samples of 'X_{part}'; got shape {y.shape}."
                )
            object.__setattr__(self, f"y_{part}", y)  # the dataclass is frozen
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

    def build_net(self) -> Any:
        """Return the untrained net of this task.

        Returns
        -------
        net : skorch classifier or Pipeline
            The parameter ``net``, or :func:`standard_net` if it is None.

        """
        if self.net is not None:
            return self.net
        return standard_net(np.shape(self.X_train), self.n_classes)

    def budget(self, name: str, *, scaled: bool = True) -> Budget:
        """Return the budget ``"low"`` or ``"mid"``, or one of the task's own.

        With C classes, low starts with C labels and adds C in each of 20 rounds; mid
        starts with 10 C labels and adds 5 C in each of 10 rounds.

        Parameters
        ----------
        name : str
            Name of the budget.
        scaled : bool, default=True
            Whether to scale "low" and "mid" down so that they label at most half of the
            pool.

        Returns
        -------
        budget : Budget

        Raises
        ------
        ValueError
            If there is no budget of this name.

        """
        if name in self.budgets:
            return self.budgets[name]
        C = self.n_classes
        budgets = {"low": Budget("low", C, C, 20), "mid": Budget("mid", 10 * C, 5 * C, 10)}
        if name not in budgets:
            known = [*budgets, *self.budgets]
            raise ValueError(f"Task {self.name!r} has no budget {name!r}. Use one of {known}.")
        return budgets[name].fit_to(len(self.y_train)) if scaled else budgets[name]

    def subset(
        self, n_train: int | None = None, n_test: int | None = None, *, seed: int = 0
    ) -> Task:
        """Return the task with a smaller pool or test set, stratified by class.

        Parameters
        ----------
        n_train, n_test : int, optional
            Approximate number of samples to keep. None, or more than there are, keeps
            all of them.
        seed : int, default=0
            Seed of the draw.

        Returns
        -------
        task : Task

        """
        kept: dict[str, Any] = {}
        for part, n in (("train", n_train), ("test", n_test)):
            y = getattr(self, f"y_{part}")
            if n is None or n >= len(y):
                continue
            rows = stratified_rows(y, n, np.random.RandomState(seed))
            kept |= {f"X_{part}": take_rows(getattr(self, f"X_{part}"), rows), f"y_{part}": y[rows]}
        return replace(self, **kept)
