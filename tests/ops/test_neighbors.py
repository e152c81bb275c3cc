"""Nearest neighbours and typicality against brute force, in one block and in many."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests._internals import internal, nearest_neighbors, typicality, typicality_within

# Whole numbers: squared distances are exact, so equal distances are equal.
point_pairs = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3)).flatmap(
    lambda s: st.tuples(
        *(arrays(np.float64, (n, s[2]), elements=st.integers(-4, 4).map(float)) for n in s[:2])
    )
)


@pytest.fixture(params=["one block", "many blocks"])
def blocks(request, monkeypatch):
    if request.param == "many blocks":
        monkeypatch.setattr(*internal("distances.block_elements"), 20)


@given(point_pairs, st.data())
def test_nearest_neighbors_equal_a_sorted_list(pair, data):
    A, B = pair
    k = data.draw(st.integers(1, len(B)))
    distances, indices = nearest_neighbors(torch.as_tensor(A), torch.as_tensor(B), k)
    for a, found, rows in zip(A, distances.tolist(), indices.tolist(), strict=True):
        assert found == pytest.approx(sorted(np.linalg.norm(a - b) for b in B)[:k])
        assert len(set(rows)) == k
        assert [np.linalg.norm(a - B[row]) for row in rows] == pytest.approx(found)


def typicality_by_hand(X, k):
    out = []
    for i, x in enumerate(X):
        others = sorted(np.linalg.norm(x - y) for j, y in enumerate(X) if j != i)[:k]
        out.append(1 / max(np.mean(others), np.finfo(float).tiny) if others else 1.0)
    return out


@given(point_pairs, st.integers(1, 15))
def test_typicality_equals_the_definition(pair, k):
    X = pair[0]
    assert typicality(torch.as_tensor(X), k).tolist() == pytest.approx(typicality_by_hand(X, k))


def test_blocks_change_nothing(blocks):
    X = np.random.RandomState(0).standard_normal((37, 3))
    assert typicality(torch.as_tensor(X), 5).tolist() == pytest.approx(typicality_by_hand(X, 5))


def test_typicality_among_the_first_rows_only():
    X = torch.tensor([[0.0], [1.0], [3.0], [3.5]])
    assert typicality(X, 1, max_references=2).tolist() == pytest.approx([1, 1, 1 / 2, 1 / 2.5])


@pytest.mark.parametrize(("batched_below", "elements"), [(0, 2**20), (256, 30), (6, 60)])
@given(point_pairs, st.integers(1, 6), st.data())
def test_typicality_within_clusters_is_that_of_each(batched_below, elements, pair, k, data):
    X = torch.as_tensor(pair[0])
    labels = torch.tensor([data.draw(st.integers(0, 3)) for _ in X])
    wanted = torch.tensor(sorted(data.draw(st.sets(st.sampled_from(labels.tolist())))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*internal("neighbors.batched_below"), batched_below)
        patch.setattr(*internal("neighbors.batch_elements"), elements)
        found = typicality_within(X, labels, wanted.long(), k, max_references=100)
    expected = torch.full((len(X),), -torch.inf, dtype=X.dtype)
    for cluster in wanted.tolist():
        expected[labels == cluster] = typicality(X[labels == cluster], k)
    assert found.tolist() == pytest.approx(expected.tolist())
