"""Distances and kernels in blocks against the plain definitions."""

from __future__ import annotations

import pytest
import torch

from tests._internals import (
    gaussian_kernel,
    internal,
    isolated_rng,
    nearest_distances,
    nearest_kernel,
    normalize_rows,
    row_blocks,
    squared_distances,
)


@pytest.fixture
def points():
    with isolated_rng(0):
        return torch.randn(30, 4, dtype=torch.float64), torch.randn(7, 4, dtype=torch.float64)


def brute_force(A, B):
    return (A[:, None] - B[None]).square().sum(2)


def test_squared_distances(points):
    torch.testing.assert_close(squared_distances(*points), brute_force(*points))


def test_distances_are_never_negative():
    A = torch.full((20, 3), 1000.1)
    assert (squared_distances(A, A) >= 0).all()


@pytest.mark.parametrize(("n", "m"), [(0, 5), (1, 5), (30, 7), (30, 0), (5, 10**9)])
def test_blocks_cover_all_rows_once(n, m):
    covered = [row for rows in row_blocks(n, m) for row in range(n)[rows]]
    assert covered == list(range(n))


def test_blocks_are_small():
    assert all((rows.stop - rows.start) * 10**6 <= 2**24 for rows in row_blocks(100, 10**6))


def test_nearest_distances_do_not_depend_on_blocks(points, monkeypatch):
    expected = brute_force(*points).min(1).values
    torch.testing.assert_close(nearest_distances(*points), expected)
    monkeypatch.setattr(*internal("distances.block_elements"), 20)
    torch.testing.assert_close(nearest_distances(*points), expected)


def test_normalized_rows_have_length_one_and_zeros_stay(points):
    H = torch.cat([points[0], torch.zeros(1, 4, dtype=torch.float64)])
    lengths = normalize_rows(H).norm(dim=1)
    torch.testing.assert_close(lengths[:-1], torch.ones(30, dtype=torch.float64))
    assert lengths[-1] == 0


def test_kernels(points):
    expected = torch.exp(-brute_force(*points) / 0.7**2)
    torch.testing.assert_close(gaussian_kernel(*points, 0.7), expected)
    torch.testing.assert_close(nearest_kernel(*points, 0.7), expected.max(1).values)


def test_no_points_cover_nothing(points):
    assert nearest_kernel(points[0], points[1][:0], 0.7).tolist() == [0.0] * 30
