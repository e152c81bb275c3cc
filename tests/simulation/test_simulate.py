"""One run: what is labelled when, what is measured, and what is paired."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from skautoal import AutoALSampler, StrategySampler
from skautoal.simulation import list_methods, simulate
from skautoal.simulation.runs._simulate import score
from skautoal.strategies import Margin
from tests.simulation._tiny import tiny_net, tiny_task


def run(method="margin", **params):
    task = tiny_task()
    params = {"n_initial": 6, "n_instances": 4, "n_rounds": 3, "random_state": 0, **params}
    net = params.pop("net", task.net)
    return simulate(method, net, task.X_train, task.y_train, task.X_test, task.y_test, **params)


def test_one_row_a_round():
    result = run()
    assert result.n_labeled.tolist() == [6, 10, 14, 18]
    assert [len(row.picked) for row in result.rounds] == [6, 4, 4, 4]
    assert len(set(result.picked.tolist())) == 18
    y = tiny_task().y_train
    for number, row in enumerate(result.rounds):
        labeled = result.picked[: 6 + 4 * number]
        assert row.class_histogram == np.bincount(y[labeled], minlength=3).tolist()
    assert len(result.seconds_train) == len(result.seconds_query) == 4
    assert result.seconds_query[0] == 0
    assert all(seconds > 0 for seconds in result.seconds_query[1:])


def test_scores_are_those_of_scikit_learn():
    rng = np.random.RandomState(0)
    P = rng.dirichlet(np.ones(3), size=50)
    y = rng.randint(3, size=50)
    scores = score(P, np.arange(3), y)
    assert scores["accuracy"] == pytest.approx(accuracy_score(y, P.argmax(1)))
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, P.argmax(1)))
    assert scores["log_loss"] == pytest.approx(log_loss(y, P))


def test_scores_with_a_class_that_the_net_does_not_know():
    scores = score(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 2]), np.array([0, 1]))
    assert scores["accuracy"] == 0.5
    assert scores["balanced_accuracy"] == 0.5
    assert np.isfinite(scores["log_loss"])


def test_same_seed_same_run():
    first, second = run("badge"), run("badge")
    assert first.rows(seconds=False) == second.rows(seconds=False)
    assert first.rows(seconds=False) != run("badge", random_state=1).rows(seconds=False)


def test_runs_of_one_seed_are_paired():
    margin, random = run("margin"), run("random")
    assert margin.rounds[0] == random.rounds[0]
    assert margin.rounds[1].picked != random.rounds[1].picked
    # The same labels lead to the same net in later rounds as well.
    everything = run("random", n_initial=54, n_rounds=1, n_instances=6)
    other = run("margin", n_initial=54, n_rounds=1, n_instances=6)
    assert set(everything.picked.tolist()) == set(other.picked.tolist())


def test_methods_as_name_strategy_and_sampler_are_the_same():
    sampler = StrategySampler(strategy="margin", n_instances=99, random_state=7)
    expected = run("margin").rows(seconds=False)
    for method in (Margin(), sampler):
        rows = run(method).rows(seconds=False)
        assert [row["picked"] for row in rows] == [row["picked"] for row in expected]
    assert sampler.n_instances == 99
    assert not hasattr(sampler, "estimator_")


def test_the_first_round_fits_and_the_others_teach(monkeypatch):
    calls = []
    for name in ("fit", "teach"):
        original = getattr(StrategySampler, name)

        def spy(self, X, y, name=name, original=original):
            calls.append((name, len(y)))
            return original(self, X, y)

        monkeypatch.setattr(StrategySampler, name, spy)
    run()
    assert calls == [("fit", 6), ("teach", 4), ("teach", 4), ("teach", 4)]


def test_weights_of_strategies_are_recorded():
    sampler = AutoALSampler(strategies=["margin", "entropy"], mode="vote")
    result = run(sampler, n_rounds=1)
    assert result.rounds[0].strategy_weights is None
    weights = result.rounds[1].strategy_weights
    assert set(weights) == {"Margin", "Entropy"}
    assert sum(weights.values()) == pytest.approx(1)


def test_the_net_of_a_sampler_is_kept_without_another():
    sampler = StrategySampler(tiny_net(max_epochs=1), "random")
    short, long = run(sampler, net=None, n_rounds=0), run("random", n_rounds=0)
    assert short.rounds[0].picked == long.rounds[0].picked
    assert short.rounds[0].log_loss != long.rounds[0].log_loss


@pytest.mark.parametrize("how", ["random", "balanced", "skewed"])
def test_rules_for_the_first_samples(how):
    histogram = run("random", initial=how, n_initial=12, n_rounds=0).rounds[0].class_histogram
    assert sum(histogram) == 12
    if how == "balanced":
        assert histogram == [4, 4, 4]
    if how == "skewed":
        assert histogram.count(0) == 1


def test_first_samples_of_the_users_choice():
    assert run(initial=[5, 3, 1, 40, 41, 42]).rounds[0].picked == [5, 3, 1, 40, 41, 42]
    for wrong in ([1, 2], [1, 1, 2, 3, 4, 5], [0.5] * 6, [100, 1, 2, 3, 4, 5], "best"):
        with pytest.raises(ValueError, match="'initial'"):
            run(initial=wrong)


def test_a_class_without_a_first_label_is_known_all_the_same():
    rows = np.flatnonzero(tiny_task().y_train != 2)[:6]
    result = run("margin", initial=rows)
    assert result.rounds[0].class_histogram[2] == 0
    assert result.rounds[-1].class_histogram[2] > 0


def test_a_budget_larger_than_the_pool_is_refused():
    with pytest.raises(ValueError, match="holds 60"):
        run(n_rounds=20)
    with pytest.raises(ValueError, match="'n_instances'"):
        run(n_instances=0)


def test_a_sampler_that_picks_twice_is_refused():
    class Twice(StrategySampler):
        def query(self, X, n_instances):
            return np.zeros(n_instances, dtype=int)

    with pytest.raises(ValueError, match="distinct rows"):
        run(Twice())


def test_unknown_methods():
    with pytest.raises(ValueError, match="Did you mean 'margin'"):
        run("margni")
    with pytest.raises(TypeError, match="class Margin"):
        run(Margin)
    assert len(set(list_methods())) == len(list_methods())
