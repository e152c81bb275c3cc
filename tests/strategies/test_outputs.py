"""Strategies that read outputs of several nets, or label the pool themselves."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skautoal.exceptions import MissingSignalError
from skautoal.modules import MLP
from skautoal.signals import Signals, compute_signals
from skautoal.strategies import (
    CEAL,
    EnsembleVariationRatio,
    Entropy,
    LeastConfidence,
    Margin,
    TemporalOutputDiscrepancy,
)
from tests._helpers import make_net, make_signals


@st.composite
def distributions(draw, *leading):
    """Rows of probabilities, zeros and ties among them."""
    shape = (*[draw(size) for size in leading], draw(st.integers(2, 5)))
    counts = draw(arrays(np.int64, shape, elements=st.integers(0, 6))).astype(float)
    counts[..., 0] += counts.sum(-1) == 0
    return counts / counts.sum(-1, keepdims=True)


# ---------------------------------------------------------------- ensemble


@given(members=distributions(st.integers(1, 7), st.integers(1, 9)))
def test_ensemble_variation_ratio_counts_the_votes(members):
    expected = []
    for row in range(members.shape[1]):
        votes = Counter(int(np.argmax(p)) for p in members[:, row])
        expected.append(1 - max(votes.values()) / len(members))
    scores = EnsembleVariationRatio().scores(Signals(ensemble_probabilities=members))
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_the_ensemble_disagrees_far_from_the_labels():
    rng = np.random.RandomState(0)
    labeled = np.repeat([[-3.0, 0.0], [3.0, 0.0]], 15, axis=0) + rng.standard_normal((30, 2))
    far = np.stack([rng.standard_normal(30), 8 * rng.choice([-1, 1], 30)], axis=1)
    X = np.concatenate([labeled + 0.1, far]).astype(np.float32)
    sizes = {"module__n_features": 2, "module__n_classes": 2, "module__hidden": 16}
    net = make_net(MLP, max_epochs=40, lr=0.3, **sizes)
    codes = np.repeat([0, 1], 15)
    signals = compute_signals(net, X, X_labeled=labeled.astype(np.float32), codes=codes)
    picks = EnsembleVariationRatio().select(signals, 10, random_state=0)
    assert signals.ensemble_probabilities.shape == (5, 60, 2)
    assert (picks >= 30).all()


# ---------------------------------------------------------------- last round


@given(P=distributions(st.integers(1, 9)), data=st.data())
def test_discrepancy_is_the_distance_of_two_predictions(P, data):
    Q = P[data.draw(st.permutations(range(len(P))))]
    signals = Signals(probabilities=P, previous_probabilities=Q)
    expected = [math.dist(p, q) for p, q in zip(P, Q, strict=True)]
    scores = TemporalOutputDiscrepancy().scores(signals)
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_discrepancy_is_zero_for_a_net_that_did_not_change(mlp_net, no_dropout_net, blobs):
    strategy = TemporalOutputDiscrepancy()
    same = compute_signals(mlp_net, blobs[0], previous_net=mlp_net)
    assert strategy.scores(same).abs().max() == 0
    other = compute_signals(mlp_net, blobs[0], previous_net=no_dropout_net)
    assert strategy.scores(other).min() > 0


def test_the_first_round_has_no_discrepancy(mlp_net, blobs):
    with pytest.raises(MissingSignalError, match=r"the net of the previous round; call teach\(\)"):
        TemporalOutputDiscrepancy().query(mlp_net, blobs[0], 3)


# ---------------------------------------------------------------- pseudo-labels


@pytest.mark.parametrize(
    ("criterion", "same_as"),
    [("entropy", Entropy()), ("least_confidence", LeastConfidence()), ("margin", Margin())],
)
def test_ceal_queries_by_its_criterion(criterion, same_as):
    signals = make_signals()
    picks = CEAL(criterion=criterion).select(signals, 9, random_state=0)
    assert picks.tolist() == same_as.select(signals, 9, random_state=0).tolist()


@given(P=distributions(st.integers(1, 12)), threshold=st.floats(0.01, 2.0))
def test_ceal_labels_what_is_below_the_threshold(P, threshold):
    indices, codes = CEAL(threshold=threshold).pseudo_labels(Signals(probabilities=P))
    found = dict(zip(indices.tolist(), codes.tolist(), strict=True))
    assert indices.dtype == codes.dtype == np.int64
    for row, p in enumerate(P):
        uncertainty = -sum(x * math.log(x) for x in p if x > 0)
        if abs(uncertainty - threshold) > 1e-9:
            assert (row in found) == (uncertainty < threshold)
        if row in found:
            assert found[row] == int(np.argmax(p))


def test_ceal_finds_no_pseudo_labels_among_the_uncertain():
    indices, codes = CEAL().pseudo_labels(Signals(probabilities=np.full((5, 3), 1 / 3)))
    assert indices.shape == codes.shape == (0,)


def test_ceal_refuses_wrong_parameters():
    with pytest.raises(ValueError, match=r"'criterion' must be one of .*; got 'entropi'"):
        CEAL(criterion="entropi").select(make_signals(), 1)
    with pytest.raises(ValueError, match=r"'threshold' must be .* > 0; got 0"):
        CEAL(threshold=0).pseudo_labels(make_signals())
