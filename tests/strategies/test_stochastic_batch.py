"""Sampling batches by score: the chances of the paper, and their limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from skautoal.signals import Signals
from skautoal.strategies import (
    BADGE,
    BALD,
    Entropy,
    FunctionStrategy,
    Margin,
    PowerBALD,
    PowerMargin,
    StochasticBatch,
)
from tests._helpers import make_signals, take_signals

SCORES = np.array([0.1, 0.4, 0.2, 0.9, 0.4])
RANKS = np.array([5, 2.5, 4, 1, 2.5])
CHANCES = {"power": SCORES**2, "softmax": np.exp(2 * SCORES), "softrank": RANKS**-2.0}


def given_scores(scores, **params):
    """Draws by ``scores`` for strategy and signals of five different rows."""
    signals = Signals(embeddings=np.arange(len(scores))[:, None])
    rule = FunctionStrategy(lambda signals: np.asarray(scores), needs=("embeddings",))
    return StochasticBatch(rule, **params), signals


@pytest.mark.parametrize("transform", CHANCES)
def test_first_picks_come_with_their_chances(transform):
    strategy, signals = given_scores(SCORES, beta=2.0, transform=transform)
    state = np.random.RandomState(0)
    firsts = [strategy.select(signals, 3, random_state=state)[0] for _ in range(3000)]
    expected = CHANCES[transform] / CHANCES[transform].sum() * 3000
    assert chisquare(np.bincount(firsts, minlength=5), expected).pvalue > 1e-3
    other = CHANCES["softmax" if transform != "softmax" else "power"]
    wrong = chisquare(np.bincount(firsts, minlength=5), other / other.sum() * 3000)
    assert wrong.pvalue < 1e-3


def test_later_picks_are_drawn_from_what_is_left():
    strategy, signals = given_scores(SCORES)
    state = np.random.RandomState(1)
    picks = [strategy.select(signals, 2, random_state=state) for _ in range(3000)]
    after_best = np.bincount([second for first, second in picks if first == 3], minlength=5)
    left = np.where(np.arange(5) == 3, 0, SCORES)
    expected = left / left.sum() * after_best.sum()
    assert after_best[3] == 0
    assert chisquare(after_best[expected > 0], expected[expected > 0]).pvalue > 1e-3


@pytest.mark.parametrize("transform", CHANCES)
def test_a_large_beta_gives_the_top(transform):
    strategy, signals = given_scores([0.1, 0.5, 0.2, 0.9, 0.4], beta=1e6, transform=transform)
    assert strategy.select(signals, 5, random_state=0).tolist() == [3, 1, 4, 2, 0]


def test_scores_of_zero_come_last_whatever_beta_is():
    strategy, signals = given_scores([0.0, 1e-300, 0.0, 1.0, 0.0], beta=1e-6)
    for seed in range(20):
        picks = strategy.select(signals, 5, random_state=seed)
        assert set(picks[:2]) == {1, 3}


@pytest.mark.parametrize(
    ("own", "wrapped"),
    [
        (PowerBALD(beta=3.0), BALD()),
        (
            PowerMargin(beta=3.0),
            FunctionStrategy(lambda signals: 1 + Margin().scores(signals), needs=Margin.needs),
        ),
    ],
)
def test_power_strategies_are_the_wrapper_around_theirs(own, wrapped):
    signals = make_signals()
    for seed in range(10):
        expected = StochasticBatch(wrapped, beta=3.0).select(signals, 8, random_state=seed)
        assert own.select(signals, 8, random_state=seed).tolist() == expected.tolist()


def test_noise_follows_the_rows():
    signals = make_signals()
    permutation = np.random.RandomState(0).permutation(30)
    for transform in CHANCES:
        strategy = StochasticBatch(Entropy(), transform=transform)
        picks = strategy.select(take_signals(signals, permutation), 8, random_state=3)
        expected = strategy.select(signals, 8, random_state=3)
        assert permutation[picks].tolist() == expected.tolist()


def test_the_wrapper_needs_what_the_strategy_needs():
    strategy = StochasticBatch(BALD())
    assert strategy.needs == ("mc_probabilities",)
    assert strategy.name == "StochasticBatch(BALD)"
    assert strategy.set_params(beta=2.0, strategy=Entropy()).needs == ("probabilities",)


def test_a_batch_is_more_diverse_than_the_top():
    """Many copies of the best sample fill the top, but not a sample."""
    P = np.array([[0.5, 0.5]] * 20 + [[0.5 + 0.01 * i, 0.5 - 0.01 * i] for i in range(1, 31)])
    signals = Signals(probabilities=P)
    assert (Entropy().select(signals, 10, random_state=0) < 20).all()
    assert (StochasticBatch(Entropy()).select(signals, 10, random_state=0) >= 20).sum() >= 3


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"strategy": BADGE()}, TypeError, r"'strategy' must be .* scores .*; got BADGE\(\)"),
        ({"strategy": Entropy}, TypeError, "'strategy' must be a strategy object"),
        ({"strategy": Entropy(), "beta": 0}, ValueError, r"'beta' must be .* > 0.*; got 0"),
        ({"strategy": Entropy(), "transform": "log"}, ValueError, "'transform' must be.*'log'"),
        ({"strategy": Margin()}, ValueError, "transform='power'.*Margin returned -.*softmax"),
    ],
)
def test_wrong_parameters_are_refused(params, error, message):
    with pytest.raises(error, match=message):
        StochasticBatch(**params).select(make_signals(), 1)
