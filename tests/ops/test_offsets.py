"""Embeddings far from the origin: distances must not drown in rounding."""

import torch

from tests._internals import farthest_first, nearest_distances


def far_points():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(60, 3, generator=generator) + 3_000


def test_nearest_distances_survive_a_large_offset():
    X = far_points()
    expected = torch.cdist(X[:40].double(), X[40:].double()).square().min(dim=1).values
    torch.testing.assert_close(
        nearest_distances(X[:40], X[40:]).double(), expected, rtol=2e-3, atol=2e-3
    )


def test_farthest_first_survives_a_large_offset():
    X = far_points()
    order = torch.arange(len(X))
    picks = farthest_first(X, 15, order)
    assert picks.tolist() == farthest_first(X.double(), 15, order).tolist()
