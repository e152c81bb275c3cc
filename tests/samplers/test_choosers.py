"""What every chooser and control must do: the query protocol; see test_common.py for checks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from skautoal import (
    ALBLSampler,
    REFINESampler,
    SelectALSampler,
    TAILORSampler,
    TCMSampler,
)
from skautoal.baselines import FixedMixtureSampler, RandomStrategySampler, RandomWeightsSampler

PAIR = ("margin", "kmeans")
CHOOSERS = [
    ALBLSampler(strategies=PAIR),
    TAILORSampler(strategies=PAIR),
    REFINESampler(strategies=PAIR),
    SelectALSampler(low_budget="kmeans"),
    TCMSampler(initial_strategy="kmeans"),
    RandomStrategySampler(strategies=PAIR),
    FixedMixtureSampler(strategies=PAIR, weights=[2, 1]),
    RandomWeightsSampler(strategies=PAIR),
]


def name_of(sampler) -> str:
    return type(sampler).__name__


each_chooser = pytest.mark.parametrize("chooser", CHOOSERS, ids=name_of)


@pytest.fixture(scope="module", params=CHOOSERS, ids=name_of)
def fitted(request, blobs):
    X, y = blobs
    return clone(request.param).set_params(random_state=3).fit(X[:24], y[:24])


@pytest.mark.parametrize("n_instances", [1, 7, 96])
def test_batches_are_distinct_and_exact(fitted, blobs, n_instances):
    X, _ = blobs
    indices, utilities = fitted.query(X[24:], n_instances, return_utilities=True)
    assert sorted(set(indices.tolist())) == sorted(indices.tolist())
    assert len(indices) == n_instances
    assert indices.min() >= 0
    assert indices.max() < 96
    assert utilities.shape == (96,)
    assert np.isfinite(utilities).all()


def test_a_repeated_query_answers_the_same(fitted, blobs):
    X, _ = blobs
    first = fitted.query(X[24:], 9)
    fitted.query(X[24:90], 4)
    np.testing.assert_array_equal(fitted.query(X[24:], 9), first)


def test_answers_follow_the_rows_of_a_shuffled_pool(fitted, blobs):
    X, _ = blobs
    order = np.random.RandomState(0).permutation(96)
    straight = fitted.query(X[24:], 9)
    shuffled = fitted.query(X[24:][order], 9)
    np.testing.assert_array_equal(order[shuffled], straight)


@each_chooser
def test_the_random_state_decides_all_rounds(chooser, blobs):
    X, y = blobs
    histories = []
    for _ in range(2):
        sampler = clone(chooser).set_params(random_state=5).fit(X[:20], y[:20])
        pool, asked = np.arange(20, 120), []
        for _ in range(3):
            chosen = pool[sampler.query(X[pool], 6)]
            sampler.teach(X[chosen], y[chosen])
            pool = np.setdiff1d(pool, chosen)
            asked.append(chosen)
        histories.append(np.concatenate(asked))
    np.testing.assert_array_equal(*histories)
    assert len(set(histories[0].tolist())) == 18


@each_chooser
def test_teaching_before_fitting_is_fitting(chooser, blobs):
    X, y = blobs
    sampler = clone(chooser).set_params(random_state=0).teach(X[:20], y[:20])
    assert len(sampler.query(X[20:], 3)) == 3


@each_chooser
def test_labels_that_were_not_asked_for_are_welcome(chooser, blobs):
    X, y = blobs
    sampler = clone(chooser).set_params(random_state=0).fit(X[:20], y[:20])
    asked = sampler.query(X[20:80], 5)
    # Two answers, in another order, among labels that nobody asked for; twice.
    rows = np.concatenate([np.arange(80, 90), 20 + asked[[3, 1]]])
    sampler.teach(X[rows], y[rows]).teach(X[90:95], y[90:95])
    assert len(sampler.y_labeled_) == 37
    assert len(sampler.query(X[95:], 4)) == 4
