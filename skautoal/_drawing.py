"""Helpers of all plots; matplotlib (the extra ``plot``) is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST = 30  # characters of a name; a longer one leaves no room for the plot


def axes_of(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return ``ax``, or the axes of a new figure of ``size`` in inches if it is None."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as exc:
        raise ImportError("Plots need matplotlib: pip install 'skautoal[plot]'.") from exc
    return plt.subplots(figsize=size, layout="constrained")[1]


def line_styles() -> Iterator[dict[str, str]]:
    """Yield ten colours with solid lines, then the same colours dashed and dotted."""
    for line in ("-", "--", ":", "-."):
        for colour in range(10):
            yield {"color": f"C{colour}", "linestyle": line}


def plain_text(name: object) -> str:
    """Return a user's name shortened and escaped, so that matplotlib shows it as it is."""
    name = str(name)
    name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."
    # Legends leave out names that begin with an underscore.
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
