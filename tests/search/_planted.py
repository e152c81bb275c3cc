"""Planted tasks: which samples are worth a label, and which strategy knows, is decided here.

A fifth of the samples is hard: their labels are drawn at random, so that no net predicts
them, and their held-out loss is high. A strategy is right where it finds hard samples.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from skautoal import AutoALSampler
from skautoal.modules import MLP
from skautoal.strategies import FunctionStrategy
from tests._helpers import make_net, trained_once

N_POOL, BATCH, N_CLASSES = 500, 20, 4


def planted(n_labeled, seed):
    """Labelled samples, labels, pool and the hard rows of the pool.

    Columns: 0 says left or right, 1 and 5 decide the label, 2 is 1 for hard samples; the others
    hold numbers that strategies draw from.
    """
    rng = np.random.RandomState(seed)
    X = rng.uniform(-1, 1, (n_labeled + N_POOL, 6)).astype(np.float32)
    hard = rng.random_sample(len(X)) < 0.2
    X[:, 2] = hard
    y = 2 * (X[:, 1] > 0) + (X[:, 5] > 0)
    y = np.where(hard, rng.randint(N_CLASSES, size=len(X)), y).astype(np.int64)
    y[: 2 * N_CLASSES] = np.arange(2 * N_CLASSES) % N_CLASSES
    return X[:n_labeled], y[:n_labeled], X[n_labeled:], hard[n_labeled:]


def strategy(function, name):
    """A strategy that scores raw samples (n, 6)."""

    def score(signals):
        return function(np.asarray(signals.X))

    score.__name__ = name
    return FunctionStrategy(score, needs=("network",))


def noise(X, column):
    """Numbers between 0 and 1 that follow the sample and say nothing."""
    return np.mod(np.abs(X[:, 3] * 1e3 * (column + 1) + X[:, 4] * 7e3), 1.0)


def right_in_a_half(side):
    """Finds hard samples in one half, knows nothing of the other; the sum of two is right."""

    def score(X):
        here = X[:, 0] < 0 if side == "left" else X[:, 0] >= 0
        own = np.where(X[:, 2] > 0, 2.0, -1.0) + noise(X, 0) / 10
        return np.where(here, own, noise(X, side == "left"))

    return strategy(score, side)


def wrong_in_a_half(side):
    """Finds hard samples in one half, and the easy ones in the other."""

    def score(X):
        here = X[:, 0] < 0 if side == "left" else X[:, 0] >= 0
        worth = np.where(here, X[:, 2] > 0, X[:, 2] == 0)
        return worth + noise(X, side == "left")

    return strategy(score, side)


def good():
    return strategy(lambda X: X[:, 2] + noise(X, 0), "good")


def adversarial():
    return strategy(lambda X: -X[:, 2] + noise(X, 1), "adversarial")


def silent(column):
    """Knows nothing."""
    return strategy(lambda X: noise(X, column), f"noise_{column}")


def halves():
    return [right_in_a_half("left"), right_in_a_half("right")]


def wrong_halves():
    return [wrong_in_a_half("left"), wrong_in_a_half("right")]


def good_and_adversarial():
    return [good(), adversarial()]


def one_of_fifteen():
    return [good(), *(silent(column) for column in range(14))]


def one_of_six():
    return [good(), *(silent(column) for column in range(5))]


def three_silent():
    return [silent(0), silent(1), silent(2)]


def copies():
    return [("one", good()), ("two", good()), ("three", good()), ("bad", adversarial())]


@cache
def hits(make, n_labeled, seed, search=None, **params):
    """Share of hard samples in the batch of a query, and the sampler.

    ``make`` returns the strategies; what it was asked before is remembered.
    """
    X, y, pool, hard = planted(n_labeled, seed)
    net = make_net(
        MLP,
        module__n_features=6,
        module__n_classes=N_CLASSES,
        module__hidden=32,
        max_epochs=15,
        batch_size=32,
        lr=0.2,
    )
    sampler = AutoALSampler(net, make(), random_state=seed, search=search, **params)
    with trained_once("planted"):
        sampler.fit(X, y)
    return hard[sampler.query(pool, BATCH)].mean(), sampler


def mean_hits(make, n_labeled, seeds, search=None, **params):
    """Mean of :func:`hits` over seeds."""
    return np.mean([hits(make, n_labeled, seed, search, **params)[0] for seed in seeds])
