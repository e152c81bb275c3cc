"""Pool, cheap samplers and a labelling loop for the tests of campaigns."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from sklearn.datasets import make_blobs
from skorch import NeuralNetClassifier
from torch import nn

from skautoal.campaign import LabelingCampaign
from skautoal.modules import LinearHead
from skautoal.samplers import BaseSampler, QueryResult
from tests._internals import PoolTable

N_POOL = 40


def make_pool(n=N_POOL, n_classes=3):
    X, y = make_blobs(n, n_features=3, centers=n_classes, cluster_std=3.0, random_state=0)
    return X.astype(np.float32), y


def tiny_net(n_classes=3, **params):
    return NeuralNetClassifier(
        LinearHead,
        module__n_features=3,
        module__n_classes=n_classes,
        criterion=nn.CrossEntropyLoss,
        train_split=None,
        verbose=0,
        **{"lr": 0.1, "max_epochs": 3, **params},
    )


class CheapSampler(BaseSampler):
    """Sampler without a net, whose picks depend on all labels, the seed and the pool only."""

    def fit(self, X, y):
        self.X_labeled_, self.y_labeled_ = X, np.asarray(y)
        self.classes_ = np.unique(y)
        self.estimator_ = self
        return self

    def query(self, X_unlabeled, n_instances=None, *, return_result=False):
        scores = -(X_unlabeled @ self._direction())
        indices = np.argsort(-scores, kind="stable")[:n_instances].astype(np.int64)
        if not return_result:
            return indices
        n, P = len(scores), self.predict_proba(X_unlabeled)
        table = PoolTable(
            strategies=["cheap"],
            predictions=self.classes_[P.argmax(axis=1)],
            probabilities=P.max(axis=1),
            margins=np.zeros(n),
            utilities=scores[:, None],
            weights=np.ones((n, 1)),
            considered=np.ones(n, dtype=bool),
            reasons={},
        )
        return QueryResult(indices, scores, {}, {}, {}, None, table)

    def _direction(self):
        names = [str(label) for label in self.y_labeled_.tolist()]
        text = repr((names, self.X_labeled_.tolist(), self.random_state))
        digest = np.frombuffer(text.encode(), dtype=np.uint8).astype(np.uint64)
        seed = int((digest * np.arange(1, len(digest) + 1, dtype=np.uint64)).sum() % 2**31)
        return np.random.RandomState(seed).standard_normal(self.X_labeled_.shape[1])

    def predict_proba(self, X):
        P = np.exp(-np.abs(X[:, :1] - np.arange(len(self.classes_))))
        return P / P.sum(axis=1, keepdims=True)

    def _named_strategies(self, has=None):
        return []

    def _pick(self, signals, candidates, n_instances, seed):
        raise NotImplementedError


class RememberingSampler(CheapSampler):
    """Sampler whose picks depend on all earlier rounds and the last query."""

    _n_rounds_remembered = np.inf

    def fit(self, X, y):
        super().fit(X, y)
        self.memory_ = [len(y)]
        return self

    def teach(self, X, y):
        memory = [*self.memory_, len(y), *np.asarray(X)[:, 0].tolist()]
        super().fit(np.concatenate([self.X_labeled_, X]), np.concatenate([self.y_labeled_, y]))
        self.memory_ = memory
        return self

    def _fit(self, X, y, previous=None, *, keeps_rounds=False):
        memory = [*self.memory_, "corrected"]
        super().fit(X, y)
        self.memory_ = memory
        return self

    _task = SimpleNamespace(net=None)

    def query(self, X_unlabeled, n_instances=None, *, return_result=False):
        result = super().query(X_unlabeled, n_instances, return_result=True)
        self.memory_ = [*self.memory_, X_unlabeled[result.indices, 0].tolist()]
        return result if return_result else result.indices

    def _direction(self):
        shift = sum(map(ord, repr(self.memory_))) % 1000
        return np.roll(super()._direction(), shift % 3) + shift / 1000


def play(campaign, y, *, after=lambda: None, n_rounds=4, n=4):
    """Play rounds with late, partial, wrong and skipped answers; return what was asked for.

    ``after`` is called after each step.
    """
    asked = []
    for number in range(n_rounds):
        picks = campaign.ask(n)
        asked.append(picks.tolist())
        after()
        campaign.tell(picks[1:], y[picks[1:]])
        after()
        if number == 1:
            campaign.tell(picks[1:2], (y[picks[1:2]] + 1) % 3)
        if number == 2:
            campaign.skip(picks[:1])
        after()
    return asked


def uninterrupted(folder, sampler, X, y, **options):
    with LabelingCampaign(folder, sampler, X, random_state=0) as campaign:
        return play(campaign, y, **options)
