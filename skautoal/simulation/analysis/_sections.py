"""The sections of a report, whatever it is written as: paragraphs, tables, figures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ..runs._results import Results, Setting
from ..runs._words import listed
from ._cells import Table, table_of
from ._oracle_share import has_oracle
from ._plots import plot_learning_curves, plot_penalty_matrix, plot_strategy_weights
from ._rank_plot import plot_critical_difference
from ._savings import cost_table, labels_saved
from ._scores import MIN_SEEDS, complete_methods
from ._tables import difference_table, method_table, rank_summary, summary_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_AREA = (
    "Area: the area under the budget curve, that is the mean height of the curve of test accuracy"
    " over the number of labels."
)

_ORACLE = (
    "The oracle knows the labels: in each round it buys the best of about 100 batches by their"
    " true labels. The share of its gain is the gain of a method over random sampling, divided by"
    " that of the oracle. Both are measured on the half of the test set that the oracle has not"
    " seen."
)


@dataclass(frozen=True)
class Figure:
    """A figure that is drawn when it is needed, and its description in words."""

    draw: Callable[[], Axes]
    alt: str


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes
    ----------
    title : str
        Heading.
    text : list of str
        Paragraphs.
    table : Table or None
        Comes after the paragraphs.
    figures : list of Figure
        Come last.

    """

    title: str
    text: list[str] = field(default_factory=list)
    table: Table | None = None
    figures: list[Figure] = field(default_factory=list)


def sections_of(results: Results) -> list[Section]:
    """Make the sections of a report, in order."""
    sections = [
        _over_settings(results),
        *(_of_setting(results, setting) for setting in results.settings),
        _against_random(results),
        _labels(results),
        _cost(results),
        _weights(results),
    ]
    found = [section for section in sections if section is not None]
    found[0].text.insert(0, _AREA)
    if has_oracle(results):
        found[0].text.insert(1, _ORACLE)
    return found


def _over_settings(results: Results) -> Section | None:
    if len(results.settings) < 2:
        return None
    try:
        complete = complete_methods(results)
    except ValueError:
        return None  # the verdict says so
    title = f"All {len(results.settings)} settings"
    text = [
        "A setting is a task with a budget. Mean ranks, areas and differences are means over"
        " settings; the best method of a setting is that with the largest mean area."
    ]
    missing = [method for method in results.methods if method not in complete.methods]
    if missing:
        text.append(f"Left out, because not run in every setting: {listed(missing)}.")
    figures = []
    if len(complete.methods) > 1:
        summary = rank_summary(complete)
        text.append(
            f"P value of Friedman's test: {summary['friedman_p']:.2g}. Mean ranks that differ by"
            f" less than {summary['critical_difference']:.2f} do not differ significantly"
            " (Nemenyi's test, 5 % level)."
        )
        figures = [
            Figure(partial(plot_critical_difference, complete), "mean ranks of the methods"),
            *_penalties(complete),
        ]
    return Section(title, text, table_of(method_table(complete)), figures)


def _penalties(results: Results) -> list[Figure]:
    if len(results.seeds) < MIN_SEEDS or len(results.methods) < 2:
        return []
    return [Figure(partial(plot_penalty_matrix, results), "penalty matrix of the methods")]


def _of_setting(results: Results, setting: Setting) -> Section:
    rows = [
        {key: row[key] for key in ("method", "n_seeds", "aubc", "ci", "oracle_share")}
        for row in summary_table(results)
        if (row["task"], row["budget"]) == (setting.task, setting.budget)
    ]
    rows.sort(key=lambda row: -row["aubc"])
    figures = [
        Figure(partial(plot_learning_curves, results, setting), f"learning curves, {setting}")
    ]
    if len(results.settings) == 1:
        figures += _penalties(results)
    return Section(str(setting), [], table_of(rows), figures)


def _against_random(results: Results) -> Section | None:
    """Compare every method with random sampling, the baseline that it has to beat."""
    if "random" not in results.methods or len(results.seeds) < 2:
        return None
    rows = []
    for method in results.methods:
        if method != "random":
            for row in difference_table(results, method, "random", test="t"):
                rows.append({"method": method, **_with_setting(row, results)})
    if not rows:
        return None
    if len(results.settings) == 1:
        rows.sort(key=lambda row: -row["difference"])
    text = (
        "Difference of areas to random sampling, over the same seeds. P values are of two-sided"
        " paired t tests"
    )
    text += (
        ", corrected over the settings by Holm."
        if len(results.settings) > 1
        else ", not corrected for the number of methods."
    )
    return Section("Against random sampling", [text], table_of(rows))


def _with_setting(row: dict[str, Any], results: Results) -> dict[str, Any]:
    """Put task and budget into one column, or into none if there is one setting."""
    few = len(results.settings) == 1
    if row.get("n_pairs", MIN_SEEDS) < MIN_SEEDS:
        # Like its interval: the test exists, but has next to no power.
        row = row | dict.fromkeys(("p", "p_holm"), float("nan"))
    left_out = ("task", "budget", "p_holm" if few else "p")
    setting = {} if few else {"setting": str(Setting(row["task"], row["budget"]))}
    return setting | {key: value for key, value in row.items() if key not in left_out}


def _labels(results: Results) -> Section | None:
    rows = labels_saved(results)
    if not rows:
        return None
    if len(results.settings) == 1:
        rows.sort(key=lambda row: row["labels"])
    text = "Labels needed to reach 95 % of the accuracy of a net trained on the whole pool."
    return Section("Labels saved", [text], table_of([_with_setting(row, results) for row in rows]))


def _cost(results: Results) -> Section | None:
    rows = [
        {"method": row["method"], "seconds": row["seconds"], "times": row["ratio"]}
        for row in sorted(cost_table(results), key=lambda row: row["seconds"])
        if not math.isnan(row["seconds"])
    ]
    if not rows:
        return None
    text = "Median time of a query, without the training of the net."
    return Section("Cost", [text], table_of(rows))


def _weights(results: Results) -> Section | None:
    figures = [
        Figure(
            partial(plot_strategy_weights, results, method, setting),
            f"weights of strategies, {method}, {setting}",
        )
        for method in results.methods
        for setting in results.settings
        if _weights_change(results, method, setting)
    ]
    return Section("Weights of strategies", figures=figures) if figures else None


def _weights_change(results: Results, method: str, setting: Setting) -> bool:
    """Return True if weights were recorded that change from round to round."""
    for run in results.runs(method, setting):
        weights = [row.strategy_weights for row in run.rounds if row.strategy_weights]
        if any(not _close(weights[0], other) for other in weights[1:]):
            return True
    return False


def _close(a: dict[str, float], b: dict[str, float]) -> bool:
    return all(abs(a.get(name, 0.0) - b.get(name, 0.0)) < 1e-6 for name in {*a, *b})
