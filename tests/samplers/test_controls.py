"""The controls: a random strategy, a fixed mixture, random weights."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import rankdata

from skautoal import (
    AutoALSampler,
    StrategySampler,
)
from skautoal.baselines import FixedMixtureSampler, RandomStrategySampler, RandomWeightsSampler
from skautoal.strategies import FunctionStrategy

UP = ("up", FunctionStrategy(lambda signals: signals.X[:, 0], needs=("network",)))
ACROSS = ("across", FunctionStrategy(lambda signals: signals.X[:, 1], needs=("network",)))


def test_every_strategy_gets_its_turn(blobs):
    X, y = blobs
    down = ("down", FunctionStrategy(lambda signals: -signals.X[:, 0], needs=("network",)))
    sampler = RandomStrategySampler(strategies=[UP, down], random_state=0).fit(X[:10], y[:10])
    order = X[60:, 0].argsort()
    turns = set()
    for start in range(10, 58, 6):
        asked = sampler.query(X[60:], 3).tolist()
        (chosen,) = (n for n, w in sampler.strategy_weights_["batch"].items() if w == 1)
        turns.add(chosen)
        assert asked == (order[::-1] if chosen == "up" else order)[:3].tolist()
        sampler.teach(X[start : start + 6], y[start : start + 6])
    assert turns == {"up", "down"}


@pytest.mark.parametrize("weights", [[3, 1], {"up": 0.3, "across": 0.1}, np.array([1.5, 0.5])])
def test_a_mixture_is_a_weighted_mean_of_ranks(blobs, weights):
    X, y = blobs
    sampler = FixedMixtureSampler(strategies=[UP, ACROSS], weights=weights, random_state=0)
    indices, scores = sampler.fit(X[:20], y[:20]).query(X[20:], 8, return_utilities=True)
    expected = (3 * rankdata(X[20:, 0]) + rankdata(X[20:, 1])) / 400
    assert_allclose(scores, expected, rtol=1e-5)
    assert_allclose(np.sort(scores[indices]), np.sort(expected)[-8:], rtol=1e-5)
    for part in ("labeled", "pool", "batch"):
        assert sampler.strategy_weights_[part] == pytest.approx({"up": 0.75, "across": 0.25})


def test_all_weight_on_one_strategy_is_that_strategy(blobs):
    X, y = blobs
    mixed = FixedMixtureSampler(strategies=[UP, "margin"], weights={"Margin": 2}, random_state=0)
    alone = StrategySampler(strategy="margin", random_state=0)
    expected = alone.fit(X[:20], y[:20]).query(X[20:], 7)
    assert_array_equal(mixed.fit(X[:20], y[:20]).query(X[20:], 7), expected)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2, 3], "one number for each of the 2 strategies"),
        ([1, -1], "not negative"),
        ([0, 0], "not all 0"),
        ([1, np.nan], "finite"),
        ({"sideways": 1}, r"'weights' names \['sideways'\]"),
    ],
)
def test_weights_that_are_none_are_refused_before_training(blobs, weights, message):
    X, y = blobs
    sampler = FixedMixtureSampler(strategies=[UP, ACROSS], weights=weights)
    with pytest.raises(ValueError, match=message):
        sampler.fit(X[:20], y[:20])
    assert not hasattr(sampler, "estimator_")


def test_random_weights_differ_by_seed_and_from_equal_weights(blobs):
    X, y = blobs
    strategies = ["margin", "kmeans", "random"]
    found = []
    for seed in (0, 1):
        sampler = RandomWeightsSampler(strategies=strategies, random_state=seed)
        sampler.fit(X[:20], y[:20]).query(X[20:], 5)
        found.append(list(sampler.strategy_weights_["pool"].values()))
        assert_allclose(sum(found[-1]), 1, rtol=1e-5)
        assert min(found[-1]) > 0
    assert not np.allclose(found[0], found[1], atol=1e-3)
    assert not np.allclose(found[0], 1 / 3, atol=1e-3)


def test_random_weights_stay_over_rounds(blobs):
    X, y = blobs
    sampler = RandomWeightsSampler(strategies=["random", "margin"], random_state=0)
    sampler.fit(X[:20], y[:20]).query(X[60:], 5)
    before = sampler.strategy_weights_["pool"]
    sampler.teach(X[20:24], y[20:24]).query(X[60:], 5)
    after = sampler.strategy_weights_["pool"]
    other = RandomWeightsSampler(strategies=["random", "margin"], random_state=1)
    other.fit(X[:20], y[:20]).query(X[60:], 5)
    near = abs(before["Margin"] - after["Margin"])
    assert near < abs(before["Margin"] - other.strategy_weights_["pool"]["Margin"])


def test_a_single_strategy_leaves_nothing_to_mix(blobs):
    X, y = blobs
    expected = None
    for sampler in (RandomWeightsSampler, AutoALSampler):
        picks = sampler(strategies=["margin"], random_state=0).fit(X[:20], y[:20]).query(X[20:], 6)
        expected = picks if expected is None else expected
        assert_array_equal(picks, expected)
