"""What all plots share; matplotlib (the extra ``plot``) is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Iterator

#: Longer names would leave no room for what they name.
_LONGEST = 30


def axes_of(ax, size: tuple[float, float]):
    """The axes to draw on: ``ax``, or those of a new figure of ``size`` in inches."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as exc:
        raise ImportError("Plots need matplotlib: pip install 'skautoal[plot]'.") from exc
    return plt.subplots(figsize=size, layout="constrained")[1]


def line_styles() -> Iterator[dict[str, str]]:
    """Ten colours, then the same ones dashed and dotted."""
    for line in ("-", "--", ":", "-."):
        for colour in range(10):
            yield {"color": f"C{colour}", "linestyle": line}


def plain_text(name) -> str:
    """A name of the user's, not too long, no mathematics, and never left out of a legend."""
    name = str(name)
    name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."
    # Legends leave out what begins with an underscore.
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
