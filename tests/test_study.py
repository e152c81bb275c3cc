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
    assert [v.claim for v in good] == [f"P{n}" for n in range(1, 6)]
    assert all(v.holds for v in good)
    bad = _verdicts.verdicts(*made_claims(auto=0.72, search=0.7, weights=0.8))
    assert [v.claim for v in bad if not v.holds] == ["P1", "P2", "P3", "P5"]
    assert bad[0].evidence.startswith("-8.0")
    table = _verdicts.verdict_table(bad)
    assert "| P1 | **fails** | -8.0" in table
    assert "| P4 | holds |" in table


def test_the_answer_follows_the_numbers(study):
    import _answer

    claims, variants, _ = made_claims(auto=0.85, search=0.84, weights=0.8)
    text = _answer.answer(claims, variants)
    # Areas, not curves, are made up: the default is at its height from the first label on.
    assert "with 50 % fewer labels (median; 50 to 50 %). It is 15.0" in text
    assert "Learned weights are -1.0" in text
    assert "joint herding is 5.0" in text
    assert "of 6 data sets" in _answer.headline(claims)


def test_labels_needed_by_hand(study):
    import _tables

    nan = float("nan")
    curves = {"slow": (0.5, 0.6, 0.7), "fast": (0.5, 0.9, 0.9), "never": (0.5, 0.5, 0.5)}
    results = Results(
        SimulationResult(
            method,
            task,
            "low",
            0,
            [Round(n, a, nan, nan, [], []) for n, a in zip((10, 20, 30), curve, strict=True)],
        )
        for method, curve in curves.items()
        for task in ("a_topic_minilm", "b")
    )
    rows = _tables.labels_needed(results, "slow", "fast")
    assert [(needed, total) for _, needed, total in rows] == [(15, 30), (15, 30)]
    assert _tables.shares_saved(rows).tolist() == [0.5, 0.5]
    none = _tables.labels_needed(results, "slow", "never")
    assert _tables.shares_saved(none).tolist() == [0, 0]
    renamed = Results([*results, *(_named(run, "auto") for run in results.select(["fast"]))])
    table = _tables.needed_table(renamed, ["slow"]).splitlines()
    assert table[2] == "| a, low | 30 | 15 (-50 %) |"


def _named(run, method):
    return SimulationResult(method, run.task, run.budget, run.seed, run.rounds)


def test_blocks_of_a_page_are_replaced_and_the_rest_stays(study):
    page = "before <!-- begin a --> old <!-- end a --> after"
    filled = study.filled(page, {"a": "new", "b": "nowhere"})
    assert filled == "before <!-- begin a -->\n\nnew\n\n<!-- end a --> after"
    assert study.filled(filled, {"a": "new"}) == filled


def test_the_pages_show_the_kept_tables(study):
    """`study.py page` would change nothing; its figures are not compared."""
    made = study.blocks({path.stem: study.kept(path.stem) for path in study.KEPT.glob("*.csv")})
    for page in (study.DOCS / "does_it_work.md", study.DOCS / "index.md", study.ROOT / "README.md"):
        text = page.read_text()
        assert study.filled(text, made) == text, page.name
    pages = (study.DOCS / "does_it_work.md").read_text()
    assert [name for name in made if f"<!-- begin {name} -->" not in pages] == ["headline"]


def test_a_table_ranks_by_hand(study):
    results = made_results({"worse": 0.7, "better": 0.9}, ["digits", "dna"])
    table = study.overview(results).splitlines()
    assert table[2].startswith("| better | 9")
    assert "| 1.00 | 0.0 | 2 of 2 |" in table[2]
    assert "| 2.00 | 20.0 | 0 of 2 |" in table[3]


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

    assert all(method.search.objective == "mixed" for method in parts()[part].values())


def test_the_first_figure_averages_over_data_sets(study, tmp_path):
    import _figures

    tasks = ["digits", "dna"]
    results = made_results({"auto": 0.9, "margin": 0.8, "random": 0.7}, tasks)
    labels, curves = _figures.mean_curves(results)
    assert labels.tolist() == [1, 2]  # 10 and 20 labels, the first being one per class
    expected = np.mean([results.curves(s)[1]["auto"] for s in results.settings], axis=0)
    np.testing.assert_allclose(curves["auto"], expected)
    _figures.draw_headline(results, tmp_path / "headline.png")
    assert (tmp_path / "headline.png").stat().st_size > 1000


def test_settings_that_are_not_reached_are_not_in_the_range(study):
    import _answer

    nan = float("nan")
    # On "a" the default needs half of the labels; on "b" it never gets there.
    curves = {("auto", "a"): (0.5, 0.9, 0.9), ("random", "a"): (0.5, 0.6, 0.7)}
    curves |= {("auto", "b"): (0.5, 0.5, 0.5), ("random", "b"): (0.5, 0.6, 0.7)}
    results = Results(
        SimulationResult(
            method,
            task,
            "low",
            0,
            [Round(n, a, nan, nan, [], []) for n, a in zip((10, 20, 30), curve, strict=True)],
        )
        for (method, task), curve in curves.items()
    )
    text = _answer._saved(results, "random")
    assert (
        "with 25 % fewer labels (median; 50 to 50 % in the 1 of 2 settings where it does)" in text
    )


def test_no_line_of_a_page_begins_with_a_per_cent_sign(study):
    filled = study.filled("<!-- begin a --><!-- end a -->", {"a": "44 % fewer"})
    assert "44\u00a0% fewer" in filled
