"""The page on the costs of strategies: two figures, a CSV file, and a short table.

All of it is made from the results that ``strategies.py`` keeps.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from _strategy_tables import KEY, LARGEST, OURS, key_of, timed

#: The cell of the first figure and the table; n varies in the figure.
TYPICAL = (50_000, 64, 10, 100)
SIZES = (5_000, 20_000, 50_000, 100_000)
FIELDS = ("strategy", "library", *"ndCb", "seconds", "added_mb", "peak_mb", "failure")
#: Upper ends of the rows of the table, in seconds.
_LIMITS = {"under 0.1 s": 0.1, "0.1 to 1 s": 1.0, "1 to 10 s": 10.0, "over 10 s": np.inf}
_BLUES = ("#9ecae1", "#6baed6", "#2171b5", "#08306b")
_BEGIN, _END = "<!-- begin costs -->", "<!-- end costs -->"


def write_page(rows: list[dict], page: Path) -> None:
    """Write the figures and the CSV file, and put the table into the page.

    Parameters
    ----------
    rows : list of dict
        Results of cells.
    page : Path
        Markdown file with a comment before and one after the table. Figures and CSV go
        into the folder ``_static/costs`` beside it.

    """
    folder = page.parent / "_static" / "costs"
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(rows, folder / "strategy_costs.csv")
    _draw(_draw_seconds, rows, folder / "seconds.svg")
    _draw(_draw_peers, rows, folder / "peers.svg")
    before, _, rest = page.read_text().partition(_BEGIN)
    page.write_text(f"{before}{_BEGIN}\n\n{short_table(rows)}\n\n{_END}{rest.partition(_END)[2]}")


def write_csv(rows: list[dict], path: Path) -> None:
    """Write every cell as a row: what was asked, seconds and memory, or why it failed.

    Parameters
    ----------
    rows : list of dict
        Results of cells.
    path : Path
        The file.

    """
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for row in sorted(rows, key=lambda row: (row["name"], row["who"] != OURS, key_of(row))):
            who, name, *cell = (row[part] for part in KEY)
            writer.writerow([name, who, *cell, *(row.get(field, "") for field in FIELDS[6:])])


def short_table(rows: list[dict]) -> str:
    """Return a Markdown table: strategies by the seconds that a query takes."""
    cells = (TYPICAL, LARGEST)
    heads = [f"n = {n:,}, d = {d}, C = {C}, b = {b:,}" for n, d, C, b in cells]
    lines = [f"| a query takes | {' | '.join(heads)} |", "|---|---|---|"]
    lower = 0.0
    for title, upper in _LIMITS.items():
        found = [
            sorted(name for name, s in _ours(rows, cell).items() if lower <= s < upper)
            for cell in cells
        ]
        lines.append(f"| {title} | {' | '.join(', '.join(names) or 'none' for names in found)} |")
        lower = upper
    return "\n".join(lines)


def _ours(rows: list[dict], cell: tuple) -> dict[str, float]:
    """Seconds of our strategies in one cell."""
    return {key[1]: s for key, s in timed(rows).items() if key[0] == OURS and key[2:] == cell}


def _draw(function, rows: list[dict], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    # Without a fixed salt and date the file would differ each time it is made.
    with plt.rc_context({"font.size": 9, "svg.hashsalt": "skautoal"}):
        figure = function(plt, rows)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _draw_seconds(plt, rows: list[dict]):
    """Draw seconds against the size of the pool: a row for each strategy."""
    seconds = [_ours(rows, (n, *TYPICAL[1:])) for n in SIZES]
    largest = _ours(rows, LARGEST)
    names = sorted(seconds[-1], key=seconds[-1].get)
    figure, ax = plt.subplots(figsize=(6.5, 0.2 * len(names) + 1.3), layout="constrained")
    for place, name in enumerate(names):
        ends = [found[name] for found in (seconds[0], seconds[-1]) if name in found]
        ax.plot(ends, [place] * len(ends), color="0.85", linewidth=1, zorder=1)
    for n, found, colour in zip(SIZES, seconds, _BLUES, strict=True):
        places = [place for place, name in enumerate(names) if name in found]
        values = [found[names[place]] for place in places]
        ax.scatter(values, places, s=16, color=colour, label=f"n = {n:,}", zorder=2)
    places = [place for place, name in enumerate(names) if name in largest]
    label = "largest: n = {:,}, d = {}, C = {}, b = {:,}".format(*LARGEST)
    values = [largest[names[place]] for place in places]
    ax.scatter(values, places, s=20, marker="D", color="white", edgecolors="#c0392b", label=label)
    ax.set_yticks(range(len(names)), names)
    ax.set(xscale="log", xlabel="seconds per query, one thread", ylim=(-0.7, len(names) - 0.3))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    return figure


def _draw_peers(plt, rows: list[dict]):
    """Draw how many times as fast as each peer we are: median and range over the cells."""
    seconds = timed(rows)
    pairs: dict[tuple[str, str], list[float]] = {}
    alone: dict[tuple[str, str], int] = {}
    for who, name, *cell in map(key_of, rows):
        if who == OURS:
            continue
        ours, theirs = (seconds.get((w, name, *cell)) for w in (OURS, who))
        pair = pairs.setdefault((name, who), [])
        if ours and theirs:
            pair.append(theirs / ours)
        elif ours:
            alone[name, who] = alone.get((name, who), 0) + 1
    order = sorted(pairs, key=lambda pair: np.median(pairs[pair]))
    figure, ax = plt.subplots(figsize=(6.5, 0.3 * len(order) + 0.8), layout="constrained")
    for place, pair in enumerate(order):
        ratios = pairs[pair]
        ax.plot([min(ratios), max(ratios)], [place, place], color="#9ecae1", linewidth=4)
        ax.plot(np.median(ratios), place, "o", color="#08306b", markersize=5)
        ax.annotate(
            f"{np.median(ratios):.3g}x" + (f"  (+{alone[pair]})" if pair in alone else ""),
            (max(ratios), place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    ax.axvline(1, color="0.3", linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(order)), [f"{name}\n{who}" for name, who in order], fontsize=7.5)
    ax.set(xscale="log", xlabel="times as fast as the other library (1: equal)")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlim(right=ax.get_xlim()[1] * 8)  # room for the numbers
    ax.grid(axis="x", alpha=0.3)
    return figure
