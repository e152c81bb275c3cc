"""StrategySampler: its picks are those of its strategy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from skautoal import StrategySampler
from skautoal.strategies import STRATEGIES, FunctionStrategy, Margin


@pytest.fixture
def task(blobs):
    X, y = blobs
    return X[:30], y[:30], X[30:]


#: Strategies that train nets of their own are too slow for a test of the plumbing.
QUICK = [
    name
    for name, cls in STRATEGIES.items()
    if isinstance(cls.needs, tuple) and not {"network", "previous_probabilities"} & set(cls.needs)
]


@pytest.mark.parametrize("name", QUICK)
def test_every_strategy_in_a_sampler(name, task, mlp_net):
    X, y, pool = task
    sampler = StrategySampler(FrozenEstimator(mlp_net), name, random_state=0).fit(X, y)
    picks, utilities = sampler.query(pool, 4, return_utilities=True)
    assert len(set(picks.tolist())) == 4
    assert utilities.shape == (90,)
    assert sampler.query(pool, 4).tolist() == picks.tolist()


def test_picks_are_the_top_of_the_scores(task, mlp_net):
    X, y, pool = task
    sampler = StrategySampler(FrozenEstimator(mlp_net), "margin").fit(X, y)
    picks, utilities = sampler.query(pool, 4, return_utilities=True)
    P = np.sort(sampler.predict_proba(pool), axis=1)
    np.testing.assert_allclose(utilities, -(P[:, -1] - P[:, -2]), atol=1e-6)
    assert picks.tolist() == np.argsort(-utilities)[:4].tolist()


@pytest.mark.parametrize(
    "strategy",
    ["margin", "Margin", Margin(), lambda s: -s.probabilities.topk(2).values.diff()[:, 0].abs()],
)
def test_a_strategy_may_be_named_made_or_written(strategy, task, mlp_net):
    X, y, pool = task
    expected = StrategySampler(FrozenEstimator(mlp_net)).fit(X, y).query(pool, 4)
    found = StrategySampler(FrozenEstimator(mlp_net), strategy).fit(X, y).query(pool, 4)
    assert found.tolist() == expected.tolist()


def test_a_strategy_sees_the_labelled_samples(task, mlp_net):
    X, y, pool = task

    def near_the_first(signals):
        assert signals.codes.tolist() == y.tolist()
        H = signals.embeddings
        return -(H - signals.labeled.embeddings[0]).norm(dim=1)

    strategy = FunctionStrategy(near_the_first, needs=("embeddings", "labeled"))
    sampler = StrategySampler(FrozenEstimator(mlp_net), strategy).fit(X, y)
    assert sampler.query(np.concatenate([pool, X[:1]]), 1).tolist() == [90]


def test_the_round_before(task):
    X, y, pool = task
    sampler = StrategySampler(
        strategy=FunctionStrategy(
            lambda s: (s.probabilities - s.previous_probabilities).abs().sum(1),
            needs=("probabilities", "previous_probabilities"),
        ),
        random_state=0,
    )
    sampler.fit(X[:20], y[:20])
    before = sampler.predict_proba(pool)
    with pytest.raises(ValueError, match="needs the net of the previous round; call teach"):
        sampler.query(pool)
    sampler.teach(X[20:], y[20:])
    picks, utilities = sampler.query(pool, 3, return_utilities=True)
    expected = np.abs(sampler.predict_proba(pool) - before).sum(1)
    np.testing.assert_allclose(utilities, expected, atol=1e-5)
    assert picks.tolist() == np.argsort(-expected)[:3].tolist()
