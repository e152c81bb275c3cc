"""Shrunken Gaussians against SciPy and their definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from tests._internals import GaussianMixture


def by_hand(H, codes, at, scale):
    """Density of the mixture with the covariances of the docstring, class by class."""
    n, d = H.shape
    scatters, counts, means = {}, {}, {}
    for c in sorted(set(codes)):
        members = H[codes == c]
        means[c], counts[c] = members.mean(0), len(members)
        scatters[c] = sum(np.outer(h - means[c], h - means[c]) for h in members)
    total = sum(scatters.values())
    variance = np.trace(total) / (n * d)
    pooled = (total + d * (variance if variance > 1e-6 else scale) * np.eye(d)) / (n + d)
    logs = []
    for c in scatters:
        covariance = (scatters[c] + d * pooled) / (counts[c] + d)
        density = multivariate_normal(means[c], covariance)
        logs.append(np.log(counts[c] / n) + np.atleast_1d(density.logpdf(at)))
    return logsumexp(logs, axis=0)


@given(
    n=st.integers(1, 12), d=st.integers(1, 4), n_classes=st.integers(1, 4), seed=st.integers(0, 999)
)
def test_log_density_is_that_of_scipy(n, d, n_classes, seed):
    rng = np.random.RandomState(seed)
    H, at, codes = rng.randn(n, d), 3 * rng.randn(7, d), rng.randint(n_classes, size=n)
    mixture = GaussianMixture(torch.as_tensor(H), torch.as_tensor(codes), 0.7)
    found = mixture.log_density(torch.as_tensor(at))
    np.testing.assert_allclose(found, by_hand(H, codes, at, 0.7), rtol=1e-8)


@pytest.mark.parametrize("n", [1, 6])
def test_identical_samples_get_the_scale_as_variance(n):
    H = np.full((n, 3), 0.1)
    mixture = GaussianMixture(torch.as_tensor(H), torch.zeros(n, dtype=torch.long), 2.0)
    at = np.random.RandomState(0).randn(5, 3)
    expected = by_hand(H, np.zeros(n, int), at, 2.0)
    np.testing.assert_allclose(mixture.log_density(torch.as_tensor(at)), expected, rtol=1e-8)


def test_many_samples_give_the_gaussians_they_come_from():
    rng = np.random.RandomState(0)
    roots = [np.array([[1.0, 0.0], [0.8, 0.3]]), np.array([[0.2, 0.0], [0.0, 2.0]])]
    means, codes = np.array([[0.0, 0.0], [4.0, 1.0]]), np.repeat([0, 1], 20_000)
    H = np.concatenate([m + rng.randn(20_000, 2) @ r.T for m, r in zip(means, roots, strict=True)])
    at = rng.randn(50, 2) + 1
    mixture = GaussianMixture(torch.as_tensor(H), torch.as_tensor(codes), 1.0)
    logs = [
        np.log(0.5) + multivariate_normal(m, r @ r.T).logpdf(at)
        for m, r in zip(means, roots, strict=True)
    ]
    np.testing.assert_allclose(
        mixture.log_density(torch.as_tensor(at)), logsumexp(logs, axis=0), rtol=0.05
    )


def test_fewer_samples_than_dimensions_are_enough():
    rng = np.random.RandomState(0)
    mixture = GaussianMixture(torch.as_tensor(rng.randn(4, 60)), torch.arange(4), 1.0)
    assert mixture.log_density(torch.as_tensor(rng.randn(9, 60))).isfinite().all()
