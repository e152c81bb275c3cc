"""Principal components against scikit-learn, up to the sign of each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from tests._internals import principal_components


@pytest.fixture
def cloud():
    rng = np.random.RandomState(0)
    return rng.standard_normal((40, 5)) * [5, 4, 3, 2, 1] + 7, rng.standard_normal((6, 5))


@pytest.mark.parametrize("n_components", [1, 3, 5])
def test_components_equal_sklearn_up_to_sign(cloud, n_components):
    X, others = cloud
    pca = PCA(n_components, svd_solver="full").fit(X)
    ours = principal_components(torch.as_tensor(X), n_components, torch.as_tensor(others))
    for found, expected in zip(ours, map(pca.transform, (X, others)), strict=True):
        signs = np.sign((ours[0].numpy() * pca.transform(X)).sum(0))
        np.testing.assert_allclose(found.numpy() * signs, expected, atol=1e-9)


def test_all_components_keep_the_distances(cloud):
    X = torch.as_tensor(cloud[0])
    coordinates, others = principal_components(X, 9)
    assert coordinates.shape == X.shape
    assert others is None
    torch.testing.assert_close(torch.pdist(coordinates), torch.pdist(X))


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "two", True])
def test_a_number_of_components_below_one_is_refused(cloud, wrong):
    with pytest.raises(ValueError, match="'n_components' must be None or an integer >= 1"):
        principal_components(torch.as_tensor(cloud[0]), wrong)
