"""TCM changes over when its rule says, SelectAL finds the regime that was planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skautoal import SelectALSampler, StrategySampler, TCMSampler
from skautoal.signals import Signals
from skautoal.strategies import Margin, RandomSampling, TypiClust
from tests._internals import highest_of_each_class, removal_errors


def chosen_by(strategy, sampler, X, y, n_instances):
    """What a strategy alone would pick with the same net and the same seeds."""
    alone = StrategySampler(strategy=strategy, random_state=sampler.random_state)
    return alone.fit(X, y).query(X_POOL, n_instances)


X_POOL = np.random.RandomState(7).standard_normal((60, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("n_labeled", "phase", "strategy"), [(17, "initial", TypiClust()), (18, "final", Margin())]
)
def test_tcm_changes_over_at_so_many_labels_a_class(blobs, n_labeled, phase, strategy):
    X, y = blobs[0][:n_labeled], blobs[1][:n_labeled]
    sampler = TCMSampler(labels_per_class=6, random_state=4).fit(X, y)
    assert sampler.phase_ == phase
    expected = chosen_by(strategy, sampler, X, y, 5)
    assert_array_equal(sampler.query(X_POOL, 5), expected)


def test_tcm_counts_classes_that_have_no_label_yet(blobs):
    X, y = blobs
    rows = np.flatnonzero(y != 2)[:12]
    sampler = TCMSampler(labels_per_class=5, random_state=0)
    assert sampler.fit(X[rows], y[rows]).phase_ == "final"
    assert sampler.set_params(classes=[0, 1, 2]).fit(X[rows], y[rows]).phase_ == "initial"


def test_tcm_changes_over_after_so_many_rounds(blobs):
    X, y = blobs
    sampler = TCMSampler(n_initial_rounds=2, random_state=0)
    phases = [sampler.teach(X[:20], y[:20]).phase_]  # the first teach is a fit
    for start in (20, 25, 30):
        sampler.query(X[40:], 5)
        phases.append(sampler.teach(X[start : start + 5], y[start : start + 5]).phase_)
    assert phases == ["initial", "initial", "final", "final"]
    assert sampler.n_rounds_ == 3
    assert sampler.fit(X[:20], y[:20]).phase_ == "initial"


@given(st.integers(0, 10_000), st.integers(1, 30), st.floats(0.05, 0.95))
def test_highest_of_each_class(seed, n, share):
    rng = np.random.RandomState(seed)
    codes, scores = rng.randint(4, size=n), rng.permutation(n).astype(float)
    expected = []
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        quota = min(int(np.ceil(share * len(members))), len(members) - 1)
        expected += sorted(members, key=lambda i: -scores[i])[:quota]
    assert sorted(expected) == sorted(highest_of_each_class(scores, codes, share).tolist())


def planted(regime: str, seed: int) -> tuple[Signals, np.ndarray]:
    """Embeddings of two classes in which one kind of samples holds the rule."""
    rng = np.random.RandomState(seed)
    n = 120
    codes = np.arange(n) % 2
    rest = np.arange(n) // 2 % 3 == 0
    if regime == "high_budget":
        # Most of class 0 is far away: only its samples near the border tell where that is.
        first = np.where(codes == 0, np.where(rest, 0.4, -5.0), np.where(rest, 0.7, 1.2))
        H = np.column_stack([first, np.ones(n)]) + 0.03 * rng.standard_normal((n, 2))
    else:
        # Most of a class is a tight cluster, the rest is strewn over the other side.
        side = 2.0 * codes - 1
        strewn = np.column_stack([-side * rng.uniform(0.5, 2, n), rng.uniform(-3, 3, n)])
        tight = np.column_stack([side, np.zeros(n)]) + 0.05 * rng.standard_normal((n, 2))
        H = np.where(rest[:, None], strewn, tight)
    return Signals(embeddings=H, probabilities=np.full((n, 2), 0.5)), codes


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("regime", ["low_budget", "high_budget"])
def test_the_part_that_hurts_most_names_the_regime(regime, seed):
    errors = removal_errors(*planted(regime, seed), share=0.5, n_splits=5, seed=seed)
    assert ("low_budget", "mid_budget", "high_budget")[int(np.argmax(errors))] == regime, errors


@pytest.mark.parametrize(
    ("regime", "strategy"),
    [("low_budget", TypiClust()), ("high_budget", Margin()), ("mid_budget", RandomSampling())],
)
def test_the_regime_decides_the_strategy(blobs, regime, strategy):
    X, y = blobs[0][:30], blobs[1][:30]
    sampler = SelectALSampler(random_state=1).fit(X, y)
    assert sampler.regime_ == max(sampler.removal_errors_, key=sampler.removal_errors_.get)
    sampler.regime_ = regime
    expected = chosen_by(strategy, sampler, X, y, 6)
    assert_array_equal(sampler.query(X_POOL, 6), expected)


def test_a_single_label_a_class_is_the_regime_of_few_labels(blobs):
    X, y = blobs
    rows = [int(np.flatnonzero(y == c)[0]) for c in range(3)]
    sampler = SelectALSampler(random_state=0).fit(X[rows], y[rows])
    assert sampler.regime_ == "low_budget"
    assert sampler.removal_errors_ == {}


def test_equal_errors_are_the_regime_of_few_labels(blobs):
    X, y = blobs
    # Two labels a class leave one to learn from, which is never removed.
    rows = np.concatenate([np.flatnonzero(y == c)[:2] for c in range(3)])
    sampler = SelectALSampler(random_state=0).fit(X[rows], y[rows])
    assert len(set(sampler.removal_errors_.values())) == 1
    assert sampler.regime_ == "low_budget"
