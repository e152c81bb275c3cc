"""Soft top-k: exact sums, exact gradients, no waiting for the device; and the mixture threshold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm
from torch.autograd import gradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from tests._internals import (
    StandardTopK,
    isolated_rng,
    soft_threshold_gmm,
    soft_top_k,
    standardize,
)

DTYPES = [np.float32, np.float64]
temperatures = st.sampled_from([1e-4, 1e-3, 0.01, 0.05, 0.5, 5.0])
# Standardised scores, ties among them.
scores = st.one_of(
    arrays(np.float64, st.integers(1, 60), elements=st.floats(-6, 6)),
    arrays(np.float64, st.integers(1, 60), elements=st.sampled_from([-1.0, 0.0, 0.1, 3.0])),
)


def normal(*shape, seed=0):
    with isolated_rng(seed):
        return torch.randn(*shape, dtype=torch.float64)


def padded_batch(dtype=torch.float64):
    """Three rows with 6, 4 and 1 entries that count."""
    mask = torch.arange(6) < torch.tensor([6, 4, 1])[:, None]
    return normal(3, 6).to(dtype), mask, torch.tensor([2, 3, 1])


# ---------------------------------------------------------------- memberships


@pytest.mark.parametrize("dtype", DTYPES)
@given(x=scores, tau=temperatures, data=st.data())
def test_memberships_sum_to_k(dtype, x, tau, data):
    k = data.draw(st.integers(0, len(x)))
    p = soft_top_k(torch.as_tensor(x.astype(dtype)), k, tau)
    assert p.dtype == torch.as_tensor(x.astype(dtype)).dtype
    assert ((p >= 0) & (p <= 1)).all()
    assert abs(p.double().sum().item() - k) < 1e-6 * len(x)


@pytest.mark.parametrize("dtype", DTYPES)
@given(seed=st.integers(0, 10**6), tau=temperatures, data=st.data())
def test_memberships_sum_to_k_in_every_masked_row(dtype, seed, tau, data):
    rng = np.random.RandomState(seed)
    x = torch.as_tensor(rng.standard_normal((4, 20)).astype(dtype))
    mask = torch.as_tensor(rng.random_sample((4, 20)) < 0.6)
    mask[0] = False
    k = torch.tensor([data.draw(st.integers(0, int(n))) for n in mask.sum(1)])
    p = soft_top_k(x, k, tau, mask)
    assert (p[~mask] == 0).all()
    torch.testing.assert_close(p.double().sum(1), k.double(), rtol=0, atol=1e-6 * 20)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("tau", [1e-3, 0.05, 0.5])
def test_memberships_of_a_large_pool_sum_to_k(dtype, tau):
    x = normal(20_000).to(dtype)
    for k in (1, 100, 9_999, 20_000):
        assert abs(soft_top_k(x, k, tau).double().sum().item() - k) < 1e-6 * 20_000


@given(scores, st.data())
def test_cold_memberships_are_the_hard_top_k(x, data):
    x = np.unique(np.round(x, 1))
    k = data.draw(st.integers(0, len(x)))
    hard = np.zeros(len(x))
    hard[len(x) - k :] = 1
    np.testing.assert_allclose(soft_top_k(torch.as_tensor(x), k, 1e-3), hard, atol=1e-6)


def test_ties_share_what_is_left():
    p = soft_top_k(torch.tensor([3.0, 1.0, 1.0, 1.0, 0.0]), 2, 1e-3)
    torch.testing.assert_close(p, torch.tensor([1, 1 / 3, 1 / 3, 1 / 3, 0]), rtol=0, atol=1e-5)


@given(scores, temperatures, st.data())
def test_higher_scores_have_higher_memberships(x, tau, data):
    k = data.draw(st.integers(0, len(x)))
    p = soft_top_k(torch.as_tensor(np.sort(x)), k, tau)
    assert (p.diff() >= -1e-15).all()  # equal scores may differ by a rounding


@given(scores, st.data())
def test_a_raised_score_raises_its_membership_and_lowers_the_others(x, data):
    k = data.draw(st.integers(0, len(x)))
    row = data.draw(st.integers(0, len(x) - 1))
    raised = x.copy()
    raised[row] += 0.5
    before, after = (soft_top_k(torch.as_tensor(v), k, 0.5) for v in (x, raised))
    change = (after - before).numpy()
    assert change[row] >= -1e-7
    assert (np.delete(change, row) <= 1e-7).all()


@given(scores, temperatures, st.data())
def test_memberships_follow_their_scores(x, tau, data):
    k = data.draw(st.integers(0, len(x)))
    permutation = data.draw(st.permutations(range(len(x))))
    moved = soft_top_k(torch.as_tensor(x[permutation]), k, tau)
    expected = soft_top_k(torch.as_tensor(x), k, tau)[permutation]
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-6)


@given(scores, st.floats(-100, 100), st.data())
def test_a_shift_of_all_scores_changes_nothing(x, shift, data):
    k = data.draw(st.integers(0, len(x)))
    shifted, plain = (soft_top_k(torch.as_tensor(v), k, 0.5) for v in (x + shift, x))
    torch.testing.assert_close(shifted, plain, rtol=0, atol=1e-6)


def test_rows_of_a_batch_are_independent():
    x, mask, k = padded_batch()
    together = soft_top_k(x, k, 0.3, mask)
    for row in range(3):
        alone = soft_top_k(x[row][mask[row]], int(k[row]), 0.3)
        torch.testing.assert_close(together[row][mask[row]], alone, rtol=0, atol=1e-9)


def test_what_stands_in_the_padding_does_not_matter():
    x, mask, k = padded_batch()
    odd = torch.where(mask, x, torch.tensor([torch.nan, torch.inf, -torch.inf, 1e30, 0, 1]))
    odd.requires_grad_()
    p = soft_top_k(odd, k, 0.3, mask)
    torch.testing.assert_close(p, soft_top_k(x, k, 0.3, mask), rtol=0, atol=0)
    (p * x).sum().backward()
    assert torch.isfinite(odd.grad).all()


# ---------------------------------------------------------------- gradients


@pytest.mark.parametrize("tau", [0.05, 0.5])
@pytest.mark.parametrize("k", [1, 4, 7])
def test_gradients_are_exact(tau, k):
    assert gradcheck(lambda x: soft_top_k(x, k, tau), normal(8).requires_grad_())


def test_gradients_of_masked_batches_are_exact():
    x, mask, k = padded_batch()
    assert gradcheck(lambda x: soft_top_k(x, k, 0.4, mask), x.requires_grad_())


def test_the_gradient_is_the_implicit_formula():
    x, g, tau = normal(9).requires_grad_(), normal(9, seed=1), 0.3
    p = soft_top_k(x, 3, tau)
    p.backward(g)
    v = (p * (1 - p) / tau).detach()
    torch.testing.assert_close(x.grad, v * (g - (v @ g) / v.sum()))
    torch.testing.assert_close(x.grad.sum(), torch.zeros((), dtype=x.dtype), rtol=0, atol=1e-12)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("tau", [0.05, 0.5])
def test_of_scores_that_are_standardized_first(tau, masked):
    """In one function it is the same as in two, and so is its gradient."""
    x, mask, k = padded_batch()
    k = k[:2]  # alone in a row, a score has no spread
    x, mask = x[:2].requires_grad_(), mask[:2] if masked else None
    top_k = StandardTopK(k, mask, x.dtype)
    expected = soft_top_k(standardize(x, mask), k, tau, mask)
    found = top_k(x, tau)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    towards = normal(2, 6, seed=1)
    gradients = [torch.autograd.grad(p, x, towards)[0] for p in (found, expected)]
    torch.testing.assert_close(*gradients)
    assert gradcheck(lambda x: top_k(x, tau), x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [0, 5])
def test_gradients_are_finite_where_nothing_is_left_to_choose(dtype, k):
    x = normal(5).to(dtype).requires_grad_()
    soft_top_k(x, k, 0.05).sum().backward()
    assert torch.isfinite(x.grad).all()


class Synchronizations(TorchDispatchMode):
    """Counts the operators that make the host wait for the device."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in (torch.ops.aten._local_scalar_dense, torch.ops.aten.nonzero):
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


def test_the_counter_of_synchronizations_counts():
    with Synchronizations() as counter:
        torch.ones(3).sum().item()
    assert len(counter.found) == 1


@pytest.mark.parametrize("function", ["soft_top_k", "soft_threshold_gmm"])
def test_the_host_never_waits_for_the_device(function):
    x, mask, k = padded_batch()
    x.requires_grad_()
    with Synchronizations() as counter:
        if function == "soft_top_k":
            p = soft_top_k(x, k, 0.3, mask)
        else:
            p = soft_threshold_gmm(x, k / 8, 0.3, mask)
        (p * x.detach()).sum().backward()
    assert counter.found == []


# ---------------------------------------------------------------- mixture threshold


def unmasked(x):
    return torch.ones_like(x, dtype=torch.bool)


def test_gradients_through_the_mixture_are_exact():
    x, mask, _ = padded_batch()
    share = torch.tensor([0.3, 0.5, 0.2], dtype=torch.float64)
    assert gradcheck(
        lambda x: soft_threshold_gmm(x[:2], share[:2], 0.4, mask[:2]), x.requires_grad_()
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "values",
    [[0.0] * 10, [2.5] * 10, [0.0] * 9 + [1e4], [0.0] * 5 + [1.0] * 5, [1.0], [-1e-8, 1e-8]],
    ids=["zeros", "equal", "outlier", "two values", "one", "close"],
)
def test_the_mixture_is_finite_for_odd_scores(dtype, values):
    x = torch.tensor(values, dtype=dtype, requires_grad=True)
    p = soft_threshold_gmm(x, torch.tensor(0.3, dtype=dtype), 0.1, unmasked(x))
    p.square().sum().backward()
    assert ((p >= 0) & (p <= 1)).all()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8])
def test_about_the_wanted_share_of_a_normal_sample_is_selected(share):
    x = normal(4000)
    p = soft_threshold_gmm(x, torch.tensor(share, dtype=x.dtype), 0.01, unmasked(x))
    assert p.mean().item() == pytest.approx(share, abs=0.02)


def mixture_by_hand(x, share):
    """Threshold of the mixture: the same expectation-maximisation over plain arrays."""
    centre, spread = x.mean(), x.var()
    weight, mean, variance = np.full(2, 0.5), centre + np.sqrt(spread) * np.array([-1, 1]), spread
    for _ in range(15):
        r = weight * norm.pdf(x[:, None], mean, np.sqrt(variance))
        r /= r.sum(1, keepdims=True)
        total = r.sum(0) + 1e-3  # a little mass at the centre keeps a component alive
        mean = ((r * x[:, None]).sum(0) + 1e-3 * centre) / total
        squares = (r * (x[:, None] - mean) ** 2).sum(0)
        variance = (squares + 1e-3 * spread) / total + 1e-3 * spread
        weight = total / total.sum()

    def surplus(theta):
        return (weight * norm.sf(theta, mean, np.sqrt(variance))).sum() - share

    return brentq(surplus, x.min() - 10, x.max() + 10, xtol=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("n_low", [20, 50])
def test_the_threshold_is_the_quantile_of_the_mixture(n_low, share):
    x = torch.cat([normal(n_low), 2.5 + 0.5 * normal(30, seed=1)])  # components that overlap
    p = soft_threshold_gmm(x, torch.tensor(share, dtype=x.dtype), 0.3, unmasked(x))
    expected = expit((x.numpy() - mixture_by_hand(x.numpy(), share)) / 0.3)
    np.testing.assert_allclose(p, expected, rtol=1e-6)


def test_padding_does_not_change_the_mixture():
    x = normal(2, 30)
    mask = torch.arange(30) < torch.tensor([30, 20])[:, None]
    share = torch.tensor([0.3, 0.3], dtype=x.dtype)
    p = soft_threshold_gmm(x, share, 0.1, mask)
    alone = soft_threshold_gmm(x[1:, :20], share[1:], 0.1, mask[1:, :20])
    torch.testing.assert_close(p[1, :20], alone[0])
    assert (p[1, 20:] == 0).all()


# ---------------------------------------------------------------- standardisation


def test_standard_scores_have_mean_zero_and_deviation_one():
    x = 7 + 3 * normal(2, 50)
    mask = torch.arange(50) < torch.tensor([50, 20])[:, None]
    z = standardize(x, mask)
    for row, n in enumerate((50, 20)):
        np.testing.assert_allclose(
            z[row, :n], (x[row, :n] - x[row, :n].mean()) / x[row, :n].std(correction=0)
        )
        assert (z[row, n:] == 0).all()
    torch.testing.assert_close(standardize(x)[0], z[0])


def test_constant_scores_become_zero():
    assert standardize(torch.full((40,), 0.3)).abs().max() < 0.1
