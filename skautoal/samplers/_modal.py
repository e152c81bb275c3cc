"""Samplers as query strategies of modAL, which calls them with a learner and a pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import clone

from .._net import is_net
from .._rng import draw_seed


class ModALMixin:
    """``sampler(learner, X_pool)``, for all samplers."""

    n_instances: int
    random_state: Any
    query: Callable
    get_params: Callable

    def __call__(self, learner, X_pool, n_instances=None, *, X_training=None, y_training=None):
        """Act as a modAL query strategy.

        Parameters
        ----------
        learner : object
            A modAL learner: its ``estimator`` (a fitted skorch net) is the task model,
            ``X_training`` and ``y_training`` are the labelled samples.
        X_pool : array-like of shape (n_pool, ...)
            Unlabelled samples.
        n_instances : int, optional
            Size of the batch; the parameter of the sampler by default.
        X_training, y_training : array-like, optional
            Labelled samples, for learners that keep none.

        Returns
        -------
        indices : ndarray of shape (n_instances,)
            Indices into ``X_pool``, best first.
        utilities : ndarray of shape (n_instances,)
            Utilities of the chosen, in the same order.

        Notes
        -----
        The sampler itself is not changed: a copy adopts the learner's net.
        """
        estimator = getattr(learner, "estimator", None)
        if isinstance(estimator, ModALMixin):
            sampler = estimator
        else:
            sampler = self._adopting(learner, estimator, X_training, y_training)
        indices, utilities = sampler.query(
            X_pool,
            self.n_instances if n_instances is None else n_instances,
            return_utilities=True,
        )
        return indices, utilities[indices]

    def _adopting(self, learner, estimator, X_training, y_training):
        """A copy of this sampler fitted around the learner's trained net."""
        net = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
        if not is_net(net):
            raise TypeError(
                "'learner.estimator' must be a fitted skorch classifier, a Pipeline ending"
                f" in one, or a skautoal sampler; got {type(estimator).__name__}."
            )
        X = getattr(learner, "X_training", None) if X_training is None else X_training
        y = getattr(learner, "y_training", None) if y_training is None else y_training
        if X is None or y is None:
            raise ValueError(
                "'learner' keeps no labelled samples; pass them as 'X_training' and"
                " 'y_training' keywords of its query."
            )
        # The estimator is about to be replaced: cloning it first would be wasted.
        parameters = self.get_params(deep=False) | {"estimator": None}
        copy = clone(type(self)(**parameters))
        copy.set_params(estimator=estimator, prefit=True, random_state=draw_seed(self.random_state))
        return copy.fit(X, y)
