"""What a soft selection is worth: values of labels, coverage of the pool."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from skautoal.signals import Signals
from tests._helpers import make_signals, take_signals
from tests._internals import (
    Coverage,
    ExpectedMaximum,
    clip_losses,
    label_gain,
    label_values,
    pool_coverage,
    spread_of_candidates,
)


def head_on_points(n=11, C=3, d=4, seed=0):
    """Losses and residuals of a random linear head, in double precision, its inputs and it."""
    rng = np.random.RandomState(seed)
    H = torch.cat([torch.as_tensor(rng.standard_normal((n, d))), torch.ones(n, 1)], dim=1)
    W = torch.as_tensor(rng.standard_normal((d + 1, C)))
    codes = torch.as_tensor(rng.randint(C, size=n))
    losses = F.cross_entropy(H @ W, codes, reduction="none")
    residuals = (H @ W).softmax(1) - F.one_hot(codes, C)
    return losses, residuals, H, W, codes


@pytest.mark.parametrize("objective", ["loss", "mixed"])
def test_loss_is_clipped_so_that_a_wrong_label_does_not_dominate(objective):
    losses, residuals, *_ = head_on_points(40)
    losses[3] = 1e6
    values = label_values(losses, residuals, None, objective, np.random.RandomState(0))
    low = values < values.max()
    assert torch.equal(values[low], losses[low])
    assert values[3] == values.max() < 10
    assert losses[3] == 1e6


@pytest.mark.parametrize("n", [2, 11])
def test_bilevel_is_the_drop_of_the_loss_of_others_after_a_step(n):
    losses, residuals, H, W, codes = head_on_points(n)
    values = label_values(losses, residuals, H, "bilevel", np.random.RandomState(3))
    half = np.random.RandomState(3).permutation(n) % 2 == 1
    rate, step = 1e-3, 1e-2

    def held_out_loss(p, judge):
        weights = W.clone().requires_grad_()
        (p * F.cross_entropy(H @ weights, codes, reduction="none")).sum().backward()
        stepped = (weights - rate * weights.grad).detach()
        return F.cross_entropy(H[judge] @ stepped, codes[judge])

    for i in range(n):
        judge = torch.as_tensor(half if not half[i] else ~half)
        p = step * F.one_hot(torch.tensor(i), n).double()
        drop = (held_out_loss(-p, judge) - held_out_loss(p, judge)) / (2 * step * rate)
        torch.testing.assert_close(values[i].double(), drop, rtol=1e-4, atol=1e-6)


def test_bilevel_of_a_lone_sample_is_zero():
    losses, residuals, H, *_ = head_on_points(1)
    values = label_values(losses, residuals, H, "bilevel", np.random.RandomState(0))
    assert values.tolist() == [0.0]


def test_label_gain_is_the_mean_value_of_what_is_selected():
    values = torch.tensor([[3.0, 1.0, 0.0], [2.0, 0.0, 0.0]])
    p = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    assert label_gain(p, values, torch.tensor([0.5, 0.5])) == (3 + 1) / 2
    assert label_gain(p, values, torch.tensor([0.25, 0.75])) == (3 + 3 * 1) / 4
    # Copies of SearchNet may weigh the sets differently.
    weight = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert label_gain(p.expand(2, 2, 3), values, weight).tolist() == [3.0, 1.0]


def test_the_unit_is_the_deviation_of_the_candidates():
    values, equal = torch.tensor([1.0, 2.0, 4.0]), torch.tensor(2.0)
    assert spread_of_candidates(values, equal) == pytest.approx(((1 + 0 + 4) / 3) ** 0.5)
    # Where all candidates are alike, rounding is not blown up.
    assert spread_of_candidates(torch.full((3,), 2.0), equal) == pytest.approx(0.02)
    assert spread_of_candidates(torch.zeros(3), torch.tensor(0.0)) > 0


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3])
@pytest.mark.parametrize("values", [[1.0, 2.0, 4.0], [2.0, 2.0, 2.0], [0.0, 1e-4, 0.0]])
def test_the_unit_follows_the_scale_of_the_objective(values, factor):
    values, equal = torch.tensor(values), torch.tensor(values[0])
    found = spread_of_candidates(factor * values, factor * equal)
    assert found == pytest.approx(factor * float(spread_of_candidates(values, equal)), rel=1e-5)


# ---------------------------------------------------------------- coverage


def coverage_of(similar):
    """Coverage whose candidates cover these shares (m, t) of the targets."""
    gains, order = torch.as_tensor(similar).sort(dim=0, descending=True, stable=True)
    return Coverage(torch.arange(len(gains)), order, order.argsort(0), gains)


def plain_expected_maximum(p, similar):
    """The formula, written down for autograd: sort, and multiply up what may be missing."""
    gains, order = torch.as_tensor(similar).sort(dim=0, descending=True, stable=True)
    terms, missing = [], torch.ones(gains.shape[1], dtype=p.dtype)
    for rank in range(len(gains)):
        terms.append(gains[rank] * p[order[rank]] * missing)
        missing = missing * (1 - p[order[rank]])
    return torch.stack(terms).sum(0)


def over_all_subsets(p, similar):
    """Expected largest similarity to a target, over every set of candidates."""
    expected = np.zeros(similar.shape[1])
    for chosen in product([False, True], repeat=len(p)):
        chosen = np.array(chosen)
        probability = np.prod(np.where(chosen, p, 1 - p))
        expected += probability * (similar[chosen].max(axis=0) if chosen.any() else 0.0)
    return expected


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 1000))
def test_coverage_is_the_expected_maximum_over_all_subsets(m, t, seed):
    rng = np.random.RandomState(seed)
    similar = rng.uniform(size=(m, t)) * (rng.uniform(size=(m, t)) < 0.8)  # ties at zero
    p = rng.uniform(0, 0.99, size=m)
    coverage = coverage_of(similar)
    found = coverage.gains_of_targets(torch.as_tensor(p))
    np.testing.assert_allclose(found, over_all_subsets(p, similar), rtol=1e-9, atol=1e-12)
    assert float(coverage.gain(torch.as_tensor(p))) == pytest.approx(float(found.sum()))


@pytest.mark.parametrize("m", [1, 2, 7])
def test_gradient_of_the_coverage(m):
    rng = np.random.RandomState(m)
    similar = rng.uniform(size=(m, 9))
    coverage = coverage_of(similar)
    p = torch.as_tensor(rng.uniform(0.05, 0.95, size=m)).requires_grad_()

    def of_targets(p):
        return ExpectedMaximum.apply(p, coverage.order, coverage.place, coverage.gains)

    assert torch.autograd.gradcheck(of_targets, (p,))
    outer = torch.as_tensor(rng.standard_normal(9))
    (found,) = torch.autograd.grad(of_targets(p), p, outer)
    (expected,) = torch.autograd.grad(plain_expected_maximum(p, similar), p, outer)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(of_targets(p), plain_expected_maximum(p, similar))


def test_two_sure_candidates_keep_the_gradient_finite():
    coverage = coverage_of(torch.eye(3) / 3)
    p = torch.tensor([1.0, 1.0, 0.0], requires_grad=True)
    coverage.gain(p).backward()
    torch.testing.assert_close(p.grad, torch.full((3,), 1 / 3))
    assert float(coverage.gain(torch.ones(3))) == pytest.approx(1, abs=1e-5)


def test_coverage_does_not_saturate_where_many_cover_a_little():
    """A hundred candidates that each cover a fifth leave four fifths uncovered."""
    coverage = coverage_of(torch.full((100, 1), 0.2))
    assert float(coverage.gain(torch.full((100,), 0.5))) == pytest.approx(0.2)


def test_halves_share_out_the_targets():
    similar = torch.rand(5, 7, generator=torch.Generator().manual_seed(0))
    coverage, p = coverage_of(similar), torch.rand(5, generator=torch.Generator().manual_seed(1))
    first, second = coverage.halves()
    whole = coverage.gains_of_targets(p)
    torch.testing.assert_close(first.gains_of_targets(p), whole[::2])
    torch.testing.assert_close(second.gains_of_targets(p), whole[1::2])


def similarity(coverage):
    """Rows of candidates, columns of targets: what each covers of each."""
    return coverage.gains.gather(0, coverage.place)


def test_coverage_of_a_pool():
    signals = make_signals(30)
    utilities = torch.rand(30, 3, generator=torch.Generator().manual_seed(0))
    coverage = pool_coverage(signals, utilities, 5, np.random.RandomState(0))
    assert sorted(coverage.candidates.tolist()) == list(range(30))  # few rows: all of them
    assert (coverage.gains.diff(dim=0) <= 0).all()
    # Everything selected covers everything, and less covers less.
    assert float(coverage.gain(torch.ones(30))) == pytest.approx(1, abs=1e-4)
    assert 0 < float(coverage.gain(torch.full((30,), 0.2))) < 0.9
    alone = similarity(coverage)
    assert alone.argmax(0).unique().numel() == 30  # a target is most similar to itself


def test_coverage_is_what_joint_herding_maximises():
    """The same kernel, the same uncertainty, labelled samples taken off."""
    rng = np.random.RandomState(0)
    H, L = rng.standard_normal((12, 3)), rng.standard_normal((4, 3))
    P = rng.dirichlet([1, 1, 1], 12)
    labeled = Signals(embeddings=L)
    signals = Signals(probabilities=P, embeddings=H, labeled=labeled)
    coverage = pool_coverage(signals, torch.ones(12, 2), 3, np.random.RandomState(0))
    A, B = (points - H.mean(0) for points in (H, L))
    A, B = (points / np.linalg.norm(points, axis=1, keepdims=True) for points in (A, B))
    covered = np.exp(-((A[:, None] - B) ** 2).sum(2)).max(1)
    kernel = np.exp(-((A[:, None] - A) ** 2).sum(2))
    ordered = np.sort(P, axis=1)
    r = 4 / 3
    u = (1 - (ordered[:, -1] - ordered[:, -2])) ** (r / (r + 20))
    expected = np.maximum(kernel - covered, 0) * u / (u * (1 - covered)).sum()
    rows = coverage.candidates.numpy()
    targets = rows[similarity(coverage).argmax(0).numpy()]
    np.testing.assert_allclose(similarity(coverage), expected[np.ix_(rows, targets)], atol=1e-5)


def test_the_best_gain_is_one_however_little_is_uncertain():
    P = np.array([[0.9, 0.1], [0.95, 0.05], [0.8, 0.2]])
    signals = Signals(probabilities=P, embeddings=np.eye(3))
    coverage = pool_coverage(signals, torch.ones(3, 2), 1, np.random.RandomState(0))
    assert float(coverage.gain(torch.ones(3))) == pytest.approx(1, abs=1e-4)


def test_equal_weights_leave_something_to_cover():
    """A batch of a hundred does not cover everything before the first step."""
    n = 2_000
    rng = np.random.RandomState(0)
    signals = Signals(
        probabilities=rng.dirichlet(np.ones(4), n), embeddings=rng.standard_normal((n, 16))
    )
    utilities = torch.as_tensor(rng.uniform(size=(n, 5)), dtype=torch.float32)
    coverage = pool_coverage(signals, utilities, 100, np.random.RandomState(0))
    mean = utilities[coverage.candidates].mean(1)
    batch = torch.zeros(len(mean)).index_fill_(0, mean.topk(100).indices, 1.0)
    assert 0.1 < float(coverage.gain(batch)) < 0.9


def test_candidates_of_a_large_pool_are_the_favourites():
    n, K, b = 1_500, 3, 20
    rng = np.random.RandomState(0)
    signals = Signals(
        probabilities=rng.dirichlet(np.ones(3), n), embeddings=rng.standard_normal((n, 4))
    )
    utilities = torch.as_tensor(rng.uniform(size=(n, K)), dtype=torch.float32)
    coverage = pool_coverage(signals, utilities, b, np.random.RandomState(0))
    assert len(coverage.candidates) <= 512
    assert coverage.gains.shape == (len(coverage.candidates), 256)
    for column in (*utilities.T, utilities.mean(1)):
        assert set(column.topk(b).indices.tolist()) <= set(coverage.candidates.tolist())


def test_coverage_follows_the_rows():
    signals, rows = make_signals(30), np.random.RandomState(2).permutation(30)
    utilities = torch.rand(30, 3, generator=torch.Generator().manual_seed(0))
    one = pool_coverage(signals, utilities, 5, np.random.RandomState(0))
    moved = pool_coverage(take_signals(signals, rows), utilities[rows], 5, np.random.RandomState(0))
    back = torch.as_tensor(rows)[moved.candidates].argsort()
    ahead = one.candidates.argsort()
    torch.testing.assert_close(similarity(moved)[back], similarity(one)[ahead])


def test_a_certain_pool_is_covered_like_any_other():
    """Where all are certain, all are equally uncertain: the least uncertainty counts."""
    signals = Signals(probabilities=np.eye(3), embeddings=np.eye(3))
    coverage = pool_coverage(signals, torch.ones(3, 2), 1, np.random.RandomState(0))
    assert float(coverage.gain(torch.ones(3))) == pytest.approx(1, abs=1e-4)


def test_losses_are_clipped_at_their_95th_percentile_padding_aside():
    losses = torch.arange(1.0, 42.0)
    padded = torch.stack([torch.cat([losses, torch.full((9,), 99.0)]), torch.arange(50.0)])
    mask = torch.ones(2, 50, dtype=torch.bool)
    mask[0, 41:] = False
    clipped = clip_losses(padded, mask)
    assert clipped[0, :41].tolist() == losses.clamp_max(39.0).tolist()
    assert (clipped[0, 41:] == 0).all()
    assert clipped[1].max() == 47.0
