"""TCM changes over when its rule says, SelectAL finds the regime that was planted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier
from torch import nn

from skautoal import SelectALSampler, StrategySampler, TCMSampler
from skautoal.modules import MLP
from skautoal.search import stratified_splits
from skautoal.signals import Signals
from skautoal.strategies import Margin, RandomSampling, TypiClust
from tests._internals import errors_after_removal, highest_of_each_class, isolated_rng


def chosen_by(strategy, sampler, X, y, n_instances):
    """What a strategy alone would pick with the same net and the same seeds."""
    alone = StrategySampler(strategy=strategy, random_state=sampler.random_state)
    return alone.fit(X, y).query(X_POOL, n_instances)


X_POOL = np.random.RandomState(7).standard_normal((60, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("n_labeled", "phase", "strategy"), [(17, "initial", TypiClust()), (18, "final", Margin())]
)
def test_tcm_changes_over_at_so_many_labels_a_class(blobs, n_labeled, phase, strategy):
    X, y = blobs[0][:n_labeled], blobs[1][:n_labeled]
    sampler = TCMSampler(labels_per_class=6, random_state=4).fit(X, y)
    assert sampler.phase_ == phase
    expected = chosen_by(strategy, sampler, X, y, 5)
    assert_array_equal(sampler.query(X_POOL, 5), expected)


def test_tcm_counts_classes_that_have_no_label_yet(blobs):
    X, y = blobs
    rows = np.flatnonzero(y != 2)[:12]
    sampler = TCMSampler(labels_per_class=5, random_state=0)
    assert sampler.fit(X[rows], y[rows]).phase_ == "final"
    assert sampler.set_params(classes=[0, 1, 2]).fit(X[rows], y[rows]).phase_ == "initial"


def test_tcm_changes_over_after_so_many_rounds(blobs):
    X, y = blobs
    sampler = TCMSampler(n_initial_rounds=2, random_state=0)
    phases = [sampler.teach(X[:20], y[:20]).phase_]  # the first teach is a fit
    for start in (20, 25, 30):
        sampler.query(X[40:], 5)
        phases.append(sampler.teach(X[start : start + 5], y[start : start + 5]).phase_)
    assert phases == ["initial", "initial", "final", "final"]
    assert sampler.n_rounds_ == 3
    assert sampler.fit(X[:20], y[:20]).phase_ == "initial"


@given(st.integers(0, 10_000), st.integers(1, 30), st.floats(0.05, 0.95))
def test_highest_of_each_class(seed, n, share):
    rng = np.random.RandomState(seed)
    codes, scores = rng.randint(4, size=n), rng.permutation(n).astype(float)
    expected = []
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        quota = min(int(np.ceil(share * len(members))), len(members) - 1)
        expected += sorted(members, key=lambda i: -scores[i])[:quota]
    assert sorted(expected) == sorted(highest_of_each_class(scores, codes, share).tolist())


def planted(regime: str, seed: int) -> tuple[Signals, np.ndarray]:
    """Embeddings of two classes in which one kind of samples holds the rule."""
    rng = np.random.RandomState(seed)
    n = 120
    codes = np.arange(n) % 2
    rest = np.arange(n) // 2 % 3 == 0
    if regime == "high_budget":
        # Most of class 0 is far away: only its samples near the border tell where that is.
        first = np.where(codes == 0, np.where(rest, 0.4, -5.0), np.where(rest, 0.7, 1.2))
        H = np.column_stack([first, np.ones(n)]) + 0.03 * rng.standard_normal((n, 2))
    else:
        # Most of a class is a tight cluster, the rest is strewn over the other side.
        side = 2.0 * codes - 1
        strewn = np.column_stack([-side * rng.uniform(0.5, 2, n), rng.uniform(-3, 3, n)])
        tight = np.column_stack([side, np.zeros(n)]) + 0.05 * rng.standard_normal((n, 2))
        H = np.where(rest[:, None], strewn, tight)
    return Signals(embeddings=H, probabilities=np.full((n, 2), 0.5)), codes


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("regime", ["low_budget", "high_budget"])
def test_the_part_that_hurts_most_names_the_regime(regime, seed):
    signals, codes = planted(regime, seed)
    rng = np.random.RandomState(seed)
    splits = stratified_splits(codes, 3, rng)
    errors = errors_after_removal(signals, codes, splits, 0.5, rng, seed).mean(axis=1)
    assert ("low_budget", "mid_budget", "high_budget")[int(np.argmax(errors))] == regime, errors


@pytest.mark.parametrize(
    ("regime", "strategy"),
    [("low_budget", TypiClust()), ("high_budget", Margin()), ("mid_budget", RandomSampling())],
)
def test_the_regime_decides_the_strategy(blobs, regime, strategy):
    X, y = blobs[0][:30], blobs[1][:30]
    sampler = SelectALSampler(random_state=1).fit(X, y)
    assert sampler.regime_ == max(sampler.removal_errors_, key=sampler.removal_errors_.get)
    sampler.regime_ = regime
    expected = chosen_by(strategy, sampler, X, y, 6)
    assert_array_equal(sampler.query(X_POOL, 6), expected)


class SmallConvNet(nn.Module):
    """Images of eight by eight, ten classes."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.head = nn.Linear(72, 10)

    def forward(self, X):
        return self.head(self.body(X))


def frozen_trunk():
    module = MLP(n_features=64, n_classes=10, hidden=32)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    list(module.children())[-1].requires_grad_(True)
    return module


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (lambda: MLP(n_features=64, n_classes=10, hidden=32), (64,)),
        (SmallConvNet, (1, 8, 8)),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), (64,)),
        (frozen_trunk, (64,)),
    ],
    ids=["perceptron", "convolutions", "linear", "frozen trunk"],
)
def test_labels_at_random_are_not_known_to_what_judges_them(module, shape):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, *shape)).astype(np.float32)
    y = rng.randint(10, size=300)
    with isolated_rng(0):
        net = NeuralNetClassifier(
            module(), criterion=nn.CrossEntropyLoss, max_epochs=40, lr=0.1, verbose=0
        )
    sampler = SelectALSampler(net, random_state=0).fit(X, y)
    for error in sampler.removal_errors_.values():
        assert abs(error - 0.9) < 3 * (0.9 * 0.1 / 300) ** 0.5


def test_a_net_is_trained_from_the_start_that_its_module_had(blobs):
    """Also where the module is an object, which skorch trains itself."""
    X, y = blobs
    with isolated_rng(0):
        module = MLP(n_features=5, n_classes=3, hidden=8)
    start = [parameter.detach().clone() for parameter in module.parameters()]
    net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, max_epochs=5, lr=0.1)
    trained = StrategySampler(net, random_state=0).fit(X[:40], y[:40]).estimator_
    assert not any(map(torch.equal, trained.module_.parameters(), start))
    for again in (net.module, trained.module, clone(trained).initialize().module_):
        assert all(map(torch.equal, again.parameters(), start))


def test_nothing_is_held_out_from_a_trained_net_that_is_frozen(blobs):
    X, y = blobs
    net = StrategySampler(random_state=0).fit(X, y).estimator_
    sampler = SelectALSampler(FrozenEstimator(net)).fit(X[:30], y[:30])
    assert sampler.removal_errors_ == {}
    assert sampler.regime_ == "low_budget"


def test_a_single_label_a_class_is_the_regime_of_few_labels(blobs):
    X, y = blobs
    rows = [int(np.flatnonzero(y == c)[0]) for c in range(3)]
    sampler = SelectALSampler(random_state=0).fit(X[rows], y[rows])
    assert sampler.regime_ == "low_budget"
    assert sampler.removal_errors_ == {}


def test_equal_errors_are_the_regime_of_few_labels(blobs):
    X, y = blobs
    # Two labels a class leave one to learn from, which is never removed.
    rows = np.concatenate([np.flatnonzero(y == c)[:2] for c in range(3)])
    sampler = SelectALSampler(random_state=0).fit(X[rows], y[rows])
    assert len(set(sampler.removal_errors_.values())) == 1
    assert sampler.regime_ == "low_budget"
