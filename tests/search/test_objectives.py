"""What a soft selection is worth: values of labels, coverage of the pool."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skautoal.signals import Signals
from tests._helpers import make_signals, take_signals
from tests._internals import (
    Coverage,
    SimulatedPool,
    clip_losses,
    label_gain,
    label_values,
    pool_coverage,
)


def simulated_pool(n=11, C=3, d=4, seed=0):
    """A pool judged by a random linear head, in double precision, with that head."""
    rng = np.random.RandomState(seed)
    embeddings = torch.as_tensor(rng.standard_normal((n, d)))
    H = torch.cat([embeddings, torch.ones(n, 1)], dim=1)
    W = torch.as_tensor(rng.standard_normal((d + 1, C)))
    codes = torch.as_tensor(rng.randint(C, size=n))
    P = (H @ W).softmax(1)
    losses = F.cross_entropy(H @ W, codes, reduction="none")
    residuals = P - F.one_hot(codes, C)
    signals = Signals(probabilities=P, embeddings=embeddings)
    pool = SimulatedPool(np.arange(n), signals, residuals, losses)
    return pool, H, W, codes


def test_loss_is_clipped_so_that_a_wrong_label_does_not_dominate():
    pool, *_ = simulated_pool(40)
    pool.losses[3] = 1e6
    values = label_values(pool, "loss", np.random.RandomState(0))
    low = values < values.max()
    assert torch.equal(values[low], pool.losses[low])
    assert values[3] == values.max() < 10
    assert pool.losses[3] == 1e6


@pytest.mark.parametrize("n", [2, 11])
def test_bilevel_is_the_drop_of_the_loss_of_others_after_a_step(n):
    pool, H, W, codes = simulated_pool(n)
    values = label_values(pool, "bilevel", np.random.RandomState(3))
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
    pool, *_ = simulated_pool(1)
    assert label_values(pool, "bilevel", np.random.RandomState(0)).tolist() == [0.0]


def test_label_gain_is_the_mean_value_of_what_is_selected():
    values = torch.tensor([[3.0, 1.0, 0.0], [2.0, 0.0, 0.0]])
    p = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    assert label_gain(p, values) == (3 + 1) / 2


# ---------------------------------------------------------------- coverage


@pytest.fixture
def coverage():
    rng = np.random.RandomState(0)
    kernel, weights, covered = rng.uniform(size=(6, 9)), rng.uniform(size=9), rng.uniform(size=9)
    arrays = (torch.as_tensor(a) for a in (kernel, weights, 1 - covered))
    return Coverage(torch.arange(6), *arrays)


def test_coverage_is_the_noisy_or_by_hand(coverage):
    p = np.random.RandomState(1).uniform(size=6)
    gain = 0.0
    for j, u in enumerate(coverage.weights.tolist()):
        missed = 1.0
        for i in range(6):
            missed *= 1 - p[i] * float(coverage.kernel[i, j])
        m = 1 - float(coverage.open[j])
        gain += u * ((1 - (1 - m) * missed) - m)
    assert float(coverage.gain(torch.as_tensor(p))) == pytest.approx(gain, rel=1e-12)


def test_gradient_of_the_coverage(coverage):
    p = torch.as_tensor(np.random.RandomState(1).uniform(0.05, 0.95, size=6)).requires_grad_()
    assert torch.autograd.gradcheck(coverage.gain, (p,))


def test_a_sure_and_identical_candidate_keeps_the_gradient_finite():
    coverage = Coverage(torch.arange(2), torch.eye(2), torch.ones(2) / 2, torch.ones(2))
    p = torch.tensor([1.0, 0.0], requires_grad=True)
    coverage.gain(p).backward()
    assert torch.isfinite(p.grad).all()
    assert coverage.gain(torch.ones(2)) == pytest.approx(1, abs=1e-5)


def test_coverage_of_a_pool():
    signals = make_signals(30)
    utilities = torch.rand(30, 3, generator=torch.Generator().manual_seed(0))
    coverage = pool_coverage(signals, utilities, 5, np.random.RandomState(0))
    assert sorted(coverage.candidates.tolist()) == list(range(30))  # few rows: all of them
    assert float((coverage.weights * coverage.open).sum()) == pytest.approx(1, abs=1e-6)
    # Everything selected covers everything.
    assert float(coverage.gain(torch.ones(30))) == pytest.approx(1, abs=1e-4)
    ordered = signals.probabilities.sort(dim=1, descending=True).values
    uncertainty = 1 - (ordered[:, 0] - ordered[:, 1])
    targets = coverage.kernel.argmax(0)  # a target is most similar to itself
    shares = coverage.weights / coverage.weights.sum()
    expected = uncertainty[coverage.candidates][targets]
    torch.testing.assert_close(shares, (expected / expected.sum()).float())


def test_the_best_gain_is_one_however_little_is_uncertain():
    P = np.array([[0.9, 0.1], [0.95, 0.05], [0.8, 0.2]])
    signals = Signals(probabilities=P, embeddings=np.eye(3))
    coverage = pool_coverage(signals, torch.ones(3, 2), 1, np.random.RandomState(0))
    assert float(coverage.gain(torch.ones(3))) == pytest.approx(1, abs=1e-4)


def test_candidates_of_a_large_pool_are_the_favourites():
    n, K, b = 1_500, 3, 20
    rng = np.random.RandomState(0)
    signals = Signals(
        probabilities=rng.dirichlet(np.ones(3), n), embeddings=rng.standard_normal((n, 4))
    )
    utilities = torch.as_tensor(rng.uniform(size=(n, K)), dtype=torch.float32)
    coverage = pool_coverage(signals, utilities, b, np.random.RandomState(0))
    assert len(coverage.candidates) <= 512
    assert coverage.kernel.shape == (len(coverage.candidates), 512)
    for column in utilities.T:
        assert set(column.topk(b).indices.tolist()) <= set(coverage.candidates.tolist())


def test_coverage_follows_the_rows():
    signals, rows = make_signals(30), np.random.RandomState(2).permutation(30)
    utilities = torch.rand(30, 3, generator=torch.Generator().manual_seed(0))
    one = pool_coverage(signals, utilities, 5, np.random.RandomState(0))
    moved = pool_coverage(take_signals(signals, rows), utilities[rows], 5, np.random.RandomState(0))
    assert rows[moved.candidates].tolist() == one.candidates.tolist()
    torch.testing.assert_close(moved.kernel, one.kernel)


def test_a_certain_pool_has_nothing_to_cover():
    signals = Signals(probabilities=np.eye(3), embeddings=np.eye(3))
    coverage = pool_coverage(signals, torch.ones(3, 2), 1, np.random.RandomState(0))
    assert coverage.gain(torch.full((3,), 1 / 3)) == 0


def test_losses_are_clipped_at_their_95th_percentile_padding_aside():
    losses = torch.arange(1.0, 42.0)
    padded = torch.stack([torch.cat([losses, torch.full((9,), 99.0)]), torch.arange(50.0)])
    mask = torch.ones(2, 50, dtype=torch.bool)
    mask[0, 41:] = False
    clipped = clip_losses(padded, mask)
    assert clipped[0, :41].tolist() == losses.clamp_max(39.0).tolist()
    assert (clipped[0, 41:] == 0).all()
    assert clipped[1].max() == 47.0
