"""What a report says about the origin of results; configurations may be a stranger's."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skautoal.simulation import Budget, Results, Task
from tests._fuzz import mutate_json
from tests._internals import origin_of, plan_runs
from tests.simulation._tiny import TINY, made_run, tiny_net, tiny_task


def planned(tasks, budgets, seeds):
    """Runs that nobody computed, with the configurations of a comparison."""
    options = {"seeds": seeds, "budgets": budgets, "full_data": False, "out": None}
    for job in plan_runs("random", tasks, **options).jobs:
        budget, n_classes = job.budget, job.task.n_classes
        values = [0.5] * (budget.n_rounds + 1)
        sizes = {"start": budget.n_initial, "step": budget.n_instances}
        run = made_run(
            job.name, values, task=job.task.name, budget=budget.name, seed=job.seed, **sizes
        )
        run.rounds[0] = replace(run.rounds[0], class_histogram=[1] * n_classes)
        run.config, run.software = job.config, {"skautoal": "0.1", "source": "abc"}
        yield run


def test_data_nets_and_budgets_of_several_tasks():
    images = np.random.RandomState(0).rand(40, 1, 8, 8).astype(np.float32)
    rows, y = images[:, 0, 0, :3], np.arange(40) % 2
    pipe = make_pipeline(StandardScaler(), tiny_net(n_classes=2))
    tasks = [
        tiny_task(),
        Task("images", images[:30], y[:30], images[30:], y[30:]),
        Task("piped", rows[:30], y[:30], rows[30:], y[30:], net=pipe),
    ]
    budgets = [TINY, Budget("start", 4, 1, 0)]
    origin = dict(origin_of(Results(planned(tasks, budgets, [3, 7])), ["one", "two"]))
    linear = "LinearHead (SGD, learning rate 0.1, 3 epochs, batches of 128)"
    small = "SmallCNN (Adam, learning rate 0.002, 30 epochs, batches of 32)"
    assert origin == {
        "Data": "blobs: 60 samples in the pool, 30 to test on, 3 features, 3 classes;"
        " images: 30 samples in the pool, 10 to test on, 1x8x8 inputs, 2 classes;"
        " piped: 30 samples in the pool, 10 to test on, 3 features, 2 classes",
        "Budgets": "tiny: 6 labels at the start, 2 rounds of 3; start: 4 labels at the start",
        "Net": f"blobs: {linear}; images: {small}; piped: {linear} after StandardScaler",
        "Seeds": "3, 7",
        "Versions": "skautoal 0.1",
        "Command": "one; two",
    }


def test_budgets_of_one_name_that_differ_in_size():
    values = [0.5] * 3
    runs = [made_run("a", values, seed=seed, task="x", start=5, step=5) for seed in range(5)]
    runs.append(made_run("a", values, task="y", start=9, step=9))
    assert dict(origin_of(Results(runs))) == {
        "Data": "x; y",
        "Budgets": "low: 5 to 9 labels at the start, 2 rounds of 5 to 9",
        "Seeds": "0 to 4",
    }


def test_nothing_of_a_strange_configuration_is_an_error():
    (run,) = planned(tiny_task(), TINY, 1)
    data, rng, n_read = json.dumps(run.config).encode(), np.random.RandomState(0), 0
    for _ in range(500):
        try:
            run.config = json.loads(mutate_json(data, rng))
        except (ValueError, RecursionError):
            continue
        if isinstance(run.config, dict):
            n_read += 1
            assert all(isinstance(text, str) for _, text in origin_of(Results([run])))
    assert n_read > 100


@pytest.mark.parametrize("config", [{}, {"task": 3}, {"task": {"net": {"params": {"steps": [1]}}}}])
def test_configurations_without_content(config):
    run = made_run("a", [0.5, 0.6])
    run.config = config
    assert dict(origin_of(Results([run])))["Data"] == "a"
