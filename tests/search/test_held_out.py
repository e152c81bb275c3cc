"""Held-out sets: the net that is judged on them has not seen their labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from skautoal import AutoALSampler, Search
from skautoal.modules import MLP, LinearHead
from skautoal.search import stratified_splits
from skautoal.signals import Signals, compute_signals
from tests._helpers import ConvNet, candidates_of, make_net, make_signals, train
from tests._internals import (
    MAX_HELD_OUT,
    HeadFitNet,
    HeldOut,
    ModuleFitNet,
    inspect_net,
    trunk_learns,
    with_constant,
)

C = 5


class FrozenTrunk(nn.Module):
    """Random features that training leaves as they are, below a linear head."""

    def __init__(self, n_features: int = 8, n_classes: int = C):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(n_features, 24), nn.ReLU())
        self.trunk.requires_grad_(False)
        self.head = nn.Linear(24, n_classes)

    def forward(self, X):
        return self.head(self.trunk(X))


class FrozenConvNet(ConvNet):
    """All but the head is frozen."""

    def __init__(self, n_classes: int = C):
        super().__init__(n_classes)
        self.requires_grad_(False)
        self.head.requires_grad_(True)


NETS = {
    "frozen trunk": (lambda: make_net(FrozenTrunk, max_epochs=40, lr=0.2, batch_size=20), (8,)),
    "frozen convolutions": (
        lambda: make_net(FrozenConvNet, max_epochs=60, lr=0.3, batch_size=20),
        (1, 8, 8),
    ),
    "linear": (
        lambda: make_net(
            nn.Linear, module__in_features=8, module__out_features=C, max_epochs=20, lr=0.2
        ),
        (8,),
    ),
    "mlp": (
        lambda: make_net(
            MLP, module__n_features=8, module__n_classes=C, max_epochs=40, lr=0.2, batch_size=20
        ),
        (8,),
    ),
    "cnn": (
        lambda: make_net(ConvNet, module__n_classes=C, max_epochs=20, lr=0.1, batch_size=20),
        (1, 8, 8),
    ),
}


def random_labels(shape, seed, n=100):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, *shape)).astype(np.float32)
    return X, np.r_[np.arange(2 * C) % C, rng.randint(C, size=n - 2 * C)]


def accuracy(held_out, codes):
    hits = [s.probabilities.argmax(1).numpy() == codes[s.rows] for s in held_out]
    return np.concatenate(hits)


# ---------------------------------------------------------------- random labels


@pytest.mark.parametrize("name", NETS)
def test_on_random_labels_the_teacher_is_at_chance(name, monkeypatch):
    """The sets that the default search learns from, over several seeds."""
    make, shape = NETS[name]
    seen = []
    inner = HeldOut.of.__func__

    def of(cls, *args, **options):
        seen.append(inner(cls, *args, **options))
        return seen[-1]

    monkeypatch.setattr(HeldOut, "of", classmethod(of))
    in_sample, hits = [], []
    for seed in range(6):
        X, y = random_labels(shape, seed)
        seen.clear()
        search = Search("loss", n_steps=1, n_splits=1)
        sampler = AutoALSampler(make(), ["margin", "entropy"], search=search, random_state=seed)
        sampler.fit(X, y)
        assert sum(len(s.rows) for s in seen) == len(y)  # each label is held out once
        hits.append(accuracy(seen, y))
        in_sample.append((sampler.predict(X) == y).mean())
    hits = np.concatenate(hits)
    error = (0.2 * 0.8 / len(hits)) ** 0.5
    assert abs(hits.mean() - 1 / C) <= 3 * error
    # The task net has seen them: judged on it, the same labels look learned.
    assert np.mean(in_sample) > 1 / C + 3 * error


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_heads_on_a_trunk_that_learned_would_not_be_at_chance(name):
    """The reason for the rule: embeddings of a trained trunk know the labels."""
    make, shape = NETS[name]
    X, y = random_labels(shape, 0)
    net = train(make().set_params(max_epochs=150), X, y)
    signals, codes = compute_signals(net, X), torch.as_tensor(y)
    splits = stratified_splits(y, 2, np.random.RandomState(0))
    fit_net = HeadFitNet(signals, codes, splits, dropout_rate=0.0, n_passes=2, seed=0)
    found = np.mean(
        [
            (pool.signals.probabilities.argmax(1) == codes[pool.rows]).float().mean()
            for pool in fit_net.simulated_pools()
        ]
    )
    assert found > 0.5


@pytest.mark.parametrize(
    ("name", "fit_net", "expected"),
    [
        ("frozen trunk", "auto", HeadFitNet),
        ("frozen convolutions", "auto", HeadFitNet),
        ("linear", "auto", HeadFitNet),
        ("mlp", "auto", ModuleFitNet),
        ("cnn", "auto", ModuleFitNet),
        ("linear", "module", ModuleFitNet),
    ],
)
def test_heads_are_used_where_nothing_below_them_learns(name, fit_net, expected, monkeypatch):
    made = []
    for cls in (HeadFitNet, ModuleFitNet):
        inner = cls.simulated_pools
        monkeypatch.setattr(
            cls, "simulated_pools", lambda self, inner=inner: (made.append(self), inner(self))[1]
        )
    make, shape = NETS[name]
    X, y = random_labels(shape, 0, n=40)
    search = Search("loss", fit_net=fit_net, n_steps=1)
    AutoALSampler(make(), ["margin", "entropy"], search=search, random_state=0).fit(X, y)
    (found,) = made
    assert type(found) is expected
    # Copies of a module are trained twice at most, unless asked for.
    assert len(found.splits) == (2 if (fit_net, expected) == ("auto", ModuleFitNet) else 6)


# ---------------------------------------------------------------- trunks


def learns(module, X=None, **params):
    net = make_net(module, **params)
    X = np.zeros((1, 8), np.float32) if X is None else X
    return trunk_learns(net, inspect_net(net, X))


def partly_frozen(layers):
    class Part(MLP):
        def __init__(self):
            super().__init__(8, n_classes=3, hidden=6, dropout=0.0)
            for name, parameter in self.named_parameters():
                parameter.requires_grad_(not name.startswith(layers))

    return Part


class TestTrunkLearns:
    image = np.zeros((1, 1, 8, 8), np.float32)

    def test_a_frozen_trunk(self):
        assert not learns(FrozenTrunk)
        assert not learns(FrozenConvNet, self.image)

    def test_a_trunk_that_is_trained(self):
        assert learns(ConvNet, self.image)
        assert learns(MLP, module__n_features=8, module__n_classes=3)

    def test_a_single_parameter_that_is_trained(self):
        whole = make_net(MLP, module__n_features=8, module__n_classes=3)
        names = [name for name, _ in whole.module_.named_parameters()]
        trunk, head = names[:2], tuple(names[-2:])
        assert not learns(partly_frozen(tuple(n for n in names if n not in head)))
        for name in trunk:
            assert learns(partly_frozen(tuple(n for n in names if n != name)))

    def test_a_head_alone(self):
        assert not learns(nn.Linear, module__in_features=8, module__out_features=3)
        assert not learns(LinearHead, module__n_features=8, module__n_classes=3)

    def test_a_net_without_a_linear_head(self):
        class Bare(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.zeros(8, 3))

            def forward(self, X):
                return X @ self.weight

        assert learns(Bare)

    def test_a_frozen_net_learns_nothing(self):
        assert not learns(partly_frozen(("body", "head", "layers", "")))


# ---------------------------------------------------------------- the sets themselves


def held_out(n=30, *, n_classes=4, head_inputs=None, **options):
    signals = make_signals(n, n_classes=n_classes)
    options = {"n_instances": 3, "kind": "rank", "seed": 0} | options
    return signals, HeldOut.of(
        signals,
        np.arange(n) * 2 + 1,
        candidates_of(["margin", "entropy"]),
        np.arange(n_classes),
        head_inputs,
        **options,
    )


def test_what_is_kept_of_a_set():
    signals, found = held_out()
    assert found.names == ("Margin", "Entropy")
    assert found.rows.tolist() == list(range(1, 61, 2))
    torch.testing.assert_close(found.probabilities, signals.probabilities.float())
    assert found.utilities.shape == (30, 2)
    assert found.n_selected == 6
    assert held_out(3)[1].n_selected == 1


def test_losses_are_those_of_the_labels_of_today():
    _, found = held_out()
    classes = np.arange(4)
    for shift in (0, 1):
        codes = torch.as_tensor((np.arange(61) + shift) % 4)
        losses, residuals = found.losses(codes, classes)
        own = codes[found.rows]
        picked = found.probabilities[torch.arange(30), own]
        torch.testing.assert_close(losses, -picked.log())
        expected = found.probabilities.clone()
        expected[torch.arange(30), own] -= 1
        torch.testing.assert_close(residuals, expected)


def test_a_class_that_the_net_did_not_know_is_a_surprise():
    signals = make_signals(6, n_classes=2)
    known, now = np.array(["b", "d"]), np.array(["a", "b", "c", "d"])
    found = HeldOut.of(
        signals,
        np.arange(6),
        candidates_of(["margin"]),
        known,
        None,
        n_instances=2,
        kind="rank",
        seed=0,
    )
    codes = torch.tensor([0, 1, 2, 3, 1, 3])
    losses, residuals = found.losses(codes, now)
    P = found.probabilities
    torch.testing.assert_close(losses[[1, 3]], -P[[1, 3], [0, 1]].log())
    assert (losses[[0, 2]] > 20).all()
    torch.testing.assert_close(residuals[3], torch.tensor([0, P[3, 0], 0, P[3, 1] - 1]))
    torch.testing.assert_close(residuals[0], torch.tensor([-1, P[0, 0], 0, P[0, 1]]))


def test_a_large_set_is_learned_from_in_part():
    n = MAX_HELD_OUT + 100
    signals = make_signals(n)
    found = held_out(n, head_inputs=with_constant(signals.embeddings))[1]
    assert len(found.rows) == len(found.probabilities) == len(found.utilities) == MAX_HELD_OUT
    assert (np.diff(found.rows) > 0).all()
    kept = (found.rows - 1) // 2
    torch.testing.assert_close(found.probabilities, signals.probabilities[kept].float())
    torch.testing.assert_close(found.head_inputs[:, :-1], signals.embeddings[kept])
    assert (found.head_inputs[:, -1] == 1).all()
    assert not np.array_equal(found.rows, held_out(n, seed=1)[1].rows)


def test_sets_need_no_more_than_probabilities():
    signals = Signals(probabilities=np.full((4, 2), 0.5))
    found = HeldOut.of(
        signals,
        np.arange(4),
        candidates_of(["random"]),
        np.arange(2),
        None,
        n_instances=9,
        kind="binary",
        seed=0,
    )
    assert found.utilities.sum() == 1  # of a small set, a small batch is selected
