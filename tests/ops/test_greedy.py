"""Farthest-first traversal and greedy coverage against brute force, ties included."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests._internals import GaussianKernel, farthest_first, greedy_coverage, internal, isolated_rng

# Whole numbers: float64 arithmetic is exact, so ties are ties.
grid_points = st.tuples(st.integers(1, 14), st.integers(1, 3)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-3, 3).map(float))
)


def best_in_order(values, order, taken):
    """First row along ``order`` with the largest value among the free ones."""
    return max((row for row in order if row not in taken), key=lambda row: values[row])


def farthest_first_by_hand(H, k, order, H_labeled):
    picks = []
    for _ in range(k):
        centres = [*H_labeled, *H[picks]]
        if centres:
            values = [min(((h - c) ** 2).sum() for c in centres) for h in H]
        else:
            values = np.zeros(len(H))
        picks.append(best_in_order(values, order, picks))
    return picks


def coverage_by_hand(kernel, weights, covered, k, order):
    picks = []
    for _ in range(k):
        gains = [(weights * np.maximum(row - covered, 0)).sum() for row in kernel]
        picks.append(best_in_order(gains, order, picks))
        covered = np.maximum(covered, kernel[picks[-1]])
    return picks


@given(grid_points, st.integers(0, 3), st.data())
def test_farthest_first_equals_brute_force(H, n_labeled, data):
    k = data.draw(st.integers(0, len(H)))
    order = data.draw(st.permutations(range(len(H))))
    L = data.draw(
        arrays(np.float64, (n_labeled, H.shape[1]), elements=st.integers(-3, 3).map(float))
    )
    picks = farthest_first(torch.as_tensor(H), k, torch.tensor(order), torch.as_tensor(L))
    assert picks.tolist() == farthest_first_by_hand(H, k, order, L)


def test_farthest_first_starts_with_the_order_when_nothing_is_labeled():
    H = torch.tensor([[0.0], [1.0], [5.0], [2.0]])
    assert farthest_first(H, 3, torch.tensor([1, 0, 3, 2])).tolist() == [1, 2, 0]


def test_the_covering_radius_never_grows():
    with isolated_rng(0):
        H, L = torch.randn(200, 6), torch.randn(4, 6)
    picks = farthest_first(H, 60, torch.arange(200), L)
    radii = [
        torch.cdist(H, torch.cat([L, H[picks[:k]]])).min(1).values.max() for k in range(0, 60, 5)
    ]
    assert all(later <= earlier for earlier, later in itertools.pairwise(radii))
    assert radii[-1] < 0.8 * radii[0]


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 10**6), st.data())
def test_lazy_coverage_equals_naive_greedy(n, m, seed, data):
    k = data.draw(st.integers(0, n))
    rng = np.random.RandomState(seed)
    # Multiples of 1/8 add up exactly, in any order: ties stay ties.
    kernel, covered = rng.randint(0, 9, (n, m)) / 8, rng.randint(0, 5, m) / 8
    weights, order = rng.randint(0, 4, m).astype(float), rng.permutation(n)
    tensors = map(torch.as_tensor, (kernel, weights, covered))
    picks = greedy_coverage(*tensors, k, torch.as_tensor(order))
    assert picks.tolist() == coverage_by_hand(kernel, weights, covered, k, order.tolist())


def test_lazy_coverage_evaluates_few_gains(monkeypatch):
    evaluated = []
    original = getattr(*internal("greedy.coverage_gains"))

    def counted(kernel, rows, weights, covered):
        evaluated.append(len(rows))
        return original(kernel, rows, weights, covered)

    monkeypatch.setattr(*internal("greedy.coverage_gains"), counted)
    with isolated_rng(0):
        X = torch.randn(2000, 2)
    kernel = torch.exp(-torch.cdist(X, X).square() / 0.1)
    greedy_coverage(kernel, torch.ones(2000), torch.zeros(2000), 40, torch.arange(2000))
    assert sum(evaluated) < 2000 * 40 / 4


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("remembered", [0, 60 * 40])
def test_rows_of_a_kernel_made_when_needed_change_nothing(same, remembered, monkeypatch):
    monkeypatch.setattr(*internal("greedy.gain_block"), 7 * 60)
    monkeypatch.setattr(*internal("greedy.remembered"), remembered)
    with isolated_rng(0):
        A, weights, own = torch.randn(60, 2).double(), torch.rand(60).double(), torch.rand(60)
        covered = torch.rand(60).double() / 2
    kernel = GaussianKernel(A, A if same else A.clone(), 0.7)
    order = torch.as_tensor(np.random.RandomState(0).permutation(60))
    for candidate_weights in (None, own.double()):
        rest = (weights, covered, 60, order, candidate_weights)
        whole = torch.exp(-torch.cdist(A, A).square() / 0.7**2)
        assert greedy_coverage(kernel, *rest).tolist() == greedy_coverage(whole, *rest).tolist()


def test_coverage_leaves_its_inputs_alone():
    covered = torch.zeros(2)
    greedy_coverage(torch.eye(2), torch.ones(2), covered, 2, torch.arange(2))
    assert covered.tolist() == [0.0, 0.0]
