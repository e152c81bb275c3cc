"""Results as CSV files, written without pandas, and as an overview for a terminal."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..._utils._files import write_whole
from ..runs._result import SECONDS
from ..runs._results import Results
from ..runs._words import counted
from ._scores import MIN_SEEDS
from ._tables import method_table, summary_table
from ._verdict import verdict

_NAMES = ("method", "task", "budget", "seed", "round")
_SUMMARY = ("task", "budget", "method", "n_seeds", "aubc", "ci")


def write_tables(results: Results, folder: str | os.PathLike[str]) -> list[Path]:
    """Write ``results.csv``, ``summary.csv`` and, apart from them, ``seconds.csv``.

    The first two are the same to the last byte whenever the same runs are repeated.

    Parameters
    ----------
    results : Results
        The runs.
    folder : path-like
        Folder to write to.

    Returns
    -------
    paths : list of Path
        The files.

    """
    rows = results.rows()
    tables: dict[str, tuple[Sequence[str], list[dict[str, Any]]]] = {
        "results.csv": (
            _NAMES,
            [{key: row[key] for key in row if key not in SECONDS} for row in rows],
        ),
        "summary.csv": (_SUMMARY, summary_table(results)),
        "seconds.csv": (
            _NAMES,
            [{key: row[key] for key in (*_NAMES, *SECONDS)} for row in rows],
        ),
    }
    written = []
    for name, (head, table) in tables.items():
        path = Path(folder) / name
        write_whole(path, _as_csv(head, table))
        written.append(path)
    return written


def overview(results: Results) -> str:
    """Return mean areas and the verdict as text for a terminal.

    Parameters
    ----------
    results : Results
        The runs.

    Returns
    -------
    text : str
        A line for each method in each setting, and the verdict on the last line.

    """
    if not results.settings:
        return "There are no runs."
    width = max(map(len, results.methods))
    lines = []
    for setting in results.settings:
        lines.append(f"{setting}: mean area under the budget curve, with its 95 % interval")
        rows = [
            row
            for row in summary_table(results)
            if (row["task"], row["budget"]) == (setting.task, setting.budget)
        ]
        if all(math.isnan(row["ci"]) for row in rows):
            lines[-1] = f"{setting}: mean area under the budget curve"
        for row in sorted(rows, key=lambda row: -row["aubc"]):
            lines.append(f"  {row['method']:{width}s}  {_area(row)}")
    if len(results.settings) > 1:
        lines += _over_settings(results, width)
    return "\n".join([*lines, verdict(results)])


def _area(row: dict[str, Any]) -> str:
    seeds, share = counted(row["n_seeds"], "seed"), row["oracle_share"]
    gain = "" if math.isnan(share) else f"; {share:.0%} of the oracle's gain"
    if not math.isnan(row["ci"]):
        return f"{row['aubc']:.4f} ± {row['ci']:.4f}  ({seeds}{gain})"
    few = ": too few for an interval" if 1 < row["n_seeds"] < MIN_SEEDS else ""
    return f"{row['aubc']:.4f}  ({seeds}{few}{gain})"


def _over_settings(results: Results, width: int) -> list[str]:
    try:
        rows = method_table(results)
    except ValueError:
        return []  # the verdict says why
    lines = ["All settings: mean rank, largest difference from the best method of a setting"]
    for row in rows:
        lines.append(
            f"  {row['method']:{width}s}  {row['mean_rank']:5.2f}  {row['worst_regret']:.4f}"
        )
    return lines


def _as_csv(head: Sequence[str], rows: list[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows[0] if rows else head)
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    """Write lists with spaces, weights as JSON, unknown values as nothing."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, float) and math.isnan(value):
        return ""
    return json.dumps(value) if isinstance(value, dict) else value
