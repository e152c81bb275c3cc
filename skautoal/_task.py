"""The task model of a round: a trained net, its transformers, its labelled samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from skorch import NeuralNetClassifier
from torch import nn

from . import _net
from ._labels import encode_labels
from ._training import fit_net, fresh_net, initialize_net
from ._validation import is_dataset, n_samples
from .modules import MLP
from .pools import Pool, TransformedPool
from .signals import NetSignals


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
        The net of the round before, if there was one with the same outputs.

    """

    estimator: Any
    net: Any
    transformer: Pipeline | None
    layout: _net.NetLayout
    X_labeled: object
    classes: np.ndarray
    codes: np.ndarray
    previous_net: Any = None

    def signals(
        self,
        X,
        *,
        n_passes: int,
        seed: int,
        labeled: bool = True,
        max_memory: int | None = None,
    ) -> NetSignals:
        """Signals of samples that were checked but not yet transformed."""
        return self.net_signals(
            self.transform(X),
            n_passes=n_passes,
            seed=seed,
            labeled=labeled,
            max_memory=max_memory,
        )

    def net_signals(
        self, X, *, n_passes: int, seed: int, labeled: bool, max_memory: int | None = None
    ) -> NetSignals:
        """Signals of samples as the net takes them."""
        return NetSignals(
            self.net,
            X,
            self.layout,
            X_labeled=self.X_labeled if labeled else None,
            codes=self.codes if labeled else None,
            previous_net=self.previous_net,
            n_passes=n_passes,
            seed=seed,
            max_memory=max_memory,
        )

    def transform(self, X):
        """Send samples through the transformers of the pipeline; a pool when it is read."""
        if self.transformer is None:
            return X
        if isinstance(X, Pool):
            return TransformedPool(X, self.transform)
        return _as_dense(self.transformer.transform(X))


@dataclass
class TaskTemplate:
    """The user's estimator, taken apart and ready to be trained on labels."""

    estimator: Any
    transformer: Pipeline | None
    net: Any  # None: a default net is made to measure
    takes_integers: bool

    @classmethod
    def from_estimator(cls, estimator, prefit: bool, seed: int) -> TaskTemplate:
        """Take the user's estimator apart; raises on anything that is not a classifier."""
        if estimator is None:
            if prefit:
                raise ValueError(
                    "'prefit=True' needs a fitted net in 'estimator'; got estimator=None."
                    " Pass the fitted net, or leave prefit=False."
                )
            return cls(None, None, None, False)
        transformer, net = _net.split_estimator(estimator)
        if prefit:
            if not net.initialized_:
                raise NotFittedError(
                    "'prefit=True', but the net in 'estimator' is not fitted. Fit it"
                    " first, or leave prefit=False."
                )
            return cls(estimator, transformer, net, _net.takes_integers(net))
        template = initialize_net(fresh_net(net), seed)
        return cls(estimator, transformer, net, _net.takes_integers(template))

    def train(self, X, y: np.ndarray, classes, embedding_layer: str, seed: int, check) -> TaskModel:
        """Train a fresh net on labelled samples.

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
        check : callable
            Called with the layout before training; may raise.

        """
        transformer = None if self.transformer is None else clone(self.transformer)
        X_net = X if transformer is None else _as_dense(transformer.fit_transform(X, y))
        template = self.net
        if template is None:
            n_classes = len(encode_labels(y, classes, None)[0])
            template = default_net(X_net, n_classes)
        X_net = _net.writeable(X_net)
        row = _net.take_rows(X_net, slice(0, 1))
        probe = initialize_net(fresh_net(template), seed)
        layout = _net.inspect_net(probe, row, embedding_layer)
        known, codes = encode_labels(y, classes, layout.n_outputs)
        check(layout)
        net = fit_net(fresh_net(template, codes), X_net, codes, seed)
        estimator = net
        if transformer is not None:
            estimator = Pipeline([*transformer.steps, (self.estimator.steps[-1][0], net)])
        return TaskModel(estimator, net, transformer, layout, X_net, known, codes)

    def adopt(self, X, y: np.ndarray, classes, embedding_layer: str, check) -> TaskModel:
        """Take the fitted net as it is; the labels only say what is labelled."""
        X_net = X if self.transformer is None else _as_dense(self.transformer.transform(X))
        X_net = _net.writeable(X_net)
        row = _net.take_rows(X_net, slice(0, 1))
        layout = _net.inspect_net(self.net, row, embedding_layer)
        if classes is None:
            trained = np.asarray(getattr(self.net, "classes_", np.arange(layout.n_outputs)))
            classes = trained if len(trained) == layout.n_outputs else None
        known, codes = encode_labels(y, classes, layout.n_outputs)
        check(layout)
        return TaskModel(self.estimator, self.net, self.transformer, layout, X_net, known, codes)


def default_net(X, n_classes: int) -> NeuralNetClassifier:
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


def _as_dense(X):
    """Output of a user's transformer as the float32 array a net takes."""
    if sparse.issparse(X):
        X = X.toarray()
    X = np.asarray(X)
    if X.dtype.kind not in "fiub":
        raise TypeError(
            "The transformers of the pipeline in 'estimator' must return numbers; got"
            f" dtype {X.dtype} for {n_samples(X)} samples. Add an encoder before the net."
        )
    X = X.astype(np.float32, copy=False)
    if not np.isfinite(X).all():
        raise ValueError(
            "The transformers of the pipeline in 'estimator' return NaN or infinity. Add"
            " an imputer before the net."
        )
    return X
