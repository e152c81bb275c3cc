"""The oracle: its head against a solver, its batch against the others, its share of the gain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.linear_model import Ridge

from skautoal.exceptions import MissingSignalError
from skautoal.simulation import (
    Results,
    Task,
    compare,
    method_table,
    oracle_share,
    simulate,
    summary_table,
    write_report,
)
from tests._internals import OracleSampler, halves, overview, ridge
from tests.simulation._tiny import made_run, tiny_net, tiny_task


@pytest.mark.parametrize("shape", [(30, 4), (6, 20), (8, 8)])
def test_the_head_is_that_of_scikit_learn(shape):
    rng = np.random.RandomState(0)
    H, Y = rng.randn(*shape), rng.randn(shape[0], 3)
    weights = ridge(torch.as_tensor(H), torch.as_tensor(Y), 0.7)
    expected = Ridge(alpha=0.7, fit_intercept=False, tol=1e-12).fit(H, Y).coef_.T
    np.testing.assert_allclose(weights, expected, atol=1e-8)


def run(method="oracle", task=None, **params):
    task = tiny_task() if task is None else task
    params = {"n_initial": 6, "n_instances": 4, "n_rounds": 3, "random_state": 0, **params}
    return simulate(
        method, task.net, task.X_train, task.y_train, task.X_test, task.y_test, **params
    )


def test_it_is_a_run_like_the_others():
    first, second = run(), run()
    assert first.rows(seconds=False) == second.rows(seconds=False)
    assert len(set(first.picked.tolist())) == 18
    assert first.rounds[0].picked == run("random").rounds[0].picked
    # It is scored on half of the test set, on which all others are scored as well.
    assert [row.accuracy for row in first.rounds] == [row.half_accuracy for row in first.rounds]
    assert run("random").rounds[0].half_accuracy == first.rounds[0].half_accuracy


def hidden_class_task():
    """A class far away, of which no first label is known: 3 % of the pool, half of the test."""
    X, y = make_blobs(
        [150, 150, 10], n_features=3, centers=np.eye(3) * 8, cluster_std=1.0, random_state=0
    )
    rng = np.random.RandomState(0)
    X_test = np.concatenate([X[y == 2] + 0.1 * rng.randn(10, 3) for _ in range(4)])
    X_test = np.concatenate([X_test, X[:40]]).astype(np.float32)
    y_test = np.repeat([2, y[0]], 40)
    y_test[40:] = y[:40]
    net = tiny_net(max_epochs=40)
    return Task("hidden", X.astype(np.float32), y, X_test, y_test, net)


def test_it_buys_what_the_test_set_asks_for():
    """Nobody but an oracle knows that the rare class is half of the test set."""
    task = hidden_class_task()
    y = task.y_train
    initial = [int(np.flatnonzero(y == c)[i]) for c in (0, 1) for i in range(3)]
    bought = run(task=task, n_rounds=1, initial=initial).rounds[1].picked
    assert (y[bought] == 2).any()


def test_the_labels_of_the_pool_decide():
    task = tiny_task()
    wrong = Task(
        "wrong", task.X_train, task.y_train[::-1].copy(), task.X_test, task.y_test, task.net
    )
    initial = np.arange(6)
    right = run(task=task, n_rounds=1, initial=initial).rounds[1].picked
    other = run(task=wrong, n_rounds=1, initial=initial).rounds[1].picked
    assert right != other


def test_one_test_sample_is_refused():
    task = tiny_task()
    one = replace(task, X_test=task.X_test[:1], y_test=task.y_test[:1])
    with pytest.raises(ValueError, match="'X_test' has 1 sample"):
        run(task=one)
    assert len(run("random", one).rounds) == 4


@pytest.mark.parametrize("sizes", [(10, 10, 10), (7, 1, 4), (1, 1, 0)])
def test_halves_are_stratified(sizes):
    y = np.repeat([5, 7, 9], sizes)
    judging, reporting = halves(y, 3)
    assert sorted([*judging, *reporting]) == list(range(len(y)))
    for label in (5, 7, 9):
        assert abs((y[judging] == label).sum() - (y[reporting] == label).sum()) <= 1
    assert abs(len(judging) - len(reporting)) <= 1
    assert not np.array_equal(judging, halves(y, 4)[0]) or len(y) < 10


def test_it_needs_labels():
    task = tiny_task()
    oracle = OracleSampler(task.net, random_state=0).fit(task.X_train[:9], task.y_train[:9])
    with pytest.raises(TypeError, match="needs the labels of the pool"):
        oracle.query(task.X_train[9:], 2)


def test_a_net_without_a_head_is_refused():
    class NoHead(torch.nn.Module):
        def __init__(self, **_):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(3))

        def forward(self, X):
            return X * self.scale

    task = tiny_task()
    net = tiny_net().set_params(module=NoHead)
    with pytest.raises(MissingSignalError, match="The oracle needs embeddings"):
        run(task=Task("a", task.X_train, task.y_train, task.X_test, task.y_test, net))


def made(gains, tasks=("a", "b")):
    return Results(
        made_run(method, [0.5, 0.5 + gain], task=task, seed=seed)
        for task in tasks
        for method, gain in gains.items()
        for seed in range(3)
    )


def test_shares_by_hand():
    results = made({"random": 0.1, "good": 0.25, "bad": 0.0, "oracle": 0.3})
    expected = {"random": 0.0, "good": 0.75, "bad": -0.5, "oracle": 1.0}
    assert oracle_share(results) == pytest.approx(expected)
    by_method = {row["method"]: row["oracle_share"] for row in method_table(results)}
    assert by_method == pytest.approx(expected)
    rows = [row for row in summary_table(results) if row["task"] == "b"]
    assert {row["method"]: row["oracle_share"] for row in rows} == pytest.approx(expected)


def test_shares_of_settings_and_seeds_in_common():
    """A method that ran on one task only is compared there, with the seeds of the oracle."""
    both = made({"random": 0.1, "oracle": 0.3})
    one = made({"good": 0.2}, tasks=["a"])
    lucky = made_run("good", [0.9, 0.9], task="a", seed=77)
    assert oracle_share(Results([*both, *one, lucky]))["good"] == pytest.approx(0.5)


@pytest.mark.parametrize("gains", [{"random": 0.1, "good": 0.2}, {"random": 0.1, "oracle": 0.1}])
def test_no_share_without_an_oracle_that_gains(gains):
    assert all(np.isnan(share) for share in oracle_share(made(gains)).values())


def test_the_report_shows_the_share(tmp_path):
    for oracle, shown in (({"oracle": 0.3}, True), ({}, False)):
        path = tmp_path / "report.md"
        write_report(made({"random": 0.1, "good": 0.2, **oracle}), path)
        assert ("share of the oracle's gain" in path.read_text()) is shown


def test_the_terminal_shows_the_share():
    results = made({"random": 0.1, "good": 0.25, "oracle": 0.3})
    assert "(3 seeds; 75% of the oracle's gain)" in overview(results)
    assert "oracle" not in overview(made({"random": 0.1, "good": 0.25}))


def test_compare_takes_its_name():
    task = tiny_task()
    results = compare(["random", "oracle"], task, seeds=2, budgets="low", verbose=0)
    assert results.methods == ["random", "oracle"]
