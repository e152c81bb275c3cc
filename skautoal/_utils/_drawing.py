"""Helpers for plots. matplotlib (the extra ``plot``) is imported on demand."""

from __future__ import annotations

from collections.abc import Iterator

#: Maximum length of a name in a plot. Longer names would cover the plot.
_LONGEST = 30


def axes_of(ax, size: tuple[float, float]):
    """Return ``ax``, or the axes of a new figure of ``size`` in inches if it is None."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as exc:
        raise ImportError(
            "Plots require matplotlib. Install it with: pip install 'skautoal[plot]'."
        ) from exc
    return plt.subplots(figsize=size, layout="constrained")[1]


def line_styles() -> Iterator[dict[str, str]]:
    """Yield styles for lines: ten colours, then the same colours with other dashes."""
    for line in ("-", "--", ":", "-."):
        for colour in range(10):
            yield {"color": f"C{colour}", "linestyle": line}


def plain_text(name) -> str:
    """Shorten a name and escape it so that matplotlib shows it as it is."""
    name = str(name)
    name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."
    # matplotlib omits labels with a leading underscore from legends, and reads $ as TeX.
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
