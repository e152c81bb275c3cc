"""Queries with costs: best per unit of cost, never above the budget, and the budget filled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import rankdata

from skautoal import AutoALSampler, Search, StrategySampler, TAILORSampler
from skautoal.exceptions import PoolSizeWarning
from skautoal.strategies import FunctionStrategy
from tests._internals import select_by_cost

FIRST = FunctionStrategy(lambda signals: signals.X[:, 0] - 100, needs=("network",))  # all negative


def greedy(ratio, costs, n_instances, budget, order):
    """The slow reference: one sample after the other."""
    picks = []
    for i in sorted(order, key=lambda i: -ratio[i]):
        if len(picks) < n_instances and (budget is None or costs[i] <= budget):
            picks.append(i)
            budget = None if budget is None else budget - costs[i]
    return picks


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 30),
    n_instances=st.integers(1, 30),
    budget=st.none() | st.integers(0, 60),
)
def test_select_by_cost_is_the_greedy_knapsack(seed, n, n_instances, budget):
    rng = np.random.RandomState(seed)
    # Small integers: ties are common, and sums exact.
    utilities, costs = rng.randint(5, size=n).astype(float), rng.randint(1, 9, size=n)
    order = rng.permutation(n)
    picks = select_by_cost(
        torch.as_tensor(utilities),
        torch.as_tensor(costs),
        min(n, n_instances),
        budget,
        torch.as_tensor(order),
    )
    expected = greedy(utilities / costs, costs, min(n, n_instances), budget, order)
    assert picks.tolist() == expected


@pytest.fixture(scope="module")
def fitted(blobs):
    X, y = blobs
    return StrategySampler(strategy=FIRST, random_state=0).fit(X[:20], y[:20])


@pytest.fixture(scope="module")
def pool(blobs):
    costs = np.random.RandomState(0).uniform(1, 10, size=100)
    return blobs[0][20:], costs


def worth(pool):
    return rankdata(pool[0][:, 0]) / 100


def test_equal_costs_change_nothing(fitted, pool):
    X, _ = pool
    assert_array_equal(fitted.query(X, 8, costs=np.full(100, 3.0)), fitted.query(X, 8))


def test_costs_rank_by_utility_per_cost(fitted, pool):
    X, costs = pool
    # Every sample is proposed where five batches are the whole pool.
    expected = np.argsort(-worth(pool) / costs)[:20]
    indices, utilities = fitted.query(X, 20, costs=costs, return_utilities=True)
    assert_array_equal(indices, expected)
    np.testing.assert_allclose(utilities, X[:, 0] - 100)


def test_only_what_would_be_proposed_is_compared(fitted, pool):
    X, costs = pool
    proposed = np.argsort(-X[:, 0])[:20]
    expected = proposed[np.argsort(-(worth(pool) / costs)[proposed])][:4]
    assert_array_equal(fitted.query(X, 4, costs=costs), expected)


@pytest.mark.parametrize("budget", [0.5, 1.5, 20, 100.0, 10_000])
def test_the_budget_is_filled_and_kept(fitted, pool, budget):
    X, costs = pool
    indices = fitted.query(X, costs=costs, budget=budget)
    left = budget - costs[indices].sum()
    assert left >= 0
    assert len(set(indices.tolist())) == len(indices)
    rest = np.setdiff1d(np.arange(100), indices)
    assert len(rest) == 0 or costs[rest].min() > left


def test_the_rest_of_the_pool_fills_the_budget(fitted, pool):
    X, _ = pool
    # What is worth least is cheap, and what would be proposed cannot be paid.
    costs = np.where(worth(pool) <= 0.1, 1.0, 100.0)
    assert set(fitted.query(X, costs=costs, budget=8).tolist()) <= set(np.flatnonzero(costs == 1))
    assert len(fitted.query(X, costs=costs, budget=8)) == 8


def test_budget_and_n_instances_both_limit(fitted, pool):
    X, costs = pool
    assert len(fitted.query(X, 3, costs=costs, budget=1_000)) == 3
    with pytest.warns(PoolSizeWarning):
        assert len(fitted.query(X, 300, costs=costs, budget=30)) < 30


@pytest.mark.parametrize(
    ("costs", "budget", "message"),
    [
        (None, 5.0, "'budget' is 5.0, but 'costs' is None"),
        (np.ones(99), None, "'costs' must be 100 numbers"),
        (np.array(["1"] * 100), None, "'costs' must be 100 numbers"),
        (np.arange(100), None, r"positive and finite; got \[0.0\] at \[0\]"),
        (np.full(100, np.nan), None, "positive and finite"),
        (np.ones(100), -1, "'budget' must be a positive number; got -1"),
        (np.ones(100), "much", "'budget' must be a positive number; got 'much'"),
        (np.ones(100), float("nan"), "'budget' must be a positive number; got nan"),
    ],
)
def test_wrong_costs_are_refused(fitted, pool, costs, budget, message):
    with pytest.raises(ValueError, match=message):
        fitted.query(pool[0], 5, costs=costs, budget=budget)


def test_every_builder_works_with_costs(blobs, pool):
    X, y = blobs
    for builder in ("top", "stochastic", "herding", "kmeans++"):
        sampler = AutoALSampler(strategies=["margin"], batch_builder=builder, random_state=0)
        sampler.fit(X[:20], y[:20])
        cheap = sampler.query(pool[0], 6, costs=pool[1])
        assert len(set(cheap.tolist())) == 6
        assert pool[1][cheap].mean() < pool[1].mean()


def test_a_bandit_remembers_only_what_was_bought(blobs, pool):
    X, y = blobs
    sampler = TAILORSampler(strategies=["random", "margin"], random_state=0).fit(X[:20], y[:20])
    bought = sampler.query(pool[0], costs=pool[1], budget=25)
    assert len(sampler.last_query_) == len(bought)
    sampler.teach(pool[0][bought], y[20:][bought])
    assert sampler.arm_counts_.sum() == len(bought)
    # Nothing that the arms would bring can be paid, so others fill the budget.
    costs = np.full(100, 50.0)
    costs[pool[0][:, 0].argsort()[:8]] = 1
    arm = FunctionStrategy(lambda signals: signals.X[:, 0], needs=("network",))
    sampler.set_params(strategies=[arm]).fit(X[:20], y[:20])
    others = sampler.query(pool[0], costs=costs, budget=6)
    assert len(others) == 6
    sampler.teach(pool[0][others], y[20:][others])
    assert sampler.arm_counts_.sum() == 0
    nothing = sampler.query(pool[0], costs=pool[1], budget=0.1)
    assert len(nothing) == 0
    assert len(sampler.last_query_) == 0


def test_weights_of_the_batch_are_those_of_what_was_bought(blobs, pool):
    X, y = blobs
    strategies = ["margin", "kmeans", "random"]
    search = Search(search_net="location", trust=1.0)
    sampler = AutoALSampler(strategies=strategies, search=search, random_state=0)
    sampler.fit(X[:20], y[:20])
    everything = sampler.query(pool[0], 100)
    assert sampler.strategy_weights_["batch"] == pytest.approx(sampler.strategy_weights_["pool"])
    assert len(everything) == 100
    # Five batches are the pool, but the batch that is bought is a fifth of it.
    sampler.query(pool[0], 20, costs=pool[1])
    weights = sampler.strategy_weights_
    assert weights["batch"] != pytest.approx(weights["pool"], abs=1e-6)
