"""Nets of several seeds that are trained as one tensor program, against nets trained alone."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier
from skorch.callbacks import PrintLog
from torch import nn
from torch.utils.data import DataLoader

from skautoal import AutoALSampler, Search
from skautoal.exceptions import SkautoalWarning
from skautoal.modules import MLP
from skautoal.simulation import Budget, compare, load_results, standard_net, write_report
from tests._internals import (
    ShuffledBatches,
    fit_net,
    fit_nets,
    fresh_net,
    isolated_rng,
    run_together,
)
from tests.simulation._tiny import tiny_task

BUDGET = Budget("tiny", 6, 4, 2)

SHAPES = {"tabular": (7,), "embeddings": (300,), "images": (1, 8, 8)}


class HalfFrozen(MLP):
    """A perceptron of which the first layer does not learn."""

    def __init__(self, n_features, n_classes, hidden):
        super().__init__(n_features, n_classes, hidden)
        self.body[0].requires_grad_(False)


class BatchNormNet(nn.Sequential):
    """A net whose samples in a minibatch are not independent."""

    def __init__(self, n_features, n_classes, hidden):
        super().__init__(nn.BatchNorm1d(n_features), nn.Linear(n_features, n_classes))


def made(kind, n, seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, *SHAPES[kind]).astype(np.float32)
    return X, rng.randint(0, 3, n)


def nets_of(kind, count, **params):
    net = standard_net((1, *SHAPES[kind]), 3).set_params(max_epochs=2, batch_size=8, **params)
    return [fresh_net(net) for _ in range(count)]


def assert_same_weights(one, other):
    pairs = zip(one.module_.parameters(), other.module_.parameters(), strict=True)
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("n", [16, 21, 3])
def test_each_net_is_that_of_its_own_fit(kind, n):
    """Also with a last minibatch that is smaller, and with one that is the whole."""
    data = [made(kind, n, seed) for seed in range(3)]
    alone = [
        fit_net(net, X, y, seed)
        for seed, (net, (X, y)) in enumerate(zip(nets_of(kind, 3), data, strict=True))
    ]
    together = nets_of(kind, 3)
    fit_nets(together, [X for X, _ in data], [y for _, y in data], [0, 1, 2])
    for one, other in zip(alone, together, strict=True):
        assert_same_weights(one, other)
        assert one.classes_.tolist() == other.classes_.tolist()


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": torch.optim.AdamW},
        {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9},
        {"optimizer": torch.optim.RMSprop, "optimizer__foreach": True},
    ],
    ids=lambda params: params["optimizer"].__name__,
)
def test_every_optimizer_that_is_accepted(params):
    def made_net():
        return NeuralNetClassifier(
            MLP,
            module__n_features=7,
            module__n_classes=3,
            criterion=nn.CrossEntropyLoss,
            iterator_train=ShuffledBatches,
            train_split=None,
            lr=0.01,
            max_epochs=2,
            batch_size=8,
            **params,
        )

    X, y = made("tabular", 20, 0)
    together = [fresh_net(made_net()) for _ in range(2)]
    fit_nets(together, [X, X], [y, y], [5, 6])
    for net, seed in zip(together, (5, 6), strict=True):
        assert_same_weights(fit_net(fresh_net(made_net()), X, y, seed), net)


@pytest.mark.parametrize(
    "params",
    [
        {"criterion__label_smoothing": 0.2},
        {"criterion__weight": torch.tensor([1.0, 2.0, 5.0])},
        {"criterion__reduction": "sum"},
    ],
)
def test_parameters_of_the_criterion_count(params):
    X, y = made("tabular", 20, 0)
    nets = nets_of("tabular", 2, **params)
    fit_nets(nets, [X, X], [y, y], [5, 6])
    assert_same_weights(fit_net(nets_of("tabular", 1, **params)[0], X, y, 6), nets[1])


def test_frozen_parameters_stay_frozen():
    nets = nets_of("tabular", 2, module=HalfFrozen)
    X, y = made("tabular", 12, 0)
    fit_nets(nets, [X, X], [y, y], [1, 2])
    for seed, net in enumerate(nets, 1):
        start = fit_net(nets_of("tabular", 1, module=HalfFrozen, lr=0.0)[0], X, y, seed)
        assert not net.module_.body[0].weight.requires_grad
        assert torch.equal(net.module_.body[0].weight, start.module_.body[0].weight)
        assert not torch.equal(net.module_.head.weight, start.module_.head.weight)


def test_copies_of_a_net_do_not_start_from_what_it_has_learned():
    """Also where the module is an object, which skorch trains itself."""
    with isolated_rng(0):
        module = MLP(n_features=7, n_classes=3)
    start = [parameter.detach().clone() for parameter in module.parameters()]
    X, y = made("tabular", 12, 0)

    def train(seed):
        net = NeuralNetClassifier(
            module,
            criterion=nn.CrossEntropyLoss,
            iterator_train=ShuffledBatches,
            train_split=None,
            max_epochs=2,
        )
        return fit_net(fresh_net(net), X, y, seed)

    for net in run_together([lambda: train(1), lambda: train(2)]):
        assert not any(map(torch.equal, net.module_.parameters(), start))
        assert all(map(torch.equal, clone(net).initialize().module_.parameters(), start))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"module": BatchNormNet}, "BatchNorm1d"),
        ({"criterion": nn.NLLLoss}, "criterion"),
        ({"optimizer": torch.optim.LBFGS}, "optimizer"),
        ({"callbacks": [PrintLog()]}, "callbacks"),
        ({"iterator_train": DataLoader}, "iterator_train"),
        ({"optimizer__param_groups": [("head*", {"lr": 1.0})]}, "parameter groups"),
    ],
)
def test_a_net_that_cannot_be_batched_is_refused_before_any_run(params, message):
    net = standard_net((1, 3), 3)
    task = replace(tiny_task(), net=net.set_params(**params))
    with pytest.raises(ValueError, match=rf"batch_seeds.*{message}"):
        compare("random", task, seeds=2, budgets=BUDGET, verbose=0, batch_seeds=True)


METHODS = {
    "margin": "margin",
    "search": AutoALSampler(strategies=["margin", "kmeans"], search=Search(n_steps=5)),
    "ensemble": "ensemble_variation_ratio",
    "selectal": "selectal",
    "oracle": "oracle",
}


def test_runs_are_those_of_the_loop(tmp_path):
    """Every method that trains nets: the picks are the same here, the scores within rounding."""
    task = replace(tiny_task(), net=standard_net((1, 3), 3).set_params(max_epochs=3))
    options = {"seeds": 3, "budgets": BUDGET, "verbose": 0}
    loop = compare(METHODS, task, **options)
    batched = compare(METHODS, task, **options, batch_seeds=True, out=tmp_path)
    for one, other in zip(loop, batched, strict=True):
        assert (one.method, one.seed) == (other.method, other.seed)
        np.testing.assert_array_equal(one.picked, other.picked)
        np.testing.assert_allclose(one.curve("log_loss"), other.curve("log_loss"), rtol=1e-3)
        assert np.isnan([*other.seconds_train, *other.seconds_query]).all()
    # Unknown times pass through files, and nothing is run again.
    kept = load_results(tmp_path)
    assert np.isnan(kept[0].seconds_query).all()
    again = compare(METHODS, task, **options, batch_seeds=True, out=tmp_path)
    assert again.rows(seconds=False) == batched.rows(seconds=False)
    write_report(kept, tmp_path / "report.md")
    assert "## Cost" not in (tmp_path / "report.md").read_text()
    write_report(loop, tmp_path / "report.md")
    assert "## Cost" in (tmp_path / "report.md").read_text()


def test_a_run_that_fails_does_not_stop_the_others():
    calls = []

    def sometimes(signals):
        calls.append(1)
        if len(calls) == 2:
            raise ArithmeticError("broken")
        return signals.probabilities[:, 0]

    with pytest.warns(SkautoalWarning, match="broken"):
        results = compare(
            {"sometimes": sometimes},
            replace(tiny_task(), net=standard_net((1, 3), 3).set_params(max_epochs=1)),
            seeds=3,
            budgets=BUDGET,
            verbose=0,
            batch_seeds=True,
            on_error="warn",
        )
    assert len(results) == 2


def test_an_error_of_the_training_reaches_every_run():
    def train():
        net = nets_of("tabular", 1)[0]
        return fit_net(net, np.full((8, 5), 1.0, dtype=np.float32), np.arange(8) % 3, 0)

    ended = run_together([train, train, lambda: "fine"])
    assert [type(e) for e in ended[:2]] == [RuntimeError, RuntimeError]  # 5 columns, not 7
    assert ended[2] == "fine"


def test_nothing_waits_for_a_run_that_trains_more_nets():
    def train(times):
        X, y = made("tabular", 9, 0)
        return [fit_net(nets_of("tabular", 1)[0], X, y, seed).initialized_ for seed in range(times)]

    assert run_together([lambda: train(3), lambda: train(1), lambda: train(0)]) == [
        [True] * 3,
        [True],
        [],
    ]


def test_ctrl_c_ends_all_runs():
    trained = []

    def train(interrupts):
        X, y = made("tabular", 9, 0)
        for seed in range(100):
            if interrupts and seed == 2:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.3)
            fit_net(nets_of("tabular", 1)[0], X, y, seed)
            trained.append(seed)

    with pytest.raises(KeyboardInterrupt):
        run_together([lambda: train(True), lambda: train(False)])
    before = threading.active_count()
    for thread in threading.enumerate():
        if thread.name.startswith("run "):
            thread.join(20)
    assert not any(thread.name.startswith("run ") for thread in threading.enumerate())
    assert threading.active_count() <= before
    assert max(trained) < 99


def test_batch_order_and_dropout_are_paired_between_methods():
    """Nets of one seed and round see the same places of their data, and drop the same units."""
    seen = []

    class Recording(ShuffledBatches):
        def __iter__(self):
            for X, y in super().__iter__():
                seen[-1].append(X[:, 0].tolist())
                yield X, y

    net = standard_net((1, 3), 3).set_params(max_epochs=2, iterator_train=Recording)
    for values in (np.arange(10), np.arange(10) + 100):
        seen.append([])
        X = np.repeat(values[:, None], 3, axis=1).astype(np.float32)
        fit_net(fresh_net(net), X, np.arange(10) % 3, 4)
    np.testing.assert_array_equal(np.concatenate(seen[0]) + 100, np.concatenate(seen[1]))
