"""What SearchNet sees of a sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skautoal.signals import Signals
from tests._helpers import make_signals, take_signals
from tests._internals import sample_features


def features(signals, utilities, seed=0):
    utilities = torch.as_tensor(utilities, dtype=torch.float32)
    return sample_features(signals, utilities, seed).numpy()


@pytest.fixture
def utilities():
    return np.random.RandomState(1).uniform(size=(30, 3)).astype(np.float32)


def test_columns_by_hand(utilities):
    signals = make_signals(30)
    P = signals.probabilities.numpy()
    H, L = (
        x / np.linalg.norm(x, axis=1, keepdims=True)
        for x in (signals.embeddings.numpy(), signals.labeled.embeddings.numpy())
    )
    ordered = np.sort(P, axis=1)
    squared = ((H[:, None] - H) ** 2).sum(-1)
    expected = np.column_stack(
        [
            utilities,
            -(P * np.log(P)).sum(1),
            ordered[:, -1] - ordered[:, -2],
            np.sqrt(((H[:, None] - L) ** 2).sum(-1).min(1)),
            np.exp(-squared / 0.4**2).mean(1),
            utilities.std(1),
        ]
    )
    expected = (expected - expected.mean(0)) / expected.std(0)
    found = features(signals, utilities)
    # Whether the margin counts up or down is of no importance.
    found[:, 4] *= np.sign(found[:, 4] @ expected[:, 4])
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_every_column_is_standardised(utilities):
    found = features(make_signals(30), utilities)
    assert found.shape == (30, 8)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(0), 1, atol=1e-3)


def test_rows_move_with_the_pool(utilities):
    signals, rows = make_signals(30), np.random.RandomState(0).permutation(30)
    moved = features(take_signals(signals, rows), utilities[rows])
    np.testing.assert_allclose(moved, features(signals, utilities)[rows], atol=1e-4)


def test_what_cannot_be_had_is_zero(utilities):
    found = features(Signals(probabilities=make_signals(30).probabilities), utilities)
    assert (found[:, 5:7] == 0).all()
    alone = Signals(probabilities=np.eye(3), embeddings=np.eye(3))
    assert (np.abs(features(alone, np.zeros((3, 2)))[:, 4:]) < 0.1).all()


@pytest.mark.parametrize("n", [1, 2])
def test_constant_columns_and_tiny_pools_are_finite(n):
    signals = Signals(probabilities=np.full((n, 2), 0.5), embeddings=np.ones((n, 1)))
    assert np.isfinite(features(signals, np.ones((n, 2)))).all()
