"""BatchBALD and EPIG against enumerations, and on cases made for them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skautoal.signals import Signals
from skautoal.strategies import BALD, EPIG, BatchBALD
from tests._helpers import make_signals
from tests._internals import JointLabels, internal


def draw_passes(n_passes, n, n_classes, seed, sharpness=1.0):
    rng = np.random.RandomState(seed)
    passes = rng.dirichlet(np.full(n_classes, 1 / sharpness), (n_passes, n))
    return (
        np.where(passes < 1e-3, 0, passes) / np.where(passes < 1e-3, 0, passes).sum(-1)[..., None]
    )


def entropy(p):
    return -sum(x * math.log(x) for x in np.ravel(p) if x > 0)


def joint_information(passes, batch):
    """I(y_1, ..., y_b; pass) by the sum over all joint labels."""
    joint = np.zeros([passes.shape[2]] * len(batch))
    for labels in itertools.product(range(passes.shape[2]), repeat=len(batch)):
        per_pass = [
            math.prod(p[row, c] for row, c in zip(batch, labels, strict=True)) for p in passes
        ]
        joint[labels] = np.mean(per_pass)
    return entropy(joint) - sum(np.mean([entropy(p[row]) for p in passes]) for row in batch)


sizes = {"n_passes": st.integers(1, 4), "n": st.integers(1, 6), "n_classes": st.integers(2, 3)}
seeds = st.integers(0, 10_000)


# ---------------------------------------------------------------- BatchBALD


@settings(max_examples=25)
@given(**sizes, seed=seeds, b=st.integers(1, 4))
def test_batch_bald_is_greedy_on_the_joint_information(n_passes, n, n_classes, seed, b):
    passes = draw_passes(n_passes, n, n_classes, seed, sharpness=3.0)
    picks = BatchBALD().select(Signals(mc_probabilities=passes), min(b, n), random_state=seed)
    batch = []
    for pick in picks:
        gains = {
            row: joint_information(passes, [*batch, row]) for row in range(n) if row not in batch
        }
        assert gains[pick] == pytest.approx(max(gains.values()), abs=1e-10)
        batch.append(int(pick))


@given(**sizes, seed=seeds)
def test_gains_are_the_increase_of_the_joint_information(n_passes, n, n_classes, seed):
    passes = draw_passes(n_passes, n, n_classes, seed)
    rows = torch.arange(n)
    joint = JointLabels(torch.as_tensor(passes), rows, 10_000, np.random.RandomState(0))
    for taken in range(min(n, 3)):
        before = joint_information(passes, range(taken)) if taken else 0.0
        expected = [joint_information(passes, [*range(taken), row]) - before for row in range(n)]
        np.testing.assert_allclose(joint.gains(rows), expected, atol=1e-10)
        joint.take(rows[taken])


@pytest.mark.parametrize(("bound", "error"), [(30, 0.06), (500, 0.012)])
def test_drawn_configurations_estimate_the_gains_over_all(bound, error):
    passes = torch.as_tensor(draw_passes(8, 20, 3, seed=0))
    rows = torch.arange(20)
    exact = JointLabels(passes, rows, 10**6, np.random.RandomState(0))
    for row in range(7):
        exact.take(rows[row])
    estimates = []
    for seed in range(30):
        drawn = JointLabels(passes, rows, bound, np.random.RandomState(seed))
        for row in range(7):
            drawn.take(rows[row])
        assert len(drawn.weights) == bound
        estimates.append(drawn.gains(rows))
    off = torch.stack(estimates) - exact.gains(rows)
    assert len(exact.weights) == 3**7
    assert off.mean(0).abs().max() < error  # the gains are about 0.1
    assert 3 * off.mean(0).abs().max() < off.abs().max()


def test_a_batch_drawn_is_nearly_as_informative_as_the_exact_one():
    passes = draw_passes(10, 30, 2, seed=1, sharpness=3.0)
    signals = Signals(mc_probabilities=passes)
    exact = joint_information(passes, BatchBALD().select(signals, 8, random_state=0))
    drawn = BatchBALD(max_configurations=30).select(signals, 8, random_state=0)
    top = BALD().select(signals, 8, random_state=0)
    assert joint_information(passes, drawn) > 0.95 * exact
    assert joint_information(passes, top) < joint_information(passes, drawn)


def test_batch_bald_starts_like_bald_and_takes_no_copies():
    passes = draw_passes(6, 10, 3, seed=2, sharpness=5.0).repeat(4, axis=1)  # each row four times
    signals = Signals(mc_probabilities=passes)
    scores = BALD().scores(signals)
    picks = BatchBALD().select(signals, 4, random_state=0)
    assert scores[picks[0]] == scores.max()
    top = BALD().select(signals, 4, random_state=0)
    assert len({pick // 4 for pick in picks}) > len({pick // 4 for pick in top}) == 1


def test_batch_bald_refuses_a_wrong_bound():
    with pytest.raises(ValueError, match="'max_configurations' must be an integer >= 1; got 0"):
        BatchBALD(max_configurations=0).select(make_signals(), 1)


# ---------------------------------------------------------------- EPIG


def pair_information(passes, a, b):
    joint = np.mean([np.outer(p[a], p[b]) for p in passes], axis=0)
    return entropy(joint.sum(1)) + entropy(joint.sum(0)) - entropy(joint)


@given(**sizes, seed=seeds)
def test_epig_is_the_mean_information_about_all_targets(n_passes, n, n_classes, seed):
    passes = draw_passes(n_passes, n, n_classes, seed)
    expected = [np.mean([pair_information(passes, a, b) for b in range(n)]) for a in range(n)]
    scores = EPIG().scores(Signals(mc_probabilities=passes))
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_sampled_targets_estimate_the_mean_over_all_without_favour():
    passes = draw_passes(5, 24, 3, seed=3, sharpness=3.0)
    signals = Signals(mc_probabilities=passes)
    exact = EPIG().scores(signals).numpy()
    drawn = np.array([EPIG(n_targets=4).scores(signals, seed).numpy() for seed in range(300)])
    assert drawn.std(0).min() > 0
    offset = np.abs(drawn.mean(0) - exact) / (drawn.std(0) / 300**0.5)
    assert offset.max() < 4  # in standard errors, over 24 rows


def test_epig_in_small_blocks_is_the_same(monkeypatch):
    signals = make_signals(40, n_classes=3)
    expected = EPIG().scores(signals, 0)
    monkeypatch.setattr(*internal("distances.block_elements"), 1)
    torch.testing.assert_close(EPIG().scores(signals, 0), expected)


def test_epig_leaves_out_what_matters_nowhere_else():
    """Each oddity has a coin of its own; the crowd shares one, which it shows less clearly."""
    rng = np.random.RandomState(0)
    crowd = np.repeat(rng.permutation([0.2, 0.8] * 8)[:, None], 20, axis=1)
    odd = np.stack([rng.permutation([0.02, 0.98] * 8) for _ in range(5)], axis=1)
    p = np.concatenate([crowd, odd], axis=1)
    signals = Signals(mc_probabilities=np.stack([p, 1 - p], axis=2))
    assert set(BALD().select(signals, 5, random_state=0)) == set(range(20, 25))
    assert (EPIG().select(signals, 5, random_state=0) < 20).all()


def test_epig_refuses_a_wrong_number_of_targets():
    with pytest.raises(ValueError, match=r"'n_targets' must be an integer >= 1; got 1\.5"):
        EPIG(n_targets=1.5).select(make_signals(), 1)
