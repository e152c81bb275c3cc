"""Helpers for plots. matplotlib (the extra ``plot``) is imported on demand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Maximum length of a name in a plot. Longer names would leave no room for the plot.
_LONGEST = 30


def axes_of(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the axes to draw on: ``ax``, or those of a new figure of ``size`` in inches."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as exc:
        raise ImportError(
            "Plots require matplotlib. Install it with: pip install 'skautoal[plot]'."
        ) from exc
    return plt.subplots(figsize=size, layout="constrained")[1]


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Return width and height of axes in points; layouts may still change them a little."""
    scale = 72 / ax.figure.dpi
    return scale * ax.bbox.width, scale * ax.bbox.height


def line_styles() -> Iterator[dict[str, Any]]:
    """Yield styles without end: ten colours, then the same colours with other dashes."""
    return cycle(
        {"color": f"C{colour}", "linestyle": line}
        for line in ("-", "--", ":", "-.")
        for colour in range(10)
    )


def plain_text(name: object) -> str:
    """Shorten a name and escape it so that matplotlib shows it as it is.

    Long names lose their middle, because similar names often differ at the end.
    """
    text = str(name)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 15]}...{text[-12:]}"
    # matplotlib omits labels with a leading underscore from legends, and reads $ as TeX.
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def legend_beside(ax: Axes, title: str | None = None) -> None:
    """Put the legend on the right of the axes, where it covers no line.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes with labelled artists.
    title : str, optional
        Title of the legend.

    """
    n = len(ax.get_legend_handles_labels()[1])
    # As many columns as it takes to be no higher than the axes.
    rows = max(1, int(size_in_points(ax)[1] / 13) - 1)
    ax.legend(
        title=title,
        title_fontsize=8,
        fontsize=8,
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        borderaxespad=0,
        frameon=False,
        ncols=-(-n // rows),
    )
