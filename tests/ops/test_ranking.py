"""Ranks and top-k against scipy and a plain sort."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata

from tests._internals import average_ranks, round_robin, top_k

tied_scores = arrays(np.float64, st.integers(1, 40), elements=st.integers(-3, 3).map(float))
any_scores = arrays(
    np.float64, st.integers(0, 40), elements=st.floats(-1e6, 1e6, allow_subnormal=False)
)


@given(st.one_of(tied_scores, any_scores))
def test_ranks_equal_scipy(scores):
    ranks = average_ranks(torch.as_tensor(scores))
    assert ranks.dtype == torch.float64
    np.testing.assert_allclose(ranks, rankdata(scores), atol=1e-12)


def test_ranks_are_exact_in_float32():
    scores = torch.arange(50_000, dtype=torch.float32).flip(0)
    assert torch.equal(average_ranks(scores), torch.arange(50_000, 0, -1).float())


@given(tied_scores, st.data())
def test_top_k_is_a_sort_by_score_then_order(scores, data):
    n = len(scores)
    k = data.draw(st.integers(0, n))
    order = data.draw(st.permutations(range(n)))
    expected = sorted(order, key=lambda row: -scores[row])[:k]
    assert top_k(torch.as_tensor(scores), k, torch.tensor(order)).tolist() == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_top_k_takes_any_dtype(dtype):
    scores = torch.tensor([1, 3, 2], dtype=dtype)
    assert top_k(scores, 2, torch.arange(3)).tolist() == [1, 2]


def round_robin_by_hand(groups, priority, order):
    queues = {g: [row for row in order if groups[row] == g] for g in set(groups)}
    first = {g: order.index(queue[0]) for g, queue in queues.items()}
    turns = sorted(queues, key=lambda g: (-priority[g], first[g]))
    rows = []
    while any(queues.values()):
        rows += [queues[g].pop(0) for g in turns if queues[g]]
    return rows


@given(st.lists(st.integers(0, 4), max_size=20), st.lists(st.integers(0, 2), min_size=5), st.data())
def test_round_robin_takes_turns(groups, priority, data):
    order = data.draw(st.permutations(range(len(groups))))
    tensors = [torch.tensor(values, dtype=torch.long) for values in (groups, priority, order)]
    assert round_robin(*tensors).tolist() == round_robin_by_hand(groups, priority, order)
