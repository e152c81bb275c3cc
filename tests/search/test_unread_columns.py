"""Joint herding does not depend on columns that say nothing, nor on units."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, make_blobs
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from skautoal import AutoALSampler
from skautoal.modules import MLP
from tests._helpers import make_net
from tests._internals import columns_read, isolated_rng

COLUMNS = {
    "small": lambda rng, n: rng.standard_normal(n),
    "larger": lambda rng, n: 10 * rng.standard_normal(n),
    "large": lambda rng, n: 1000 * rng.standard_normal(n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n),
    "rare": lambda rng, n: 1.0 * (rng.random_sample(n) < 0.02),
}
TASKS = {
    "digits": lambda seed: load_digits(return_X_y=True),
    "blobs": lambda seed: make_blobs(700, 10, centers=5, cluster_std=4, random_state=seed),
    "breast cancer": lambda seed: load_breast_cancer(return_X_y=True),
}


class FirstColumns(nn.Module):
    """Leaves out all but the first ``d`` columns."""

    def __init__(self, d, n_classes):
        super().__init__()
        self.d, self.mlp = d, MLP(n_features=d, n_classes=n_classes, hidden=16)

    def forward(self, X):
        return self.mlp(X[:, : self.d])


def picks(X, y, d, seed):
    net = NeuralNetClassifier(
        FirstColumns,
        module__d=d,
        module__n_classes=len(np.unique(y)),
        criterion=nn.CrossEntropyLoss,
        max_epochs=5,
        lr=0.1,
        verbose=0,
    )
    sampler = AutoALSampler(net, ["margin", "entropy"], random_state=seed).fit(X[:60], y[:60])
    return set(sampler.query(X[60:], 20).tolist())


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_a_column_that_the_net_never_reads_keeps_the_picks(task, column):
    kept = []
    for seed in range(8):
        rng = np.random.RandomState(seed)
        X, y = task(seed)
        rows = rng.permutation(len(X))[:500]
        X, y = StandardScaler().fit_transform(X)[rows].astype(np.float32), y[rows]
        more = np.column_stack([X, column(rng, len(X))]).astype(np.float32)
        kept.append(len(picks(X, y, X.shape[1], seed) & picks(more, y, X.shape[1], seed)))
    assert np.mean(kept) >= 17
    assert min(kept) >= 14


def test_columns_that_are_read_are_found():
    net = make_net(FirstColumns, module__d=3, module__n_classes=2)
    x = torch.as_tensor(np.random.RandomState(0).standard_normal((20, 5)), dtype=torch.float32)
    assert columns_read(net, x).tolist() == [True] * 3 + [False] * 2
    assert x.requires_grad is False


class Deaf(nn.Module):
    """Its outputs have no gradient."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 2)

    def forward(self, X):
        return self.head(X).detach()


class Softmax(nn.Module):
    """Probabilities, whose gradients cancel in a sum."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 3)

    def forward(self, X):
        return self.head(X).softmax(1)


@pytest.mark.parametrize("module", [Deaf, Softmax])
def test_every_column_counts_where_no_gradient_says_otherwise(module):
    with isolated_rng(0):
        x = torch.randn(8, 2)
    assert columns_read(make_net(module), x).all()
