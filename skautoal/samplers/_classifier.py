"""The classifier in a sampler: checks of samples, their signals, and predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._utils._rng import derive_seed
from ..data import FinitePart, Pool
from ..data._validation import check_pool, check_row_shape, check_samples, finite_part
from ..nets._task import TaskModel, TaskTemplate
from ..signals import SignalOptions, Signals
from ..signals._task_signals import task_signals


class TaskClassifier:
    """Part of a sampler that holds the task model: checks samples and predicts."""

    signals: SignalOptions | None
    _task: TaskModel
    _template: TaskTemplate
    _row_shape: Any
    _seed: int
    classes_: np.ndarray
    y_labeled_: np.ndarray

    def _signal_options(self) -> SignalOptions:
        options = SignalOptions() if self.signals is None else self.signals
        options.check()
        return options

    def _labeled_signals(self) -> Signals:
        options = self._signal_options()
        return task_signals(
            self._task,
            self._task.X_labeled,
            n_passes=options.n_passes,
            n_members=options.n_members,
            seed=self._round_seed("mc"),
            labeled=False,
        )

    def _pool_signals(self, pool: Any, max_memory: int | None = None) -> Signals:
        """Return the signals of a checked pool for the queries of this round."""
        options = self._signal_options()
        return task_signals(
            self._task,
            self._task.transform(pool),
            n_passes=options.n_passes,
            n_members=options.n_members,
            seed=self._round_seed("mc"),
            max_memory=max_memory,
        )

    def _check_pool(self, X: Any, name: str) -> Any:
        if isinstance(X, Pool):
            return X  # the finite part of a pool, which has been checked
        return check_pool(self, X, name, **self._kind_of_samples())

    def _finite_part(self, X: Any) -> FinitePart:
        return finite_part(X, "X_unlabeled", **self._kind_of_samples())

    def _kind_of_samples(self) -> dict[str, Any]:
        return {
            "integers": self._template.takes_integers,
            "transformed": self._template.transformer is not None,
            "shape": self._row_shape,
        }

    def _check_samples(self, X: Any, name: str, template: TaskTemplate, *, reset: bool) -> Any:
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

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict class probabilities with the task model.

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
        signals = task_signals(self._task, self._task.transform(pool), seed=0, labeled=False)
        return signals.probabilities.cpu().numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable class of each sample.

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

    def _round_seed(self, stage: str) -> int:
        """Return the seed of a stage of this round, which depends on the number of labels."""
        return derive_seed(self._seed, stage, len(self.y_labeled_))
