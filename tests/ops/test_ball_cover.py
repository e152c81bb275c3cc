"""Greedy ball cover and the pure radius against the slow way, ties included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests._internals import greedy_ball_cover, internal, pure_radius

# Whole numbers and radii between their distances: who is inside is never a rounding.
grid_points = st.tuples(st.integers(1, 16), st.integers(1, 3)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-3, 3).map(float))
)
radii = st.integers(0, 20).map(lambda square: (square + 0.5) ** 0.5)


def cover_by_hand(X, covered, radius, k):
    covered, picks = set(covered), []
    balls = [{j for j, y in enumerate(X) if np.linalg.norm(x - y) < radius} for x in X]
    for _ in range(k):
        free = [i for i in range(len(X)) if i not in picks]
        picks.append(max(free, key=lambda i: len(balls[i] - covered)))
        covered |= balls[picks[-1]]
    return picks


@given(grid_points, radii, st.data())
def test_the_cover_is_the_greedy_one(X, radius, data):
    k = data.draw(st.integers(0, len(X)))
    covered = data.draw(st.sets(st.integers(0, len(X) - 1)))
    mask = torch.tensor([i in covered for i in range(len(X))])
    picks = greedy_ball_cover(torch.as_tensor(X), mask, radius, k)
    assert picks.tolist() == cover_by_hand(X, covered, radius, k)
    assert mask.tolist() == [i in covered for i in range(len(X))]


@pytest.mark.parametrize("stored_below", [0, 5_000])
def test_blocks_and_a_stored_graph_change_nothing(stored_below, monkeypatch):
    monkeypatch.setattr(*internal("ball_cover.stored_below"), stored_below)
    X = np.random.RandomState(0).randint(-9, 9, (60, 2)).astype(float)
    monkeypatch.setattr(*internal("distances.block_elements"), 100)
    nothing = torch.zeros(60, dtype=torch.bool)
    picks = greedy_ball_cover(torch.as_tensor(X), nothing, 5.5**0.5, 20)
    assert picks.tolist() == cover_by_hand(X, set(), 5.5**0.5, 20)


def share_of_pure_balls(X, labels, radius):
    pure = [
        len({labels[j] for j, y in enumerate(X) if np.linalg.norm(x - y) < radius} | {labels[i]})
        for i, x in enumerate(X)
    ]
    return np.mean(np.array(pure) == 1)


@given(grid_points, st.sampled_from([0.5, 0.8, 0.95, 1.0]), st.data())
def test_the_pure_radius_is_the_largest(X, purity, data):
    labels = data.draw(st.lists(st.integers(0, 2), min_size=len(X), max_size=len(X)))
    rows = torch.arange(len(X))
    radius = pure_radius(torch.as_tensor(X), torch.tensor(labels), purity, rows)
    assert share_of_pure_balls(X, labels, radius * (1 - 1e-9)) >= purity
    if radius < np.inf:
        assert share_of_pure_balls(X, labels, radius * (1 + 1e-9) + 1e-9) < purity


def test_one_label_is_pure_at_any_radius():
    X = torch.tensor([[0.0], [1.0], [9.0]])
    assert pure_radius(X, torch.zeros(3, dtype=torch.long), 0.95, torch.arange(3)) == float("inf")


def test_the_radius_can_be_read_off_some_rows():
    X = torch.tensor([[0.0], [1.0], [5.0], [5.5]])
    radius = pure_radius(X, torch.tensor([0, 0, 1, 1]), 1.0, torch.tensor([0, 3]))
    assert radius == pytest.approx(4.5)


def test_open_balls_of_radius_zero_cover_nothing():
    X = torch.full((6, 5), 0.3)  # rounding tells copies apart
    assert greedy_ball_cover(X, torch.zeros(6, dtype=torch.bool), 0.0, 6).tolist() == list(range(6))
