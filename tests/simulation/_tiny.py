"""A tiny task and results made by hand, for the tests of the simulation."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import make_blobs
from skorch import NeuralNetClassifier
from torch import nn

from skautoal.modules import LinearHead
from skautoal.simulation import Budget, Results, Round, SimulationResult, Task

TINY = Budget("tiny", 6, 3, 2)


def tiny_net(n_features=3, n_classes=3, **params):
    return NeuralNetClassifier(
        LinearHead,
        module__n_features=n_features,
        module__n_classes=n_classes,
        criterion=nn.CrossEntropyLoss,
        train_split=None,
        verbose=0,
        **{"lr": 0.1, "max_epochs": 3, **params},
    )


def tiny_task(name="blobs", **params):
    X, y = make_blobs(90, n_features=3, centers=3, cluster_std=3.0, random_state=0)
    X = X.astype(np.float32)
    return Task(name, X[:60], y[:60], X[60:], y[60:], tiny_net(), **params)


def made_run(method, values, *, task="a", budget="low", seed=0, start=10, step=10, weights=()):
    """A run with the given accuracies and, for each query, weights."""
    rounds = [
        Round(
            n_labeled=start + step * number,
            accuracy=value,
            balanced_accuracy=value,
            log_loss=1 - value,
            half_accuracy=value,
            picked=[number],
            class_histogram=[1, 2],
            strategy_weights=weights[number - 1] if number and weights else None,
        )
        for number, value in enumerate(values)
    ]
    seconds = [0.5] * len(values)
    queries = [0.0] + [2.0 if method == "slow" else 0.5] * (len(values) - 1)
    return SimulationResult(method, task, budget, seed, rounds, seconds, queries)


def made_results():
    """Two settings, three methods, three seeds: slow > random > bad."""
    weights = [{"x": 0.25, "y": 0.75}, {"x": 0.5, "y": 0.5}]
    runs = []
    for task in ("a", "b"):
        for method, gain in (("random", 0.2), ("slow", 0.3), ("bad", 0.1)):
            for seed in range(3):
                end = 0.5 + gain + 0.01 * seed
                given = {"weights": weights} if method == "slow" else {}
                values = [0.5, (0.5 + end) / 2, end]
                runs.append(made_run(method, values, task=task, seed=seed, **given))
    return Results(runs)
