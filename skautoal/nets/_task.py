"""The task model of a round: a trained net, its transformers, its labelled samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from skorch import NeuralNetClassifier
from torch import nn

from ..data import Pool, TransformedPool
from ..data._convert import from_transformer, writeable
from ..data._labels import encode_labels
from ..data._rows import is_dataset, take_rows
from ..modules import MLP
from . import _net
from ._columns import columns_read
from ._training import fit_net, fresh_net, initialize_net


@dataclass
class TaskModel:
    """A trained task net with what belongs to it.

    Attributes
    ----------
    estimator : skorch classifier or Pipeline
        What the user sees as ``estimator_``.
    net : skorch classifier
        The net inside.
    transformer : Pipeline or None
        Fitted steps before the net.
    layout : NetLayout
        What the net can give.
    X_labeled : array
        Labelled samples as the net takes them.
    classes : ndarray of shape (C,)
        Labels of the columns that the net predicts.
    codes : ndarray of shape (l,), dtype int64
        Class codes of the labelled samples.
    previous_net : skorch classifier or None
        The net of the previous round, if there was one with the same outputs.
    frozen : bool
        Whether the net was given as it is, not trained here.
    columns_read : ndarray of bool of shape (d,) or None
        Columns of the samples that the net reads; None if all count, as for samples that
        are not a table.

    """

    estimator: Any
    net: Any
    transformer: Pipeline | None
    layout: _net.NetLayout
    X_labeled: object
    classes: np.ndarray
    codes: np.ndarray
    previous_net: Any = None
    frozen: bool = False
    columns_read: np.ndarray | None = None

    def transform(self, X: Any) -> Any:
        """Send samples through the transformers of the pipeline; a pool when it is read."""
        if self.transformer is None:
            return X
        if isinstance(X, Pool):
            return TransformedPool(X, self.transform)
        return from_transformer(self.transformer.transform(X))


@dataclass
class TaskTemplate:
    """The user's estimator, taken apart and ready to be fitted on labels.

    Attributes
    ----------
    estimator : skorch classifier, Pipeline or None
        As the user gave it, without the FrozenEstimator around it.
    transformer : Pipeline or None
        Steps before the net.
    net : skorch classifier or None
        None for a default net, which is made to measure.
    takes_integers : bool
        Whether integers have to stay integers.
    frozen : bool
        Whether the net is used as it is.
    transformer_frozen : bool
        Whether the steps before it are, too.

    """

    estimator: Any
    transformer: Pipeline | None
    net: Any
    takes_integers: bool
    frozen: bool = False
    transformer_frozen: bool = False

    @classmethod
    def from_estimator(cls, estimator: Any, seed: int) -> TaskTemplate:
        """Take the user's estimator apart.

        Raises
        ------
        TypeError
            If it is not a skorch classifier, nor a Pipeline that ends in one.
        NotFittedError
            If it is a FrozenEstimator of a net that is not fitted.

        """
        if estimator is None:
            return cls(None, None, None, False)
        whole_frozen = isinstance(estimator, FrozenEstimator)
        inner = estimator.estimator if whole_frozen else estimator
        transformer, net = _net.split_estimator(inner)
        if not (whole_frozen or isinstance(net, FrozenEstimator)):
            template = initialize_net(fresh_net(net), seed)
            return cls(inner, transformer, net, _net.takes_integers(template))
        net = net.estimator if isinstance(net, FrozenEstimator) else net
        if not net.initialized_:
            raise NotFittedError(
                "'estimator' is a FrozenEstimator, but the net in it is not fitted. Fit the"
                " net first, or pass it without FrozenEstimator to have it trained."
            )
        return cls(inner, transformer, net, _net.takes_integers(net), True, whole_frozen)

    def fitted(
        self,
        X: Any,
        y: np.ndarray,
        classes: Any,
        embedding_layer: str,
        seed: int,
        needs: Mapping[str, str],
    ) -> TaskModel:
        """Train a fresh net on labelled samples, or take a frozen one as it is.

        Parameters
        ----------
        X : array
            Checked samples, not yet transformed.
        y : ndarray of shape (l,)
            Labels.
        classes : array-like or None
            All classes, if the user named them.
        embedding_layer : str
            Submodule whose input is the embedding, or "auto".
        seed : int
            Decides initial weights and training.
        needs : mapping of str to str
            Signals that the net must be able to give, checked before training, each with
            who needs it.

        """
        transformer, X_net = self._transformed(X, y)
        template = self.net
        if template is None:
            template = default_net(X_net, len(encode_labels(y, classes, None)[0]))
        X_net = writeable(X_net)
        row = take_rows(X_net, slice(0, 1))
        probe = template if self.frozen else initialize_net(fresh_net(template), seed)
        layout = _net.inspect_net(probe, row, embedding_layer)
        if self.frozen and classes is None:
            trained = np.asarray(getattr(template, "classes_", np.arange(layout.n_outputs)))
            classes = trained if len(trained) == layout.n_outputs else None
        known, codes = encode_labels(y, classes, layout.n_outputs)
        for signal, needed_by in needs.items():
            layout.check(signal, needed_by)
        net = template if self.frozen else fit_net(fresh_net(template, codes), X_net, codes, seed)
        return TaskModel(
            self._estimator(transformer, net),
            net,
            transformer,
            layout,
            X_net,
            known,
            codes,
            frozen=self.frozen,
            columns_read=columns_read(net, X_net),
        )

    def _transformed(self, X: Any, y: np.ndarray) -> tuple[Pipeline | None, Any]:
        if self.transformer is None:
            return None, X
        if self.transformer_frozen:
            return self.transformer, from_transformer(self.transformer.transform(X))
        transformer = clone(self.transformer)
        return transformer, from_transformer(transformer.fit_transform(X, y))

    def _estimator(self, transformer: Pipeline | None, net: Any) -> Any:
        """The fitted estimator as the user sees it."""
        if self.transformer_frozen and self.frozen:
            return self.estimator
        if transformer is None:
            return net
        return Pipeline([*transformer.steps, (self.estimator.steps[-1][0], net)])


def is_frozen(estimator: Any) -> bool:
    """Return True if the net of an estimator is used as it is, not trained."""
    if isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return isinstance(estimator, FrozenEstimator)


def default_net(X: Any, n_classes: int) -> NeuralNetClassifier:
    """The net of a sampler without one: a small perceptron with dropout, made to measure."""
    if isinstance(X, dict) or is_dataset(X):
        raise ValueError(
            "'estimator' is None, but the default net takes arrays only. Pass a skorch"
            " net that takes your samples."
        )
    return NeuralNetClassifier(
        MLP,
        module__n_features=int(np.prod(X.shape[1:])),
        module__n_classes=n_classes,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=50,
        batch_size=32,
        iterator_train__shuffle=True,
    )
