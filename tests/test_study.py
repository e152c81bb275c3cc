"""The study's compact tables and verdicts: on made-up runs, and a real run in small."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from skautoal.simulation import Budget, Results, Round, SimulationResult, compare
from tests._internals import internal

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def study():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import study
    finally:
        sys.path.remove(str(BENCHMARKS))
    return study


def made_run(method, task, seed, accuracy, budget="low"):
    nan = float("nan")
    rounds = [Round(n, accuracy, nan, nan, accuracy, [], []) for n in (10, 20)]
    return SimulationResult(method, task, budget, seed, rounds)


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
    results = made_results({"search": 0.9123, "vote": 0.8}, ["digits", "dna"])
    study.keep("claims", results)
    again = study.kept("claims")
    assert (again.methods, again.settings, again.seeds) == (
        results.methods,
        results.settings,
        results.seeds,
    )
    for metric in ("accuracy", "half_accuracy"):
        np.testing.assert_allclose(again.aubc(metric), results.aubc(metric), atol=1e-4)


TASKS = ["digits", "satellite", "letter", "dna", "segment", "wine"]


def made_claims(equal, search, weights=0.8, oracle=0.9, noise=0.1):
    from _study import PAPER

    accuracies = {"equal": equal, "search": search, "random weights": weights, "vote": 0.8}
    accuracies |= dict.fromkeys([*PAPER, "random"], 0.7) | {"margin": 0.75, "oracle": oracle}
    accuracies |= {"uncertainty_herding": 0.77, "uncertainty_herding labeled": 0.76}
    claims = made_results(accuracies, TASKS)
    noisy = [f"{task}-noisy" for task in TASKS[:3]]
    variants = made_results({"equal": equal - noise, "margin": 0.75 - 0.2}, noisy)
    return claims, variants


def made_trust(fifty, hundred):
    accuracies = {"20 labels": 0.8, "50 labels": fifty, "100 labels": hundred}
    return made_results(accuracies, TASKS)


def test_verdicts_follow_the_numbers(study):
    import _verdicts

    good = _verdicts.verdicts(*made_claims(equal=0.84, search=0.85), made_trust(0.81, 0.79))
    assert [v.claim for v in good] == [f"Q{n}" for n in range(1, 7)]
    assert all(v.holds for v in good)
    assert "70 % of the oracle's gain" in good[2].evidence
    bad = _verdicts.verdicts(
        *made_claims(equal=0.76, search=0.74, oracle=0.95, noise=0.3), made_trust(0.8, 0.7)
    )
    assert not any(v.holds for v in bad)
    assert bad[0].evidence.startswith("-2.0")
    table = _verdicts.verdict_table([*bad, *good])
    assert "| Q1 | **fails** | -2.0" in table
    assert "| Q4 | holds |" in table


@pytest.mark.parametrize(
    ("search", "default"), [(0.81, "search"), (0.799, "search"), (0.79, "equal")]
)
def test_the_rule_for_the_default(study, search, default):
    """0.1 points below equal weights cost little; a whole point in every setting does not."""
    import _verdicts

    assert _verdicts.default_by_rule(made_claims(equal=0.8, search=search)[0]) == default


def test_only_settings_and_seeds_in_common_are_compared(study):
    import _verdicts

    results = made_results({"search": 0.8, "equal": 0.7}, ["digits", "dna"], seeds=6)
    more = Results(
        [
            *(run for run in results if (run.method, run.seed) != ("search", 5)),
            made_run("search", "alone", 0, 0.1),
            made_run("equal", "digits", 77, 0.99),
        ]
    )
    found = _verdicts.compared(more, "search", "equal")
    assert [setting.task for setting in found["settings"]] == ["digits", "dna"]
    assert found["mean"] == pytest.approx(0.1, abs=1e-3)
    rows = _verdicts.gains(more).splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == ["5", "5"]


def test_the_answer_follows_the_numbers(study):
    import _answer

    claims, variants = made_claims(equal=0.85, search=0.84)
    text = _answer.answer(claims, variants)
    # Areas, not curves, are made up: the default is at its height from the first label on.
    assert "with 50 % fewer labels (median; 50 to 50 %). It is 15.0" in text
    assert "Nothing that we could measure. Learned weights are -1.0" in text
    assert "joint herding is 5.0" in text
    assert "The default has 75 % of that gain" in text
    assert "of 6 data sets" in _answer.headline(claims)
    better = _answer.answer(*made_claims(equal=0.84, search=0.85))
    assert "More than nothing" in better


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
            [Round(n, a, nan, nan, nan, [], []) for n, a in zip((10, 20, 30), curve, strict=True)],
        )
        for method, curve in curves.items()
        for task in ("a_topic_minilm", "b")
    )
    rows = _tables.labels_needed(results, "slow", "fast")
    assert [(needed, total) for _, needed, total in rows] == [(15, 30), (15, 30)]
    assert _tables.shares_saved(rows).tolist() == [0.5, 0.5]
    none = _tables.labels_needed(results, "slow", "never")
    assert _tables.shares_saved(none).tolist() == [0, 0]
    renamed = Results([*results, *(_named(run, "equal") for run in results.select(["fast"]))])
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
    assert re.findall(r"<!-- begin (\w+) -->", pages) == [
        name for name in re.findall(r"<!-- begin (\w+) -->", pages) if name in made
    ]


def test_a_table_ranks_by_hand(study):
    results = made_results({"worse": 0.7, "better": 0.9}, ["digits", "dna"])
    table = study.overview(results).splitlines()
    assert table[2].startswith("| better | 9")
    assert "| 1.00 | 0.0 | 2 of 2 |" in table[2]
    assert "| 2.00 | 20.0 | 0 of 2 |" in table[3]


def test_every_part_names_methods_that_run_and_tasks_that_load(study):
    from _study import PLAN, load, parts

    data = BENCHMARKS.parent.parent / "shared" / "data"
    assert set(PLAN) == set(parts())
    for part, methods in parts().items():
        names, budgets, seeds = PLAN[part]
        assert len(methods) > 1
        assert len(seeds) >= 2
        assert set(budgets) <= {"low", "mid", "high"}
        for name in names:
            bundled = name.partition("-")[0] in ("digits", "breast_cancer", "wine")
            assert (
                bundled or not data.is_dir() or (data / f"{name.partition('-')[0]}.npz").is_file()
            )
    tiny = Budget("tiny", 20, 5, 1)
    task = load("wine", data)
    methods = {**parts()["ablations"], **parts()["trust"], **parts()["small"]}
    results = compare(methods, task, seeds=1, budgets=tiny, verbose=0)
    assert np.isfinite(results.aubc()).all()


def test_the_trust_constant_is_varied_and_put_back(study):
    """Trust in scores changes picks; the constant of the package stays what it was."""
    from _study import load, parts

    before = internal_value("joint_herding.half_labels")
    task = load("wine", Path())
    results = compare(parts()["trust"], task, seeds=2, budgets=Budget("t", 30, 10, 2), verbose=0)
    picks = {
        m: [run.picked.tolist() for run in results if run.method == m] for m in results.methods
    }
    assert picks["20 labels"] != picks["100 labels"]
    assert internal_value("joint_herding.half_labels") == before


def internal_value(name):
    return getattr(*internal(name))


def test_the_first_figure_averages_over_data_sets(study, tmp_path):
    import _figures

    tasks = ["digits", "dna"]
    results = made_results({"equal": 0.9, "margin": 0.8, "random": 0.7}, tasks)
    labels, curves = _figures.mean_curves(results)
    assert labels.tolist() == [1, 2]  # 10 and 20 labels, the first being one per class
    expected = np.mean([results.curves(s)[1]["equal"] for s in results.settings], axis=0)
    np.testing.assert_allclose(curves["equal"], expected)
    _figures.draw_headline(results, tmp_path / "headline.png")
    assert (tmp_path / "headline.png").stat().st_size > 1000


def test_settings_that_are_not_reached_are_not_in_the_range(study):
    import _answer

    nan = float("nan")
    # On "a" the default needs half of the labels; on "b" it never gets there.
    curves = {("equal", "a"): (0.5, 0.9, 0.9), ("random", "a"): (0.5, 0.6, 0.7)}
    curves |= {("equal", "b"): (0.5, 0.5, 0.5), ("random", "b"): (0.5, 0.6, 0.7)}
    results = Results(
        SimulationResult(
            method,
            task,
            "low",
            0,
            [Round(n, a, nan, nan, nan, [], []) for n, a in zip((10, 20, 30), curve, strict=True)],
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
