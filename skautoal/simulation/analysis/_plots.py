"""Plots of results; matplotlib (the extra ``plot``) is imported when one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._utils._drawing import axes_of, legend_beside, line_styles, plain_text
from ..runs._results import Results, Setting
from ..runs._words import counted
from ._scores import seed_interval
from ._tables import penalties_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log-loss",
    "half_accuracy": "accuracy on half of the test set",
}


def plot_learning_curves(
    results: Results, setting: Setting, *, metric: str = "accuracy", ax: Axes | None = None
) -> Axes:
    """Plot the mean learning curves of a setting.

    With three or more seeds, a band around each curve shows the 95 % confidence interval
    of the mean.

    Parameters
    ----------
    results : Results
        The runs.
    setting : Setting
        Task and budget, one of ``results.settings``.
    metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
        Metric of the curves.
    ax : matplotlib Axes, optional
        Axes to draw on. By default those of a new figure.

    Returns
    -------
    ax : matplotlib Axes

    """
    n_labeled, curves = results.curves(setting, metric)
    ax = axes_of(ax, (7.5, 4 if len(curves) <= 20 else 6))
    for (method, values), style in zip(curves.items(), line_styles(), strict=False):
        mean, half = values.mean(axis=0), seed_interval(values.T)
        ax.plot(n_labeled, mean, label=plain_text(method), **style)
        if not np.isnan(half).any():
            # The interval of few seeds may pass the limits of the metric.
            band = np.clip([mean - half, mean + half], 0, np.inf if metric == "log_loss" else 1)
            ax.fill_between(n_labeled, *band, color=style["color"], alpha=0.15, linewidth=0)
    ax.set(xlabel="labels", ylabel=_LABELS[metric], title=plain_text(setting))
    sizes = sorted({len(values) for values in curves.values()})
    seeds = " or ".join(map(str, sizes[:-1])) + (" or " if sizes[:-1] else "")
    legend_beside(ax, f"mean of {seeds}{counted(sizes[-1], 'seed')}" if sizes[-1] > 1 else None)
    return ax


def plot_penalty_matrix(
    results: Results, *, metric: str = "accuracy", ax: Axes | None = None
) -> Axes:
    """Plot a heat map of the pairwise penalty matrix, with the mean of each column below.

    Parameters
    ----------
    results : Results
        The runs, of at least two seeds. Methods that lack a setting are left out.
    metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
        Metric of the curves.
    ax : matplotlib Axes, optional
        Axes to draw on. By default those of a new figure.

    Returns
    -------
    ax : matplotlib Axes

    """
    names, penalties = penalties_of(results, metric)
    table = np.vstack([penalties, penalties.mean(axis=0)])
    n = len(names)
    labels = [plain_text(name) for name in names]
    room = 0.08 * max(map(len, labels))
    ax = axes_of(ax, (2.5 + 0.5 * n + room, 2 + 0.45 * n + room))
    ax.imshow(table, cmap="viridis_r", aspect="auto", vmin=0)
    middle = table.max() / 2
    for (row, column), value in np.ndenumerate(table):
        colour = "white" if value > middle else "black"
        ax.text(column, row, f"{value:.1f}", ha="center", va="center", color=colour, fontsize=8)
    ax.axhline(n - 0.5, color="white", linewidth=3)
    ax.set_xticks(range(n), labels, rotation=45, ha="right")
    ax.set_yticks(range(n + 1), [*labels, "mean of column"])
    ax.set_title(
        "row significantly better than column: share of"
        f"\nrounds, sum over {counted(len(results.settings), 'setting')}",
        fontsize=9,
    )
    return ax


def plot_strategy_weights(
    results: Results, method: str, setting: Setting, *, ax: Axes | None = None
) -> Axes:
    """Plot the weights that a method gave its strategies in each round, mean over seeds.

    Parameters
    ----------
    results : Results
        The runs.
    method : str
        Name of the method.
    setting : Setting
        Task and budget.
    ax : matplotlib Axes, optional
        Axes to draw on. By default those of a new figure.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If the method recorded no weights.

    """
    runs = [
        run for run in results.runs(method, setting) if any(r.strategy_weights for r in run.rounds)
    ]
    if not runs:
        raise ValueError(f"Method {method!r} recorded no weights of strategies in {setting}.")
    rounds = [number for number, row in enumerate(runs[0].rounds) if row.strategy_weights]
    names = list(runs[0].rounds[rounds[0]].strategy_weights or ())
    weights = np.mean(
        [
            [[(run.rounds[r].strategy_weights or {})[name] for name in names] for r in rounds]
            for run in runs
        ],
        axis=0,
    )
    ax = axes_of(ax, (7.5, 4 if len(names) <= 20 else 6))
    from matplotlib.ticker import MaxNLocator

    for column, style in zip(range(len(names)), line_styles(), strict=False):
        ax.plot(rounds, weights[:, column], label=plain_text(names[column]), **style)
    ax.set(
        xlabel="round",
        ylabel="mean weight",
        title=f"{plain_text(method)} on {plain_text(setting)}",
    )
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_beside(ax)
    return ax
