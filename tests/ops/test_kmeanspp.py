"""k-means++ seeding: distances of factors, exact probabilities of the draws, no duplicates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests._internals import FactorDistances, PointDistances, isolated_rng, kmeans_plusplus

N_DRAWS = 3000


@pytest.fixture
def factors():
    with isolated_rng(0):
        return torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)


def outer_products(A, H):
    return (A[:, :, None] * H[:, None, :]).flatten(1)


def points(*values):
    return PointDistances(torch.tensor(values, dtype=torch.float64)[:, None])


def draw(distances, k, seed=0, **kwargs):
    return kmeans_plusplus(distances, k, np.random.RandomState(seed), **kwargs)


@pytest.mark.parametrize("row", range(5))
def test_distances_of_factors_are_those_of_outer_products(factors, row):
    explicit = PointDistances(outer_products(*factors))
    rows = torch.tensor([row, 2])
    torch.testing.assert_close(FactorDistances(*factors).to_rows(rows), explicit.to_rows(rows))
    torch.testing.assert_close(FactorDistances(*factors).norms, explicit.norms)


@pytest.mark.parametrize("first", ["largest", "weighted"])
def test_factors_pick_what_outer_products_pick(factors, first):
    for seed in range(20):
        on_factors = draw(FactorDistances(*factors), 5, seed, first=first)
        on_points = draw(PointDistances(outer_products(*factors)), 5, seed, first=first)
        assert on_factors.tolist() == on_points.tolist()


def pair_probabilities(D, weights):
    """P(first = i, second = j) of a first draw by weight."""
    first = weights / weights.sum()
    second = D * weights
    return (first[:, None] * second / second.sum(1, keepdims=True)).ravel()


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.0, 3.0, 0.5]])
def test_the_first_two_picks_have_the_exact_probabilities(factors, weights):
    distances = FactorDistances(*factors)
    D = distances.to_rows(torch.arange(5)).numpy()
    w = np.ones(5) if weights is None else np.array(weights)
    expected = pair_probabilities(D, w)
    tensor = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    pairs = [draw(distances, 2, s, weights=tensor, first="weighted") for s in range(N_DRAWS)]
    counts = np.bincount([int(i * 5 + j) for i, j in pairs], minlength=25)
    possible = expected > 1e-12
    assert counts[~possible].sum() == 0
    assert chisquare(counts[possible], N_DRAWS * expected[possible]).pvalue > 1e-3


def test_several_draws_at_a_time_have_the_probabilities_of_one_after_the_other():
    """The second and third pick are proposed together: some proposals must be rejected."""
    values = np.array([0.0, 1.0, 1.5, 4.0, 4.5])
    D = (values[:, None] - values) ** 2
    expected = np.zeros((5, 5))  # the first is the largest, 4.5
    for j in range(4):
        left = np.minimum(D[4], D[j])
        expected[j] = D[4, j] / D[4].sum() * left / left.sum()
    picks = np.array([draw(points(*values), 3, seed).tolist() for seed in range(N_DRAWS)])
    assert set(picks[:, 0]) == {4}
    counts = np.bincount(5 * picks[:, 1] + picks[:, 2], minlength=25)
    possible = expected.ravel() > 0
    assert counts[~possible].sum() == 0
    assert chisquare(counts[possible], N_DRAWS * expected.ravel()[possible]).pvalue > 1e-3


def test_large_batches_spread_over_all_clusters():
    with isolated_rng(0):
        X = torch.randn(600, 3).double()
    X += 1_000 * torch.arange(60).repeat(10)[:, None]
    for seed in range(5):
        picks = draw(PointDistances(X), 60, seed)
        assert len(set((picks % 60).tolist())) == 60


def test_the_first_of_badge_is_the_largest_and_the_second_by_distance():
    distances = points(0.0, 1.0, 2.0, -5.0)
    pairs = np.array([draw(distances, 2, seed).tolist() for seed in range(N_DRAWS)])
    assert set(pairs[:, 0]) == {3}
    expected = np.array([25, 36, 49]) / 110
    assert chisquare(np.bincount(pairs[:, 1])[:3], N_DRAWS * expected).pvalue > 1e-3


@given(st.lists(st.integers(0, 3), min_size=1, max_size=15), st.data())
def test_picks_are_distinct_and_different_points_come_first(values, data):
    k = data.draw(st.integers(0, len(values)))
    seed = data.draw(st.integers(0, 1000))
    picks = draw(points(*values), k, seed).tolist()
    assert len(set(picks)) == k
    found = [values[i] for i in picks]
    n_distinct = min(k, len(set(values)))
    assert len(set(found[:n_distinct])) == n_distinct


@pytest.mark.parametrize("first", ["largest", "weighted"])
def test_among_identical_points_every_one_is_equally_likely(first):
    distances = points(*[7.1] * 6)
    orders = np.random.RandomState(0).random_sample((1200, 6)).argsort(axis=1)
    picks = [order[draw(distances, 2, seed, first=first)] for seed, order in enumerate(orders)]
    picks = np.array(picks)
    for column in picks.T:
        assert chisquare(np.bincount(column, minlength=6)).pvalue > 1e-3


def test_copies_of_a_pick_in_float32_are_no_strangers():
    """Rounding leaves them at a tiny distance; far points must still come first."""
    with isolated_rng(0):
        far = 100 + torch.randn(3, 50)
    X = torch.cat([far[:1].repeat(2000, 1), far[1:]])
    for seed in range(10):
        picks = draw(PointDistances(X), 3, seed)
        assert len(X[picks].unique(dim=0)) == 3


def test_all_rows_can_be_picked(factors):
    assert sorted(draw(FactorDistances(*factors), 5).tolist()) == list(range(5))
    assert draw(FactorDistances(*factors), 0).tolist() == []


def test_rows_without_weight_come_last():
    weights = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    for seed in range(30):
        picks = draw(points(1.0, 2.0, 3.0, 4.0), 4, seed, weights=weights, first="weighted")
        assert set(picks[:2].tolist()) == {1, 3}
