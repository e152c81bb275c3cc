"""Temperature scaling against a generic minimiser."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from tests._internals import fit_temperature


@given(
    st.integers(1, 30), st.integers(2, 5), st.sampled_from([0.1, 2.0, 9.0]), st.integers(0, 10**6)
)
def test_no_other_temperature_is_better(n, n_classes, scale, seed):
    rng = np.random.RandomState(seed)
    Z, y = scale * rng.standard_normal((n, n_classes)), rng.randint(n_classes, size=n)

    def loss(inverse):
        return np.mean(logsumexp(inverse * Z, axis=1) - inverse * Z[np.arange(n), y])

    best = minimize_scalar(loss, (0.05, 1), bounds=(0.05, 1), options={"xatol": 1e-9})
    fitted = fit_temperature(torch.as_tensor(Z), torch.as_tensor(y))
    assert 1 <= fitted <= 20
    assert loss(1 / fitted) <= best.fun + 1e-9


def test_a_net_that_is_always_right_keeps_its_temperature():
    assert fit_temperature(5 * torch.eye(3), torch.arange(3)) == 1.0


def test_a_net_that_is_always_wrong_is_silenced():
    assert fit_temperature(5 * torch.eye(3), torch.tensor([1, 2, 0])) == pytest.approx(20)


def test_nothing_to_calibrate_on():
    assert fit_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)) == 1.0
