"""Samplers as modAL query strategies: ``strategy(learner, X_pool, n_instances=...)``."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from skautoal import StrategySampler
from skautoal.interop.modal import as_query_strategy
from skautoal.modules import MLP
from tests._helpers import flat_autoal, frozen, train

SAMPLERS = {
    "autoal": lambda **params: flat_autoal(
        strategies=["margin", "kmeans"], n_steps=3, n_splits=2, random_state=0, **params
    ),
    "strategy": lambda **params: StrategySampler(random_state=0, **params),
}


@pytest.fixture
def net(blobs):
    untrained = NeuralNetClassifier(
        MLP,
        module__n_features=5,
        module__n_classes=3,
        module__hidden=8,
        criterion=nn.CrossEntropyLoss,
        max_epochs=5,
        lr=0.1,
        train_split=None,
        verbose=0,
    )
    return train(untrained, blobs[0][:30], blobs[1][:30])


@pytest.fixture
def learner(net, blobs):
    """What modAL's ActiveLearner keeps."""
    return SimpleNamespace(estimator=net, X_training=blobs[0][:30], y_training=blobs[1][:30])


@pytest.fixture(params=SAMPLERS)
def make(request):
    return SAMPLERS[request.param]


@pytest.mark.parametrize("b", [1, 2, 6])
def test_a_pair_of_indices_and_their_utilities(make, learner, blobs, b):
    pool = blobs[0][30:]
    answer = as_query_strategy(make())(learner, pool, n_instances=b)
    assert isinstance(answer, tuple)
    picks, metrics = answer
    assert picks.shape == metrics.shape == (b,)
    assert len(set(picks.tolist())) == b
    sampler = make().set_params(estimator=FrozenEstimator(learner.estimator))
    expected, utilities = sampler.fit(learner.X_training, learner.y_training).query(
        pool, b, return_utilities=True
    )
    assert picks.tolist() == expected.tolist()
    assert np.array_equal(metrics, utilities[picks])


def test_it_is_pure(make, learner, blobs):
    sampler = make(n_instances=4)
    state, before = pickle.dumps(sampler), frozen(learner.estimator)
    first, again = (
        as_query_strategy(sampler)(learner, blobs[0][30:], 4)[0].tolist() for _ in range(2)
    )
    assert first == again
    assert len(first) == 4
    assert pickle.dumps(sampler) == state
    assert not hasattr(sampler, "estimator_")
    after = frozen(learner.estimator)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_fitted_sampler_is_not_disturbed(make, learner, blobs):
    sampler = make().fit(blobs[0][:20], blobs[1][:20])
    own = sampler.query(blobs[0][30:], 3).tolist()
    as_query_strategy(sampler)(learner, blobs[0][30:], n_instances=3)
    assert len(sampler.y_labeled_) == 20
    assert sampler.query(blobs[0][30:], 3).tolist() == own


def test_a_learner_that_keeps_no_labels(make, learner, net, blobs):
    bare, pool = SimpleNamespace(estimator=net), blobs[0][30:]
    keywords = {"X_training": learner.X_training, "y_training": learner.y_training}
    expected = as_query_strategy(make())(learner, pool, n_instances=3)[0]
    assert (
        as_query_strategy(make())(bare, pool, n_instances=3, **keywords)[0].tolist()
        == expected.tolist()
    )
    with pytest.raises(ValueError, match=r"'learner' keeps no labelled samples; pass.*keywords"):
        as_query_strategy(make())(bare, pool)
    empty = SimpleNamespace(estimator=net, X_training=None, y_training=None)
    with pytest.raises(ValueError, match="'X_training' and 'y_training'"):
        as_query_strategy(make())(empty, pool)


def test_the_estimator_may_be_a_pipeline(make, blobs):
    X, y = blobs
    pipe = make_pipeline(
        StandardScaler(),
        NeuralNetClassifier(
            MLP,
            module__n_features=5,
            module__n_classes=3,
            criterion=nn.CrossEntropyLoss,
            max_epochs=2,
            verbose=0,
        ),
    )
    learner = SimpleNamespace(
        estimator=train(pipe, X[:30], y[:30]), X_training=X[:30], y_training=y[:30]
    )
    assert as_query_strategy(make())(learner, X[30:], n_instances=3)[0].shape == (3,)


def test_the_estimator_may_be_a_sampler(make, blobs):
    sampler = make().fit(blobs[0][:30], blobs[1][:30])
    learner = SimpleNamespace(estimator=sampler)
    picks, metrics = as_query_strategy(make())(learner, blobs[0][30:], n_instances=3)
    expected, utilities = sampler.query(blobs[0][30:], 3, return_utilities=True)
    assert picks.tolist() == expected.tolist()
    assert np.array_equal(metrics, utilities[expected])


@pytest.mark.parametrize("estimator", [LogisticRegression(), None, "net"])
def test_another_estimator_is_refused(make, blobs, estimator):
    learner = SimpleNamespace(estimator=estimator, X_training=blobs[0][:9], y_training=blobs[1][:9])
    with pytest.raises(TypeError, match=r"'learner.estimator' must be a fitted skorch"):
        as_query_strategy(make())(learner, blobs[0][30:])


def test_a_learner_without_an_estimator_is_refused(make, blobs):
    with pytest.raises(TypeError, match=r"'learner.estimator'"):
        as_query_strategy(make())(object(), blobs[0][30:])
