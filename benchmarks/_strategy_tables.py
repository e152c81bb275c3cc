"""Markdown tables of the strategy benchmark: bars, peers, growth, largest cell."""

from __future__ import annotations

import numpy as np

#: Bars at n = 5,000, d = 64, C = 10, b = 50: at least so many times a peer's speed.
BARS = {
    ("badge", "scikit-activeml"): 20,
    ("kcenter_greedy", "alipy"): 1.2,
    ("kcenter_greedy", "scikit-activeml"): 5,
    ("typiclust", "scikit-activeml"): 5,
    ("probcover", "scikit-activeml"): 5,
    ("max_herding", "scikit-activeml"): 20,
}
BAR_CELL = (5_000, 64, 10, 50)
LARGEST = (100_000, 512, 100, 1_000)
OURS = "skautoal"

SKIPPED = "skipped: smaller cell failed"
KEY = ("who", "name", *"ndCb")


def key_of(row: dict) -> tuple:
    """What tells the results of one cell from all others."""
    return tuple(row[part] for part in KEY)


def tables(rows: list[dict]) -> str:
    """All tables, each under its heading."""
    parts = [
        ("The bars", bar_table(rows)),
        ("Beside their peers", peer_table(rows)),
        ("Growth with the pool", growth_table(rows)),
        ("The largest cell", largest_table(rows)),
    ]
    return "\n".join(line for title, lines in parts for line in (f"## {title}", "", *lines, ""))


def bar_table(rows: list[dict]) -> list[str]:
    """What was wanted of each pair, and what was measured."""
    lines = ["| bar | wanted | measured |", "|---|---|---|"]
    seconds = timed(rows)
    for (name, peer), wanted in BARS.items():
        ours, theirs = seconds.get((OURS, name, *BAR_CELL)), seconds.get((peer, name, *BAR_CELL))
        if ours and theirs:
            lines.append(f"| {name} over {peer} | {wanted}x | {theirs / ours:.1f}x |")
    return lines


def peer_table(rows: list[dict]) -> list[str]:
    """Each pair over all cells: times as fast, and who finished where the other did not."""
    lines = [
        "| strategy | peer | cells both finished | times as fast: median | least | most |"
        " only we finished | only the peer |",
        "|---|---|---|---|---|---|---|---|",
    ]
    seconds = timed(rows)
    cells: dict[tuple, set] = {}
    for key in map(key_of, rows):
        if key[0] != OURS:
            cells.setdefault((key[1], key[0]), set()).add(key[2:])
    for (name, peer), given in sorted(cells.items()):
        pairs = [(seconds.get((OURS, name, *c)), seconds.get((peer, name, *c))) for c in given]
        ratios = [theirs / ours for ours, theirs in pairs if ours and theirs]
        alone = sum(bool(ours and not theirs) for ours, theirs in pairs)
        other = sum(bool(theirs and not ours) for ours, theirs in pairs)
        values = (np.median(ratios), min(ratios), max(ratios)) if ratios else ()
        shown = " | ".join(f"{value:.3g}" for value in values) or " | | "
        lines.append(f"| {name} | {peer} | {len(ratios)} | {shown} | {alone} | {other} |")
    return lines


def growth_table(rows: list[dict]) -> list[str]:
    """Exponents fitted to the seconds of three or more cells that differ in n alone."""
    points: dict[tuple, dict[int, float]] = {}
    for (who, name, n, *group), seconds in timed(rows).items():
        points.setdefault((name, who), {}).setdefault(tuple(group), {})[n] = seconds
    lines = [
        "| strategy | library | seconds grow as n to the (d=64, C=10, b=100) |"
        " (d=512, C=100, b=1000) |",
        "|---|---|---|---|",
    ]
    for (name, who), groups in sorted(points.items()):
        fits = [_exponent(groups.get(group, {})) for group in ((64, 10, 100), (512, 100, 1000))]
        if any(fits):
            lines.append(f"| {name} | {who} | {' | '.join(fits)} |")
    return lines


def _exponent(seconds: dict[int, float]) -> str:
    if len(seconds) < 3:
        return ""
    return f"{np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0]:.2f}"


def largest_table(rows: list[dict]) -> list[str]:
    """Seconds and memory at 100,000 samples of 512 numbers, 100 classes, a batch of 1,000."""
    lines = [
        "| strategy | library | seconds | peak MB of the process | MB the query added |",
        "|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda r: (r["name"], r["who"] != OURS, r["who"])):
        if key_of(row)[2:] == LARGEST:
            result = (
                f"{row['failure']} | |"
                if "failure" in row
                else f"{_short(row['seconds'])} | {row['peak_mb']} | {row['added_mb']}"
            )
            lines.append(f"| {row['name']} | {row['who']} | {result} |")
    return lines


def _short(seconds: float) -> str:
    return f"{seconds:.4f}" if seconds < 0.1 else f"{seconds:.3g}"


def timed(rows: list[dict]) -> dict[tuple, float]:
    """Return the seconds of the cells that were finished.

    They are rounded to a tenth of a millisecond, so that zero would mean less.
    """
    return {key_of(row): max(row["seconds"], 1e-4) for row in rows if "seconds" in row}
