"""Plots of a search: the weights of strategies, and the objective over its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._utils._drawing import axes_of, plain_text
from ._unwrap import fitted_sampler

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Parts of ``strategy_weights_`` in the order in which they are computed.
_PARTS = {"labeled": "labelled samples", "pool": "pool", "batch": "batch"}

#: Columns of ``search_history_`` on the left axis: label and style.
_HISTORY: dict[str, tuple[str, dict[str, Any]]] = {
    "objective": ("objective", {"color": "black", "linewidth": 2}),
    "label_gain": ("gain on the labels", {"color": "C0"}),
    "pool_gain": ("coverage of the pool", {"color": "C1"}),
}


def strategy_weights(sampler: Any, *, ax: Axes | None = None) -> Axes:
    """Plot the weights that a sampler gave its strategies.

    Parameters
    ----------
    sampler : sampler or Pipeline
        Fitted sampler with ``strategy_weights_``, that is one that mixes strategies or
        chooses between them.
    ax : matplotlib Axes, optional
        Axes to draw on. By default those of a new figure.

    Returns
    -------
    ax : matplotlib Axes
        A group of bars per strategy: mean weights over the labelled samples after
        ``fit``, and over the pool and the batch of the last query.

    Raises
    ------
    ValueError
        If the sampler has no weights, or none yet.

    """
    weights = getattr(fitted_sampler(sampler), "strategy_weights_", None)
    if not weights:
        raise ValueError(
            "'sampler' has no weights of strategies in 'strategy_weights_'. Give a sampler"
            " that takes 'strategies', such as AutoALSampler, and call its query first."
        )
    parts = [part for part in _PARTS if part in weights]
    names = list(dict.fromkeys(name for part in parts for name in weights[part]))
    ax = axes_of(ax, (6, 1.2 + 0.45 * len(names)))
    height = 0.8 / len(parts)
    for number, part in enumerate(parts):
        middle = np.arange(len(names)) + height * (number - (len(parts) - 1) / 2)
        shares = [weights[part].get(name, 0.0) for name in names]
        ax.barh(middle, shares, height, label=_PARTS[part])
    ax.axvline(1 / len(names), color="0.3", linestyle=":", linewidth=1, label="equal weights")
    ax.set_yticks(range(len(names)), [plain_text(name) for name in names])
    ax.invert_yaxis()
    ax.set(xlabel="mean weight", xlim=(0, None))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, fontsize=8, frameon=False)
    return ax


def search_history(sampler: Any, *, ax: Axes | None = None) -> Axes:
    """Plot the objective of the last search of an AutoALSampler over its steps.

    Parameters
    ----------
    sampler : AutoALSampler or Pipeline
        Fitted sampler. After a query, the search on its pool is shown as well.
    ax : matplotlib Axes, optional
        Axes to draw on. By default those of a new figure.

    Returns
    -------
    ax : matplotlib Axes
        The objective and its parts over the steps, first of the search on the labels,
        then of that on the pool. A second, logarithmic axis has the norm of the gradient.

    Raises
    ------
    ValueError
        If there was no search: with equal weights, with a single strategy, and before the
        first query with an objective that uses the pool only.

    """
    history = getattr(fitted_sampler(sampler), "search_history_", None)
    if history is None:
        raise ValueError(
            "'sampler' has no search in 'search_history_'. Give an AutoALSampler with more"
            " than one strategy and mode='search' or 'paper', and call its query first."
        )
    ax = axes_of(ax, (7, 4))
    norms = ax.twinx()
    lines = {}
    for phase in dict.fromkeys(history["phase"].tolist()):
        steps = np.flatnonzero(history["phase"] == phase)
        part = history[steps]
        for column, (label, style) in _HISTORY.items():
            # A part that equals the objective would hide it; one that is 0 says nothing.
            if column == "objective" or not _none_or_all(part[column], part["objective"]):
                (lines[label],) = ax.plot(steps, part[column], label=label, **style)
        # A logarithmic axis cannot show a gradient of exactly 0.
        norm = np.where(part["grad_norm"] > 0, part["grad_norm"], np.nan)
        label = "norm of the gradient"
        (lines[label],) = norms.plot(steps, norm, color="0.6", linewidth=0.8, label=label)
        if steps[0] > 0:
            ax.axvline(steps[0] - 0.5, color="0.3", linestyle=":", linewidth=1)
        title = f"search on the {phase}"
        ax.text(steps[0], 1.01, title, transform=ax.get_xaxis_transform(), fontsize=8)
    norms.set_yscale("log")
    norms.set_ylabel("norm of the gradient", color="0.4")
    ax.set(xlabel="step", ylabel="objective")
    # Above the titles of the two searches, where it covers no line of either axis.
    ax.legend(
        lines.values(),
        lines.keys(),
        loc="lower center",
        bbox_to_anchor=(0.5, 1.06),
        ncols=4,
        fontsize=8,
        frameon=False,
    )
    return ax


def _none_or_all(part: np.ndarray, whole: np.ndarray) -> bool:
    return not part.any() or np.array_equal(part, whole)
