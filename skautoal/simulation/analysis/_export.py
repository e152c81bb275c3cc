"""Results as files and as text: CSV tables without pandas, an overview for a terminal."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from ..._utils._files import write_whole
from ..runs._result import SECONDS
from ..runs._results import Results
from ._tables import method_table, summary_table

_NAMES = ("method", "task", "budget", "seed", "round")


def write_tables(results: Results, folder) -> list[Path]:
    """Write ``results.csv`` and, apart, the times as ``seconds.csv``.

    The first is the same to the last byte whenever the same runs are repeated.
    """
    rows = results.rows()
    values = [{key: row[key] for key in row if key not in SECONDS} for row in rows]
    seconds = [{key: row[key] for key in (*_NAMES, *SECONDS)} for row in rows]
    folder = Path(folder)
    written = []
    for name, table in (("results.csv", values), ("seconds.csv", seconds)):
        write_whole(folder / name, _as_csv(table))
        written.append(folder / name)
    return written


def overview(results: Results) -> str:
    """Areas under the budget curve for a terminal: settings down, methods in columns."""
    lines = []
    for setting in results.settings:
        lines.append(f"{setting}: area under the budget curve, 95 % confidence")
        rows = [
            row
            for row in summary_table(results)
            if (row["task"], row["budget"]) == (setting.task, setting.budget)
        ]
        for row in sorted(rows, key=lambda row: -row["aubc"]):
            lines.append(
                f"  {row['method']:28s} {row['aubc']:.4f} ± {row['ci']:.4f}"
                f"  ({row['n_seeds']} seeds)"
            )
    if len(results.settings) > 1:
        lines.append("Over all settings: mean rank, worst regret to the best single method")
        for row in method_table(results):
            lines.append(
                f"  {row['method']:28s} {row['mean_rank']:6.2f} {row['worst_regret']:8.4f}"
            )
    return "\n".join(lines)


def _as_csv(rows: list[dict]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows[0] if rows else _NAMES)
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return buffer.getvalue()


def _cell(value):
    """Lists separated by spaces, weights as JSON, numbers with all their digits."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) else value
