"""The progressive filter: what survives, how much, and where it is used."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skautoal import REFINESampler
from skautoal.mixing import progressive_filter
from skautoal.signals import Signals
from skautoal.strategies import BADGE, FunctionStrategy, KMeans, Margin, UncertaintyHerding
from tests._helpers import candidates_of, make_signals, take_signals

STRATEGIES = [Margin(), KMeans(), BADGE()]
HIGHEST = FunctionStrategy(lambda signals: signals.embeddings[:, 0], needs=("embeddings",))
LOWEST = FunctionStrategy(lambda signals: -signals.embeddings[:, 0], needs=("embeddings",))


@given(
    n=st.integers(1, 40),
    b=st.integers(1, 8),
    n_rounds=st.integers(0, 3),
    n_subsets=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_enough_is_left_and_each_round_leaves_less(n, b, n_rounds, n_subsets, seed):
    signals = make_signals(n, seed=seed)
    b = min(b, n)
    options = {"n_subsets": n_subsets, "seed": seed}
    rows = progressive_filter(candidates_of(STRATEGIES), signals, b, n_rounds=n_rounds, **options)
    assert len(rows) >= b
    assert_array_equal(rows, np.unique(rows))
    if n_rounds == 0:
        assert_array_equal(rows, np.arange(n))
        return
    assert len(rows) <= len(STRATEGIES) * n_subsets * b
    before = progressive_filter(
        candidates_of(STRATEGIES), signals, b, n_rounds=n_rounds - 1, **options
    )
    assert set(rows.tolist()) <= set(before.tolist())


@pytest.mark.parametrize("n_rounds", [1, 3])
def test_every_notion_of_value_survives_and_the_rest_leaves(n_rounds):
    values = torch.as_tensor(np.random.RandomState(0).permutation(200)).double()
    signals = Signals(embeddings=values[:, None])
    rows = progressive_filter(
        candidates_of([HIGHEST, LOWEST]), signals, 10, n_rounds=n_rounds, n_subsets=4, seed=0
    )
    left = values[rows].numpy()
    assert (left < 40).any()
    assert (left > 160).any()
    assert not ((left > 60) & (left < 140)).any()


def test_the_filter_follows_shuffled_rows():
    signals = make_signals(60)
    order = np.random.RandomState(0).permutation(60)
    straight = progressive_filter(
        candidates_of(STRATEGIES), signals, 4, n_rounds=2, n_subsets=2, seed=1
    )
    shuffled = progressive_filter(
        candidates_of(STRATEGIES), take_signals(signals, order), 4, n_rounds=2, n_subsets=2, seed=1
    )
    assert set(order[shuffled].tolist()) == set(straight.tolist())


def test_refine_is_uncertainty_herding_on_the_filtered_pool(blobs):
    X, y = blobs
    sampler = REFINESampler(strategies=["margin", "badge"], n_filter_rounds=2, n_subsets=2)
    sampler.set_params(random_state=0).fit(X[:20], y[:20])
    indices, utilities = sampler.query(X[20:], 6, return_utilities=True)
    result = sampler.query(X[20:], 6, return_result=True)
    left = np.flatnonzero(result.explain(np.arange(100)).considered)
    assert set(indices.tolist()) <= set(left.tolist())
    assert len(left) < 30
    assert not utilities[np.setdiff1d(np.arange(100), left)].any()
    alone = UncertaintyHerding().query(
        sampler.estimator_, X[20:][left], 6, X_labeled=X[:20], y_labeled=y[:20]
    )
    assert set(left[alone].tolist()) == set(indices.tolist())


def test_refine_without_rounds_is_uncertainty_herding(blobs):
    X, y = blobs
    sampler = REFINESampler(strategies=["margin"], n_filter_rounds=0, random_state=0).fit(
        X[:20], y[:20]
    )
    alone = UncertaintyHerding().query(
        sampler.estimator_, X[20:], 6, X_labeled=X[:20], y_labeled=y[:20]
    )
    assert set(sampler.query(X[20:], 6).tolist()) == set(alone.tolist())
