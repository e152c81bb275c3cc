"""The critical-difference diagram: mean ranks, and groups without significant differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ..._utils._drawing import axes_of, plain_text, size_in_points
from ..runs._results import Results
from ._tables import rank_summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FONT = 9.0
_GAP = 6.0  # points between a line and its text


def plot_critical_difference(
    results: Results, *, metric: str = "accuracy", alpha: float = 0.05, ax: Axes | None = None
) -> Axes:
    """Plot the mean ranks of methods; bars join those that do not differ significantly.

    The test is Nemenyi's. The best method is on the upper left.

    Parameters
    ----------
    results : Results
        The runs. Methods that lack a setting are left out.
    metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
        Metric of the curves.
    alpha : float, default=0.05
        Significance level.
    ax : matplotlib Axes, optional
        Axes to draw on. By default those of a new figure. All text is inside the axes.

    Returns
    -------
    ax : matplotlib Axes

    """
    summary = rank_summary(results, metric, alpha)
    names, ranks = list(summary["ranks"]), np.array(list(summary["ranks"].values()))
    width = summary["critical_difference"]
    groups = cliques(ranks, width)
    n = len(names)
    half = (n + 1) // 2  # on the left
    texts = [
        f"{plain_text(name)}  {rank:.2f}" if i < half else f"{rank:.2f}  {plain_text(name)}"
        for i, (name, rank) in enumerate(zip(names, ranks, strict=True))
    ]
    rooms = [max(map(_points, part), default=0.0) for part in (texts[:half], texts[half:])]
    rows = 1.9 + 0.3 * len(groups) + 0.5 * half
    inches = (4 * _GAP + sum(rooms)) / 72 + max(3.2, sum(rooms) / 144)
    new = ax is None
    ax = axes_of(ax, (inches, 0.5 * rows + 0.2))
    if new:
        # The layout makes axes as wide as the figure only when it is drawn.
        cast("Figure", ax.figure).draw_without_rendering()
    low, high, size = _limits(ax, n, rooms)
    # From the top: the axis, the bars of the groups, a line for each method.
    for number, (first, last) in enumerate(groups):
        height = -0.4 - 0.3 * number
        ax.plot([ranks[first], ranks[last]], [height] * 2, color="black", linewidth=3)
    top = 0.5 + 0.3 * len(groups)
    for i, (text, rank) in enumerate(zip(texts, ranks, strict=True)):
        left = i < half
        height = -top - 0.5 * (i if left else n - 1 - i)
        end = 0.9 if left else n + 0.1
        ax.plot([rank, rank, end], [0, height, height], color="0.3", linewidth=0.8)
        ax.annotate(
            text,
            (end, height),
            xytext=(-_GAP if left else _GAP, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=size,
        )
    if np.isfinite(width):
        shown = min(width, n - 1)  # a longer one would leave the axis
        ax.plot([1, 1 + shown], [0.8, 0.8], color="black", linewidth=1.5)
        if width > n - 1:
            ax.plot([1 + shown], [0.8], color="black", marker=">", markersize=5)
        ax.text(1, 0.95, f"critical difference {width:.2f}", fontsize=size)
    ax.set(xlim=(low, high), ylim=(-top - 0.5 * (half - 1) - 0.4, 1.5))
    _draw_axis(ax, n, size)
    return ax


def _points(text: str) -> float:
    """Measure the width of a text of the normal size in points."""
    from matplotlib.textpath import TextPath

    return TextPath((0, 0), text, size=_FONT).get_extents().x1


def _limits(ax: Axes, n: int, rooms: list[float]) -> tuple[float, float, float]:
    """Return limits of the axis of ranks that leave room for the text, and the font size."""
    given = size_in_points(ax)[0]
    needed = sum(rooms) + 4 * _GAP
    # At least a third is for the lines; text that leaves less is made smaller.
    scale = min(1.0, given * 2 / 3 / needed)
    span = max(n - 1, 1) + 0.2
    per_point = span / (given - scale * needed)
    low, high = (scale * (room + 2 * _GAP) * per_point for room in rooms)
    return 0.9 - low, n + 0.1 + high, scale * _FONT


def _draw_axis(ax: Axes, n: int, size: float) -> None:
    for side in ("left", "right", "bottom"):
        ax.spines[side].set_visible(False)
    ax.spines["top"].set_position(("data", 0))
    ax.spines["top"].set_bounds(1, n)
    ax.set_yticks([])
    # The numbers of more methods would touch each other.
    ax.set_xticks(range(1, n + 1) if n <= 15 else [1, *range(5, n + 1, 5)])
    ax.tick_params(axis="x", labelsize=size)
    ax.xaxis.set_ticks_position("top")


def cliques(ranks: np.ndarray, difference: float) -> list[tuple[int, int]]:
    """Find the largest groups of methods within a difference.

    Parameters
    ----------
    ranks : ndarray of shape (n_methods,)
        Mean ranks, sorted.
    difference : float
        Largest difference of ranks within a group.

    Returns
    -------
    groups : list of (int, int)
        First and last method of each group of at least two.

    """
    groups: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = int(np.searchsorted(ranks, ranks[first] + difference, side="right")) - 1
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return groups
