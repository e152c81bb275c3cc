"""Cells of tables as text: the same words in HTML, in Markdown and on a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_FEW = "too few seeds"


def _fixed(digits: int) -> Callable[[float], str]:
    return lambda value: f"{value:.{digits}f}"


def _labels(value: float) -> str:
    return "not reached" if math.isinf(value) else f"{value:,.0f}"


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _ratio(value: float) -> str:
    return "not reached" if math.isinf(value) else f"{value:.2f}"


@dataclass(frozen=True)
class _Column:
    """A column of a table: its head, how values are written, and what stands for NaN."""

    head: str
    write: Callable[[Any], str] = str
    unknown: str = ""


_COLUMNS = {
    "setting": _Column("setting"),
    "method": _Column("method"),
    "n_seeds": _Column("seeds"),
    "n_pairs": _Column("seeds"),
    "aubc": _Column("mean area", _fixed(4)),
    "ci": _Column("95 % interval", lambda value: f"± {value:.4f}", _FEW),
    "mean_rank": _Column("mean rank", _fixed(2)),
    "mean_aubc": _Column("mean area", _fixed(4)),
    "mean_regret": _Column("behind the best, mean", _fixed(4)),
    "worst_regret": _Column("behind the best, at most", _fixed(4)),
    "near_best": _Column("within 0.005 of the best", lambda value: f"{value:.0%}"),
    "mean_penalty": _Column("mean penalty", _fixed(2)),
    "oracle_share": _Column("share of the oracle's gain", lambda value: f"{value:.0%}"),
    "difference": _Column("ahead of random", lambda value: f"{value:+.4f}"),
    "p": _Column("p", _p_value, _FEW),
    "p_holm": _Column("p (Holm)", _p_value, _FEW),
    "labels": _Column("labels", _labels),
    "ratio": _Column("share of random's labels", _ratio, "random does not reach it"),
    "seconds": _Column("seconds per query", lambda value: f"{value:.3g}"),
    "times": _Column("times entropy", lambda value: f"{value:.3g}"),
}


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    heads : list of str
        Heads of the columns.
    rows : list of list of str
        Cells.

    """

    heads: list[str]
    rows: list[list[str]]


def table_of(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Write rows of values as text; columns without a known value are left out.

    Parameters
    ----------
    rows : sequence of dict
        At least one row. All rows have the same keys.

    Returns
    -------
    table : Table

    """
    keys = [key for key in rows[0] if _shown(key, rows)]
    cells = [[_cell(key, row[key]) for key in keys] for row in rows]
    return Table([_COLUMNS[key].head for key in keys], cells)


def _shown(key: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    if not all(_unknown(row[key]) for row in rows):
        return True
    # With one seed there is nothing to say about an interval; two are told to be too few.
    return _COLUMNS[key].unknown == _FEW and max(_n_seeds(row) for row in rows) > 1


def _n_seeds(row: Mapping[str, Any]) -> int:
    return row.get("n_seeds", row.get("n_pairs", 0))


def _cell(key: str, value: Any) -> str:
    column = _COLUMNS[key]
    return column.unknown if _unknown(value) else column.write(value)


def _unknown(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
