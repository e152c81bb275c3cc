"""An HTML report of results: one file with everything in it."""

from __future__ import annotations

import base64
import io
import math
from html import escape
from pathlib import Path

from ..._utils._files import write_whole
from ..runs._results import Results
from . import _plots
from ._tables import (
    complete_methods,
    cost_table,
    difference_table,
    labels_saved,
    method_table,
    rank_summary,
    summary_table,
)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }}
table {{ border-collapse: collapse; margin: 1em 0; }}
th, td {{ padding: 0.2em 0.8em; border-bottom: 1px solid #ccc; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
img {{ max-width: 100%; }}
.note {{ color: #555; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""

#: Head of each column of the tables.
_HEADS = {
    "method": "method",
    "n_seeds": "seeds",
    "n_pairs": "pairs",
    "aubc": "area",
    "ci": "± 95 %",
    "mean_rank": "mean rank",
    "mean_aubc": "mean area",
    "mean_regret": "mean regret",
    "worst_regret": "worst regret",
    "near_best": "within 0.5 point of the best",
    "mean_penalty": "mean penalty",
    "difference": "difference",
    "p": "p",
    "p_holm": "p (Holm)",
    "labels": "labels",
    "ratio": "ratio",
    "seconds": "seconds a query",
    "setting": "setting",
}


def write_report(results: Results, path, *, title="skautoal: comparison of methods") -> Path:
    """Write tables, tests and plots of results as one self-contained HTML file.

    Needs matplotlib (the extra ``plot``).

    Parameters
    ----------
    results : Results
        The runs.
    path : path-like
        File to write; one that is there is replaced.
    title : str, default="skautoal: comparison of methods"
        Title of the page.

    Returns
    -------
    path : Path

    """
    if not results.settings:
        raise ValueError("There are no runs to report.")
    sections = [
        _intro(results),
        *_over_settings(results),
        *(_of_setting(results, setting) for setting in results.settings),
        _tests(results),
        _labels(results),
        "<h2>Cost</h2>" + _table(cost_table(results)),
        _weights(results),
    ]
    page = _PAGE.format(title=escape(title), body="\n".join(filter(None, sections)))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page)
    return path


def _intro(results: Results) -> str:
    return (
        f"<p>{len(results.methods)} methods, {len(results.settings)} settings, seeds"
        f" {escape(', '.join(map(str, results.seeds)))}. Area: of the accuracy under the budget"
        " curve, divided by the width of the budget.</p>"
    )


def _over_settings(results: Results) -> list[str]:
    try:
        complete = complete_methods(results)
    except ValueError as exc:
        return [f'<p class="note">{escape(str(exc))}</p>']
    sections = ["<h2>Over all settings</h2>"]
    missing = [method for method in results.methods if method not in complete.methods]
    if missing:
        names = escape(", ".join(missing))
        sections.append(f'<p class="note">Not run in every setting, left out here: {names}.</p>')
    sections.append(_table(method_table(complete)))
    if len(complete.methods) > 1:
        summary = rank_summary(complete)
        sections.append(
            f"<p>Critical difference of mean ranks (Nemenyi, 5 %):"
            f" {_number(summary['critical_difference'])}; p of Friedman's test:"
            f" {_number(summary['friedman_p'])}.</p>"
        )
        sections.append(_image(_plots.plot_critical_difference(complete), "mean ranks"))
        if len(complete.seeds) > 1:
            sections.append(_image(_plots.plot_penalty_matrix(complete), "penalty matrix"))
    return sections


def _of_setting(results: Results, setting) -> str:
    rows = [
        {key: row[key] for key in ("method", "n_seeds", "aubc", "ci")}
        for row in summary_table(results)
        if (row["task"], row["budget"]) == (setting.task, setting.budget)
    ]
    rows.sort(key=lambda row: -row["aubc"])
    plot = _image(_plots.plot_learning_curves(results, setting), f"learning curves, {setting}")
    return f"<h2>{escape(str(setting))}</h2>{_table(rows)}{plot}"


def _tests(results: Results) -> str:
    """Every method against random, which is what it has to beat."""
    if "random" not in results.methods or len(results.seeds) < 2:
        return ""
    parts = [
        "<h2>Against random</h2><p>Wilcoxon's signed-rank test over seeds, two-sided;"
        " Holm's correction over settings.</p>"
    ]
    for method in results.methods:
        rows = difference_table(results, method, "random") if method != "random" else []
        if rows:
            parts.append(f"<h3>{escape(method)}</h3>" + _table(_with_setting(rows)))
    return "".join(parts)


def _labels(results: Results) -> str:
    rows = labels_saved(results)
    if not rows:
        return ""
    return (
        "<h2>Labels saved</h2><p>Labels to reach 95 % of the accuracy with the whole pool, and"
        " their ratio to those of random.</p>" + _table(_with_setting(rows))
    )


def _weights(results: Results) -> str:
    images = []
    for method in results.methods:
        for setting in results.settings:
            runs = results.runs(method, setting)
            if any(row.strategy_weights for run in runs for row in run.rounds):
                plot = _plots.plot_strategy_weights(results, method, setting)
                images.append(_image(plot, f"weights, {method}, {setting}"))
    return "<h2>Weights of strategies</h2>" + "".join(images) if images else ""


def _with_setting(rows: list[dict]) -> list[dict]:
    return [
        {"setting": f"{row['task']} ({row['budget']})"}
        | {key: value for key, value in row.items() if key not in ("task", "budget")}
        for row in rows
    ]


def _table(rows: list[dict]) -> str:
    head = "".join(f"<th>{escape(_HEADS[key])}</th>" for key in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value) -> str:
    return _number(value) if isinstance(value, float) else escape(str(value))


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "not reached"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def _image(ax, alt: str) -> str:
    """A plot as an image inside the page; its figure is closed."""
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    ax.figure.savefig(buffer, format="png", dpi=110)
    plt.close(ax.figure)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<p><img alt="{escape(alt)}" src="data:image/png;base64,{data}"></p>'
