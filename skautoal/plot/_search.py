"""What the search of a sampler came to: weights of strategies, and its course."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils._drawing import axes_of, plain_text
from ._unwrap import fitted_sampler

#: Parts of ``strategy_weights_`` in the order in which they come to be.
_PARTS = {"labeled": "labelled samples", "pool": "pool", "batch": "batch"}

#: Columns of ``search_history_`` that are drawn against the left axis.
_HISTORY: dict[str, tuple[str, dict[str, Any]]] = {
    "objective": ("objective", {"color": "black", "linewidth": 2}),
    "label_gain": ("gain on the labels", {"color": "C0"}),
    "pool_gain": ("coverage of the pool", {"color": "C1"}),
}


def strategy_weights(sampler, *, ax=None):
    """Draw how far a sampler trusts each of its strategies.

    Parameters
    ----------
    sampler : sampler or Pipeline
        Fitted, one that mixes or chooses strategies: with ``strategy_weights_``.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    ax : matplotlib Axes
        With a group of bars a strategy: mean weights over the labelled samples after
        ``fit``, over the pool and the batch of the last query.

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


def search_history(sampler, *, ax=None):
    """Draw the course of the last search of an AutoALSampler.

    Parameters
    ----------
    sampler : AutoALSampler or Pipeline
        Fitted; after a query its search on the pool is shown, too.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    ax : matplotlib Axes
        With the objective and its parts over the steps, the search on the labels first,
        then that on the pool; on a second, logarithmic axis the norm of the gradient.

    Raises
    ------
    ValueError
        If nothing was searched: in modes that do not learn, with a single strategy, and
        before the first query with an objective that only looks at the pool.

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
            # A part that is all there is would lie on the objective, one that is none at 0.
            if column == "objective" or not _none_or_all(part[column], part["objective"]):
                (lines[label],) = ax.plot(steps, part[column], label=label, **style)
        # A gradient of exactly zero has no place on a logarithmic axis.
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
    ax.legend(lines.values(), lines, fontsize=8)
    return ax


def _none_or_all(part: np.ndarray, whole: np.ndarray) -> bool:
    return not part.any() or np.array_equal(part, whole)
