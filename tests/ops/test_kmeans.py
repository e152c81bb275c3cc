"""The wrapper of k-means: order, weights, few distinct points, nearest points to centres."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from tests._internals import internal, kmeans, nearest_to_centers


def blobs(sizes=(12, 20, 6), seed=0):
    rng = np.random.RandomState(seed)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    X = 50.0 * np.eye(len(sizes))[cluster] + rng.standard_normal((len(cluster), len(sizes)))
    return torch.as_tensor(X), torch.as_tensor(cluster)


def test_clusters_hold_labels_centers_and_squared_offsets():
    X, cluster = blobs()
    found = kmeans(X, 3, torch.randperm(38, generator=torch.Generator()), np.random.RandomState(0))
    for c in range(3):
        assert len(found.labels[cluster == c].unique()) == 1
    offsets = (X - found.centers[found.labels]).square().sum(1)
    torch.testing.assert_close(found.offsets, offsets)
    assert found.offsets.max() < 30


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_dtype_is_kept(dtype):
    X, _ = blobs()
    found = kmeans(X.to(dtype), 2, torch.arange(38), np.random.RandomState(0), torch.ones(38))
    assert found.centers.dtype == found.offsets.dtype == dtype


def test_rows_that_move_take_their_cluster_along():
    X, _ = blobs(sizes=(9, 9, 9))
    X = X / 30  # they overlap: another seeding gives other clusters
    order = torch.as_tensor(np.random.RandomState(1).permutation(27))
    moved = torch.as_tensor(np.random.RandomState(2).permutation(27))
    where = moved.argsort()
    found = kmeans(X, 5, order, np.random.RandomState(0))
    again = kmeans(X[moved], 5, where[order], np.random.RandomState(0))
    assert again.labels.tolist() == found.labels[moved].tolist()


@pytest.mark.parametrize(("n", "d", "k"), [(600, 2, 20), (900, 16, 40), (3_000, 8, 5)])
def test_the_inertia_is_about_that_of_scikit_learn(n, d, k):
    rng = np.random.RandomState(0)
    X = 3 * rng.standard_normal((k, d))[rng.randint(k, size=n)] + rng.standard_normal((n, d))
    X = torch.as_tensor(X + 1_000).float()  # far from the origin, where rounding is coarse
    ours = [
        float(kmeans(X, k, torch.as_tensor(order.permutation(n)), order).offsets.sum())
        for order in map(np.random.RandomState, range(5))
    ]
    theirs = [KMeans(k, n_init=1, random_state=seed).fit(X.numpy()).inertia_ for seed in range(5)]
    assert np.mean(ours) < 1.05 * np.mean(theirs)
    assert min(ours) < 1.03 * min(theirs)


def test_points_of_a_rare_kind_get_clusters_though_a_part_of_the_points_seeds(monkeypatch):
    monkeypatch.setattr(*internal("kmeans.seed_rows"), 4)
    monkeypatch.setattr(*internal("kmeans.seed_rows_per_cluster"), 2)
    X = torch.tensor([[0.0]] * 40 + [[1.0], [2.0]])
    found = kmeans(X, 3, torch.arange(42), np.random.RandomState(0))
    assert sorted(found.centers[:, 0].tolist()) == pytest.approx([0, 1, 2], abs=1e-6)


def test_weights_pull_the_centers():
    X = torch.tensor([[0.0], [1.0], [0.0], [1.0], [0.0], [1.0]])
    weights = torch.tensor([1.0, 3.0] * 3)
    found = kmeans(X, 1, torch.arange(6), np.random.RandomState(0), weights)
    assert found.centers.item() == pytest.approx(0.75, abs=0.05)
    assert nearest_to_centers(X, 1, torch.arange(6), np.random.RandomState(0), weights).item() == 1


def test_the_heaviest_cluster_comes_first():
    X, cluster = blobs(sizes=(12, 20, 6))
    light = torch.where(cluster == 2, 10.0, 1.0)
    order = torch.arange(38)
    picks = nearest_to_centers(X, 3, order, np.random.RandomState(0), light)
    assert cluster[picks].tolist() == [2, 1, 0]
    picks = nearest_to_centers(X, 3, order, np.random.RandomState(0))
    assert cluster[picks].tolist() == [1, 0, 2]


@pytest.mark.parametrize("weights", [torch.zeros(8), torch.tensor([1.0, 1e-30] * 4)])
def test_weights_of_zero_are_no_reason_to_fail(weights):
    X = torch.arange(8.0)[:, None]
    picks = nearest_to_centers(X, 6, torch.arange(8), np.random.RandomState(0), weights)
    assert len(set(picks.tolist())) == 6


def test_missing_clusters_are_made_up_for_by_the_farthest():
    X = torch.tensor([[0.0], [0.0], [0.0], [9.0], [9.0], [9.0]])
    picks = nearest_to_centers(X, 4, torch.tensor([2, 5, 0, 1, 3, 4]), np.random.RandomState(0))
    assert sorted(X[picks[:2], 0].tolist()) == [0, 9]
    assert len(set(picks.tolist())) == 4
