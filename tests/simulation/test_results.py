"""Results and the tables made of them, on runs whose accuracies are given."""

from __future__ import annotations

import numpy as np
import pytest

from skautoal.simulation import (
    Results,
    Setting,
    aubc,
    cost_table,
    difference_table,
    labels_saved,
    method_table,
    oracle_best,
    penalties_of,
    rank_summary,
    summary_table,
)
from tests._internals import overview, write_tables
from tests.simulation._tiny import made_results, made_run


def test_sequence_and_selection():
    results = made_results()
    assert len(results) == 18
    assert results.methods == ["random", "slow", "bad"]
    assert results.settings == [Setting("a", "low"), Setting("b", "low")]
    assert repr(results) == "Results(18 runs: 3 methods, 2 settings, 3 seeds)"
    assert repr(results[:1]) == "Results(1 run: 1 method, 1 setting, 1 seed)"
    few = results.select(["bad", "random"], tasks=["b"])
    assert few.methods == ["bad", "random"]
    assert few.settings == [Setting("b", "low")]
    assert isinstance(results[:2], Results)
    assert results[0].method == "random"
    with pytest.raises(ValueError, match="no runs of"):
        results.select(["unknown"])


def test_areas_and_curves():
    results = made_results()
    areas = results.aubc()
    assert areas.shape == (2, 3, 3)
    assert areas[0, 1, 2] == pytest.approx(aubc([10, 20, 30], [0.5, 0.66, 0.82]))
    n_labeled, curves = results.curves(results.settings[0])
    assert n_labeled.tolist() == [10, 20, 30]
    assert curves["slow"][:, -1] == pytest.approx([0.8, 0.81, 0.82])
    assert results.aubc("log_loss") == pytest.approx(1 - areas)
    with pytest.raises(ValueError, match="'metric'"):
        results.aubc("f1")


def test_missing_runs_are_nan_and_kept_out_of_pairs():
    results = Results([run for run in made_results() if (run.method, run.seed) != ("bad", 2)])
    assert np.isnan(results.aubc()[:, 2, 2]).all()
    (row, _) = difference_table(results, "slow", "bad")
    assert row["n_pairs"] == 2
    full = method_table(made_results().select(budgets=["low"]))
    # The means use the seeds that all have: 0 and 1.
    means = {row["method"]: row["mean_aubc"] for row in method_table(results)}
    assert means["slow"] < {row["method"]: row["mean_aubc"] for row in full}["slow"]


def test_runs_that_contradict_each_other():
    with pytest.raises(ValueError, match="two different runs"):
        Results([made_run("a", [0.1]), made_run("a", [0.2])])
    results = Results([made_run("a", [0.1, 0.2]), made_run("b", [0.1, 0.2], step=5)])
    with pytest.raises(ValueError, match="different budgets"):
        results.curves(results.settings[0])


def test_summary():
    rows = summary_table(made_results())
    assert len(rows) == 6
    slow = next(row for row in rows if row["method"] == "slow" and row["task"] == "a")
    expected = [aubc([10, 20, 30], [0.5, 0.65 + s / 200, 0.8 + s / 100]) for s in range(3)]
    assert slow["aubc"] == pytest.approx(np.mean(expected))
    assert slow["ci"] == pytest.approx(4.302653 * np.std(expected, ddof=1) / np.sqrt(3))
    assert slow["n_seeds"] == 3


def test_differences():
    rows = difference_table(made_results(), "slow", "random", alternative="greater")
    assert [row["task"] for row in rows] == ["a", "b"]
    # A gain of .1 at the end, .05 in the middle, 0 at the start: area .05.
    assert rows[0]["difference"] == pytest.approx(0.05)
    assert rows[0]["p"] == pytest.approx(1 / 8)  # three of three pairs
    assert rows[0]["p_holm"] == pytest.approx(2 / 8)
    less = difference_table(made_results(), "slow", "random", metric="log_loss")
    assert less[0]["difference"] == pytest.approx(0.05)


def test_methods_over_settings():
    rows = method_table(made_results(), candidates=["random", "bad"])
    assert [row["method"] for row in rows] == ["slow", "random", "bad"]
    assert [row["mean_rank"] for row in rows] == [1, 2, 3]
    assert [row["worst_regret"] for row in rows] == pytest.approx([-0.05, 0, 0.05])
    assert [row["near_best"] for row in rows] == [1, 0, 0]
    assert [row["mean_penalty"] for row in rows] == pytest.approx([0, 2 / 3, 4 / 3])
    by_loss = method_table(made_results(), metric="log_loss")
    assert [row["method"] for row in by_loss] == ["slow", "random", "bad"]
    assert all(0 < row["mean_aubc"] < 0.5 for row in by_loss)


def test_methods_that_lack_a_setting_are_left_out():
    kept = [run for run in made_results() if (run.method, run.task) != ("bad", "b")]
    assert {row["method"] for row in method_table(Results(kept))} == {"slow", "random"}
    assert list(rank_summary(Results(kept))["ranks"]) == ["slow", "random"]
    alone = Results([made_run("x", [0.1]), made_run("y", [0.1], task="b")])
    with pytest.raises(ValueError, match="No method was run in all"):
        method_table(alone)


def test_penalties():
    names, penalties = penalties_of(made_results())
    assert names == ["random", "slow", "bad"]
    # The first round, equal for all, does not count.
    assert penalties.tolist() == [[0, 0, 2], [2, 0, 2], [0, 0, 0]]


def test_labels_saved():
    runs = [*made_results(), made_run("random", [0.75], task="a", budget="full")]
    rows = {row["method"]: row for row in labels_saved(Results(runs), share=0.9)}
    # Target .675; random ends at .71 (mean) after .605, slow passes .655 then .81.
    assert rows["random"]["labels"] == pytest.approx(20 + 10 * (0.675 - 0.605) / 0.105)
    assert rows["slow"]["labels"] == pytest.approx(20 + 10 * (0.675 - 0.655) / 0.155)
    assert rows["slow"]["ratio"] == pytest.approx(rows["slow"]["labels"] / rows["random"]["labels"])
    assert rows["bad"]["labels"] == float("inf")
    assert labels_saved(made_results()) == []
    hard = [*made_results(), made_run("random", [1.0], task="a", budget="full")]
    assert all(np.isnan(row["ratio"]) for row in labels_saved(Results(hard)))


def test_cost():
    rows = {row["method"]: row for row in cost_table(made_results(), reference="random")}
    assert rows["slow"] == {"method": "slow", "seconds": 2.0, "ratio": 4.0}
    assert np.isnan(cost_table(made_results(), reference="entropy")[0]["ratio"])


def test_the_best_candidate_in_hindsight():
    runs = [made_run("x", [0.5, 0.9], task="a"), made_run("y", [0.5, 0.6], task="a")]
    runs += [made_run("x", [0.5, 0.6], task="b"), made_run("y", [0.5, 0.9], task="b")]
    runs += [made_run("auto", [0.5, 1.0], task=task) for task in "ab"]
    results = oracle_best(Results(runs), ["x", "y"])
    oracle = results.select(["OracleBest"])
    assert [run.rounds[-1].accuracy for run in oracle] == [0.9, 0.9]
    assert len(results) == 8
    assert len(Results(runs)) == 6


def test_tables_as_files(tmp_path):
    paths = write_tables(made_results(), tmp_path)
    assert [path.name for path in paths] == ["results.csv", "summary.csv", "seconds.csv"]
    lines = paths[0].read_text().splitlines()
    assert len(lines) == 1 + 18 * 3
    assert "seconds" not in lines[0]
    assert lines[1].startswith("random,a,low,0,0,10,0.5,0.5,0.5,0.5,0,1 2,")
    assert paths[2].read_text().splitlines()[0].endswith("seconds_train,seconds_query")
    summary = paths[1].read_text().splitlines()
    assert summary[0] == "task,budget,method,n_seeds,aubc,ci,oracle_share"
    assert len(summary) == 1 + 6
    assert summary[1].startswith("a,low,random,3,0.605")
    again = tmp_path / "again"
    again.mkdir()
    assert write_tables(made_results(), again)[0].read_bytes() == paths[0].read_bytes()
    text = overview(made_results())
    assert text.index("slow") < text.index("random") < text.index("bad")
    assert "mean rank" in text


def of_seeds(n):
    return Results(run for run in made_results() if run.seed < n and run.task == "a")


@pytest.mark.parametrize(
    ("n_seeds", "line", "numbers"),
    [
        (1, "slow    0.6500  (1 seed)", [0.65, None]),
        (2, "slow    0.6525  (2 seeds: too few for an interval)", [0.6525, None]),
        (3, "slow    0.6550 ± 0.0124  (3 seeds)", [0.655, 0.0124]),
    ],
)
def test_few_seeds_have_no_interval(n_seeds, line, numbers, tmp_path):
    results = of_seeds(n_seeds)
    text = overview(results)
    assert f"  {line}\n" in text
    assert text.count("±") == (3 if n_seeds == 3 else 0)
    assert "too few" not in text if n_seeds == 3 else "No winner" in text
    (row,) = (r for r in summary_table(results) if r["method"] == "slow")
    assert np.isnan(row["ci"]) == (n_seeds < 3)
    (difference,) = difference_table(results, "slow", "bad")
    assert np.isnan(difference["ci"]) == (n_seeds < 3)
    lines = write_tables(results, tmp_path)[1].read_text().splitlines()
    (cells,) = (line.split(",") for line in lines if line.startswith("a,low,slow,"))
    assert cells[3] == str(n_seeds)
    found = [float(cell) if cell else None for cell in cells[4:6]]
    assert cells[6:] == [""]  # no oracle ran
    assert found == pytest.approx(numbers, abs=1e-4)


def test_an_overview_of_nothing():
    assert overview(Results([])) == "There are no runs."
