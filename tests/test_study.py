"""The study's compact tables and verdicts: on made-up runs, and a real run in small."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from skautoal.simulation import Budget, Results, Round, SimulationResult, compare

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def study():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import study
    finally:
        sys.path.remove(str(BENCHMARKS))
    return study


def made_run(method, task, seed, accuracy, budget="low", seconds=0.1):
    nan = float("nan")
    rounds = [Round(n, accuracy, nan, nan, [], []) for n in (10, 20)]
    return SimulationResult(method, task, budget, seed, rounds, [0.0, 0.2], [0.0, seconds])


def made_results(accuracies, tasks, seeds=8):
    """Runs of methods whose accuracies differ by seed as well, the same for all of them."""
    rng = np.random.RandomState(0)
    noise = {(task, seed): rng.normal(0, 0.01) for task in tasks for seed in range(seeds)}
    return Results(
        made_run(method, task, seed, accuracy + noise[task, seed] + rng.normal(0, 1e-4))
        for task in tasks
        for method, accuracy in accuracies.items()
        for seed in range(seeds)
    )


def test_a_compact_table_gives_the_runs_back(study, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "KEPT", tmp_path)
    results = made_results({"auto": 0.9123, "vote": 0.8}, ["digits", "dna"])
    study.keep("claims", results)
    again = study.kept("claims")
    assert (again.methods, again.settings, again.seeds) == (
        results.methods,
        results.settings,
        results.seeds,
    )
    np.testing.assert_allclose(again.aubc(), results.aubc(), atol=1e-4)


def made_claims(auto, search, weights):
    from _study import PAPER

    tasks = ["digits", "satellite", "letter", "dna", "segment", "wine"]
    accuracies = {"auto": auto, "search": search, "random weights": weights, "vote": 0.8}
    accuracies |= dict.fromkeys([*PAPER, "random"], 0.7) | {"margin": 0.75}
    accuracies |= {"badge": 0.76, "uncertainty_herding": 0.77}
    claims = made_results(accuracies, tasks)
    noisy = [f"{task}-noisy" for task in tasks[:3]]
    variants = made_results({"auto": auto - 0.1, "margin": 0.75 - 0.2}, noisy)
    return claims, variants, claims


def test_verdicts_follow_the_numbers(study):
    import _verdicts

    good = _verdicts.verdicts(*made_claims(auto=0.85, search=0.84, weights=0.8))
    assert [f"P{n} holds" in good for n in range(1, 6)] == [True] * 5
    bad = _verdicts.verdicts(*made_claims(auto=0.72, search=0.7, weights=0.8))
    assert [f"P{n} FAILS" in bad for n in (1, 2, 3, 5)] == [True] * 4
    assert "auto - vote: -8.0" in bad


def test_a_table_ranks_by_hand(study):
    results = made_results({"worse": 0.7, "better": 0.9}, ["digits", "dna"])
    table = study.overview_of_part(results).splitlines()
    assert table[2].startswith("| better | 9")
    assert "| 1.00 | 0.0 | 1.00 |" in table[2]
    assert "| 2.00 | 20.0 | 0.00 |" in table[3]


def test_every_part_names_methods_that_run_and_tasks_that_load(study):
    from _study import load, parts, plan

    data = BENCHMARKS.parent.parent / "shared" / "data"
    for part, methods in parts().items():
        names, budgets, n_seeds = plan(part)
        assert len(methods) > 1
        assert n_seeds >= 2
        assert set(budgets) <= {"low", "mid"}
        for name in names:
            bundled = name.partition("-")[0] in ("digits", "breast_cancer", "wine")
            assert (
                bundled or not data.is_dir() or (data / f"{name.partition('-')[0]}.npz").is_file()
            )
    tiny = Budget("tiny", 20, 5, 1)
    task = load("wine", data)
    methods = {**parts()["tau"], **parts()["warm_start"], **parts()["small"]}
    results = compare(methods, task, seeds=1, budgets=tiny, verbose=0)
    assert np.isfinite(results.aubc()).all()


@pytest.mark.parametrize("part", ["splits", "utilities", "search_net", "tau", "warm_start"])
def test_what_varies_the_search_searches(study, part):
    from _study import parts

    assert all(method._options().objective == "mixed" for method in parts()[part].values())
