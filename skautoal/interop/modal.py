"""modAL-python: samplers and strategies for its learners, its strategies as candidates.

Nothing here imports modAL; all that counts is the form of a call,
``strategy(learner, X_pool, n_instances=1)``, and of the answer, a pair.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from .._utils._rng import draw_seed
from ..nets._net import is_net
from ..samplers import BaseSampler
from ..signals import Signals
from ._export import as_sampler, fitted_copy
from ._foreign import ForeignModel, ForeignModelStrategy

__all__ = ["ModALQueryStrategy", "ModALStrategy", "as_query_strategy", "from_modal"]


class ModALQueryStrategy:
    """Query strategy of modAL that asks a sampler; made by :func:`as_query_strategy`.

    Parameters
    ----------
    sampler : BaseSampler
        Copies of it answer.

    """

    def __init__(self, sampler: BaseSampler):
        self.sampler = sampler

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.sampler!r})"

    def __call__(
        self,
        learner: Any,
        X_pool: Any,
        n_instances: int = 1,
        *,
        X_training: Any = None,
        y_training: Any = None,
        **options: Any,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Answer a query of a modAL learner; neither it nor the sampler is changed.

        Parameters
        ----------
        learner : modAL learner
            Its ``estimator``, a fitted skorch classifier, a Pipeline ending in one, or a
            fitted sampler, is the task model, never trained here.
        X_pool : array-like of shape (n_pool, ...)
            Unlabelled samples.
        n_instances : int, default=1
            Size of the batch; modAL asks for one sample unless told otherwise.
        X_training, y_training : array-like, optional
            Labelled samples, for learners that keep none (``DeepActiveLearner``).
        **options
            ``costs``, ``budget``, ``max_memory`` and ``on_nonfinite`` of the sampler's
            ``query``.

        Returns
        -------
        indices : ndarray of shape (n_instances,)
            Distinct indices into ``X_pool``, best first.
        utilities : ndarray of shape (n_instances,)
            Utilities of the chosen, in the same order.

        """
        sampler = self._fitted(learner, X_training, y_training)
        indices, utilities = sampler.query(X_pool, n_instances, return_utilities=True, **options)
        return indices, utilities[indices]

    def _fitted(self, learner: Any, X: Any, y: Any) -> BaseSampler:
        """Return the learner itself if it is this sampler, or a copy around its trained net."""
        estimator = getattr(learner, "estimator", None)
        classes = None
        if isinstance(estimator, BaseSampler):
            if estimator is self.sampler:
                return estimator
            # Only its net is taken: the question goes to the strategy in here.
            X, y, classes = estimator.X_labeled_, estimator.y_labeled_, estimator.classes_
            estimator = estimator.estimator_
        X = getattr(learner, "X_training", None) if X is None else X
        y = getattr(learner, "y_training", None) if y is None else y
        net: Any = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
        if not is_net(net):
            raise TypeError(
                "'learner.estimator' must be a fitted skorch classifier, a Pipeline ending"
                f" in one, or a skautoal sampler; got {type(estimator).__name__}."
            )
        if X is None or y is None:
            raise ValueError(
                "'learner' keeps no labelled samples; pass them as 'X_training' and"
                " 'y_training' keywords of its query."
            )
        # The estimator is about to be replaced: cloning it first would be wasted.
        copied = clone(
            type(self.sampler)(**self.sampler.get_params(deep=False) | {"estimator": None})
        )
        copied.set_params(
            estimator=FrozenEstimator(estimator), random_state=draw_seed(self.sampler.random_state)
        )
        if classes is not None:
            copied.set_params(classes=classes)
        return fitted_copy(copied, X, np.asarray(y), None)


def as_query_strategy(query: Any = None, *, random_state: Any = None) -> ModALQueryStrategy:
    """Make a modAL query strategy of a sampler or strategy.

    Parameters
    ----------
    query : sampler, Strategy, str, callable or None, default=None
        A sampler, a strategy, the name of one or a function of the signals; None is an
        :class:`~skautoal.AutoALSampler`. The learner's model is used as it is, so an
        ``estimator`` in a sampler does not matter.
    random_state : int, RandomState or None, default=None
        Decides ties and draws; a sampler has its own.

    Returns
    -------
    query_strategy : callable
        For ``ActiveLearner(estimator, query_strategy=...)``; see
        :class:`ModALQueryStrategy`.

    Examples
    --------
    >>> from modAL.models import ActiveLearner
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import StrategySampler
    >>> from skautoal.interop.modal import as_query_strategy
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> model = StrategySampler(random_state=0).fit(X[:12], y[:12])
    >>> learner = ActiveLearner(model, as_query_strategy("badge", random_state=0))
    >>> indices, samples = learner.query(X[12:], n_instances=4)
    >>> indices.shape, samples.shape
    ((4,), (4, 2))

    """
    return ModALQueryStrategy(as_sampler(query, random_state=random_state))


class ModALStrategy(ForeignModelStrategy):
    """A modAL query strategy as a candidate; made by :func:`from_modal`.

    Parameters
    ----------
    strategy : callable
        ``strategy(learner, X_pool, n_instances=...)`` returning indices into the pool,
        alone or as first of a pair.
    keywords : dict or None, default=None
        More keywords of it.
    features : {"samples", "embeddings"}, default="samples"
        What it is shown as samples.

    """

    def __init__(
        self, strategy: Callable, keywords: dict | None = None, features: str = "samples"
    ) -> None:
        super().__init__(strategy, features)
        self.keywords = keywords

    def _ask(
        self, strategy: Any, signals: Signals, order: np.ndarray, n_instances: int, seed: int
    ) -> Any:
        learner = _Learner(ForeignModel(signals, self.features, order), signals, self.features)
        pool = learner.model.pool
        answer = strategy(learner, pool, n_instances=n_instances, **(self.keywords or {}))
        return answer[0] if isinstance(answer, tuple) else answer


class _Learner:
    """Stand-in for the ``ActiveLearner`` that a modAL strategy expects."""

    on_transformed = False

    def __init__(self, model: ForeignModel, signals: Signals, features: str) -> None:
        self.model = model
        self._signals = signals
        self._features = features
        self.X_training, self.y_training = model.labeled, model.codes

    @property
    def estimator(self) -> Any:
        """A copy of the net: some strategies switch its mode."""
        if self._features == "embeddings":
            return self
        return copy.deepcopy(self._signals.net)

    def predict_proba(self, X: Any) -> Any:
        return self.model.probabilities(X)

    def predict(self, X: Any) -> Any:
        return self.predict_proba(X).argmax(axis=1)

    def score(self, X: Any, y: Any) -> float:
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def transform_without_estimating(self, X: Any) -> Any:
        return X


def from_modal(strategy: Callable, *, features: str = "samples", **keywords: Any) -> ModALStrategy:
    """Make a candidate of a modAL query strategy.

    Parameters
    ----------
    strategy : callable
        ``strategy(learner, X_pool, n_instances=...)``, returning indices into the pool,
        alone or as first of a pair. The learner has ``predict``, ``predict_proba``,
        ``estimator`` (a copy of the net), ``X_training`` and ``y_training`` (class codes
        0..C-1); it is no committee.
    features : {"samples", "embeddings"}, default="samples"
        What the strategy is shown as samples: the net's inputs, or its embeddings, in
        which distances between images mean more.
    **keywords
        More keywords of the strategy.

    Returns
    -------
    strategy : Strategy
        For the ``strategies`` of a sampler, or alone.

    Examples
    --------
    >>> from modAL.uncertainty import margin_sampling
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import AutoALSampler
    >>> from skautoal.interop.modal import from_modal
    >>> X, y = make_blobs(80, centers=3, random_state=0)
    >>> strategies = ["badge", from_modal(margin_sampling)]
    >>> sampler = AutoALSampler(strategies=strategies, random_state=0).fit(X[:20], y[:20])
    >>> sampler.query(X[20:], n_instances=4).shape, list(sampler.strategy_weights_["batch"])
    ((4,), ['BADGE', 'margin_sampling'])

    """
    if not callable(strategy):
        raise TypeError(
            "'strategy' must be a modAL query strategy, a function of a learner and a pool;"
            f" got {strategy!r:.100}."
        )
    return ModALStrategy(strategy, keywords or None, features)
