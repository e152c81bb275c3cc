"""GLISTER and BAIT against slow references, and on cases made for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skautoal.signals import Signals
from skautoal.strategies import BAIT, Glister
from tests._helpers import make_signals
from tests._internals import glister_gains, glister_head_gradient, internal

seeds = st.integers(0, 10_000)


# ---------------------------------------------------------------- GLISTER


def likelihood(logits, codes):
    return torch.log_softmax(logits, 1)[torch.arange(len(codes)), codes].mean()


@given(n_classes=st.integers(2, 4), d=st.integers(1, 4), seed=seeds)
def test_the_gain_is_the_slope_of_the_likelihood_along_a_step_on_a_sample(n_classes, d, seed):
    signals = make_signals(6, n_classes=n_classes, d=d, seed=seed)
    H, codes = signals.labeled.embeddings, signals.codes
    residuals, H_pool = signals.gradient_factors
    gains = glister_gains(
        residuals, H_pool, glister_head_gradient(signals.labeled.logits, H, codes)
    )
    for row in range(6):
        rate = torch.zeros((), dtype=torch.double, requires_grad=True)
        step = rate * torch.outer(residuals[row], H_pool[row])  # of the weights, (C, d)
        (slope,) = torch.autograd.grad(likelihood(signals.labeled.logits - H @ step.T, codes), rate)
        assert gains[row].item() == pytest.approx(slope.item(), abs=1e-10)


@settings(max_examples=20)
@given(n_classes=st.integers(2, 4), seed=seeds, rate=st.sampled_from([0.01, 0.5, 3.0]))
def test_glister_moves_the_head_after_each_pick(n_classes, seed, rate):
    signals = make_signals(9, n_classes=n_classes, d=3, seed=seed)
    logits, H = signals.labeled.logits, signals.labeled.embeddings
    steps = [torch.outer(a, h) for a, h in zip(*signals.gradient_factors, strict=True)]
    moved, batch = torch.zeros(n_classes, 3, dtype=torch.double), []
    for _ in range(5):
        W = moved.clone().requires_grad_()
        (slope,) = torch.autograd.grad(likelihood(logits + H @ W.T, signals.codes), W)
        gains = [
            -float((slope * step).sum()) if i not in batch else -np.inf
            for i, step in enumerate(steps)
        ]
        batch.append(int(np.argmax(gains)))
        moved = moved - rate * steps[batch[-1]]
    picks = Glister(learning_rate=rate).select(signals, 5, random_state=seed)
    assert picks.tolist() == batch


def test_glister_picks_what_the_labelled_set_lacks():
    """The head underestimates class 2 of its labelled samples; the pool's class 2 is random."""
    rng = np.random.RandomState(0)
    centres = 3 * np.eye(3)
    codes, classes = np.arange(30) % 3, np.arange(90) % 3
    H = centres[codes] + 0.3 * rng.standard_normal((30, 3))
    H_pool = centres[classes] + 0.3 * rng.standard_normal((90, 3))
    bias = np.array([0.0, 0.0, -2.0])
    labeled = Signals(logits=H + bias, embeddings=H)
    signals = Signals(logits=H_pool + bias, embeddings=H_pool, labeled=labeled, codes=codes)
    picks = Glister().select(signals, 6, random_state=0)
    lacking = classes == 2
    right = signals.probabilities.argmax(1).numpy() == 2
    assert (lacking & right)[picks].all()
    assert (lacking & right).mean() < 0.34


def test_glister_without_labels_is_random():
    signals = make_signals(n_labeled=0)
    firsts = {int(Glister().select(signals, 1, random_state=seed)[0]) for seed in range(30)}
    assert len(firsts) > 10


def test_glister_refuses_a_wrong_rate():
    with pytest.raises(ValueError, match=r"'learning_rate' must be .* > 0; got -1"):
        Glister(learning_rate=-1).select(make_signals(), 1)


# ---------------------------------------------------------------- BAIT


def fisher(p, h):
    return np.kron(np.outer(h, h), np.diag(p) - np.outer(p, p))


def trace_fisher(p, h):
    return (1 - (p**2).sum()) * np.outer(h, h)


def bait_problem(signals, regularization, rule):
    """Information of each pool sample, and of the labelled ones with the prior."""

    def of(part):
        P, H = part.probabilities.numpy(), part.embeddings.numpy()
        return [rule(p, h) for p, h in zip(P, H, strict=True)]

    pool = of(signals)
    return pool, regularization * np.eye(len(pool[0])) + sum(of(signals.labeled))


def objective(pool, known, batch):
    return np.trace(np.linalg.inv(known + sum(pool[i] for i in batch)) @ np.mean(pool, axis=0))


def bait_by_hand(pool, known, b):
    batch = []
    for _ in range(min(2 * b, len(pool))):
        left = [i for i in range(len(pool)) if i not in batch]
        batch.append(min(left, key=lambda i: objective(pool, known, [*batch, i])))
    while len(batch) > b:
        without = [[j for j in batch if j != i] for i in batch]
        batch = min(without, key=lambda rest: objective(pool, known, rest))
    return batch


@settings(max_examples=20)
@given(n_classes=st.integers(2, 3), d=st.integers(1, 3), b=st.integers(1, 5), seed=seeds)
def test_bait_is_greedy_forward_and_backward(n_classes, d, b, seed):
    signals = make_signals(8, n_classes=n_classes, d=d, n_labeled=3, seed=seed)
    pool, known = bait_problem(signals, 0.5, fisher)
    picks = BAIT(regularization=0.5).select(signals, b, random_state=seed)
    assert picks.tolist() == bait_by_hand(pool, known, b)


@settings(max_examples=20)
@given(n_classes=st.integers(2, 5), b=st.integers(1, 5), seed=seeds)
def test_bait_approximates_by_the_trace_over_classes(n_classes, b, seed):
    signals = make_signals(9, n_classes=n_classes, d=3, n_labeled=3, seed=seed)
    pool, known = bait_problem(signals, 1.0, trace_fisher)
    approximate = BAIT(max_parameters=1).select(signals, b, random_state=seed)
    assert approximate.tolist() == bait_by_hand(pool, known, b)


def test_two_classes_need_no_approximation():
    for seed in range(5):
        signals = make_signals(40, n_classes=2, d=6, seed=seed)
        exact = BAIT().select(signals, 7, random_state=0)
        assert BAIT(max_parameters=1).select(signals, 7, random_state=0).tolist() == exact.tolist()


@pytest.mark.parametrize("limit", [10**6, 1])
def test_bait_lowers_the_objective_below_random_batches(limit):
    signals = make_signals(100, n_classes=5, d=6, seed=1)
    pool, known = bait_problem(signals, 1.0, fisher)
    picks = BAIT(max_parameters=limit).select(signals, 8, random_state=0)
    rng = np.random.RandomState(0)
    random = [objective(pool, known, rng.permutation(100)[:8]) for _ in range(200)]
    assert objective(pool, known, picks) < min(random)


def test_bait_in_small_blocks_is_the_same(monkeypatch):
    signals = make_signals(40)
    expected = BAIT().select(signals, 6, random_state=0).tolist()
    monkeypatch.setattr(*internal("distances.block_elements"), 1)
    assert BAIT().select(signals, 6, random_state=0).tolist() == expected


def test_bait_gives_up_the_exact_form_for_large_pools(monkeypatch):
    signals = make_signals(60, n_classes=5)
    approximate = BAIT(max_parameters=1).select(signals, 9, random_state=0).tolist()
    assert BAIT().select(signals, 9, random_state=0).tolist() != approximate
    monkeypatch.setattr(*internal("bait.max_factor_elements"), 60 * 25 - 1)
    assert BAIT().select(signals, 9, random_state=0).tolist() == approximate


@pytest.mark.parametrize("limit", [512, 1])
def test_updates_stay_accurate_over_many_picks(limit):
    signals = make_signals(150, n_classes=3, d=8)
    order = torch.arange(150)
    candidates = BAIT(max_parameters=limit)._candidates(signals, order)
    for row in [*range(100), *range(50)]:
        candidates.take(order[row])
    rule = fisher if limit == 512 else trace_fisher
    pool, known = bait_problem(signals, 1.0, rule)
    expected = np.linalg.inv(known + sum(pool[:100]) + sum(pool[:50]))
    np.testing.assert_allclose(candidates.inverse, expected, atol=1e-9)
    for row in range(50):
        candidates.take(order[row], sign=-1)
    before = objective(pool, known, range(100))
    losses = candidates.losses()
    for row in range(5):
        rest = [i for i in range(100) if i != row]
        assert losses[row].item() == pytest.approx(objective(pool, known, rest) - before, abs=1e-9)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"regularization": 0.0}, r"'regularization' must be .* > 0; got 0\.0"),
        ({"max_parameters": 0}, "'max_parameters' must be an integer >= 1; got 0"),
    ],
)
def test_bait_refuses_wrong_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        BAIT(**params).select(make_signals(), 1)
