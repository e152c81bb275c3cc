"""Plots of results; matplotlib (the extra ``plot``) is imported when one is drawn."""

from __future__ import annotations

import numpy as np

from ..._utils._drawing import axes_of, line_styles, plain_text
from ..runs._results import Results, Setting
from ._statistics import confidence_interval
from ._tables import penalties_of, rank_summary

_LABELS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log-loss",
}


def plot_learning_curves(results: Results, setting: Setting, *, metric="accuracy", ax=None):
    """Mean learning curves of a setting with 95 % confidence bands.

    Parameters
    ----------
    results : Results
        The runs.
    setting : Setting
        Task and budget, one of ``results.settings``.
    metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
        What to show.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    ax : matplotlib Axes

    """
    ax = axes_of(ax, (6, 4))
    n_labeled, curves = results.curves(setting, metric)
    for (method, values), style in zip(curves.items(), line_styles(), strict=False):
        mean, half = values.mean(axis=0), confidence_interval(values.T)
        # With two or three seeds the bands are wider than what they are about.
        band = np.clip([mean - half, mean + half], 0, np.inf if metric == "log_loss" else 1)
        ax.plot(n_labeled, mean, label=plain_text(method), **style)
        ax.fill_between(n_labeled, *band, color=style["color"], alpha=0.15, linewidth=0)
    ax.set(xlabel="labels", ylabel=_LABELS[metric], title=plain_text(setting))
    ax.legend(fontsize=8)
    return ax


def plot_critical_difference(results: Results, *, metric="accuracy", alpha=0.05, ax=None):
    """Mean ranks of methods; bars join those that Nemenyi's test does not tell apart.

    Parameters
    ----------
    results : Results
        The runs; methods that lack a setting are left out.
    metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
        What the areas are of.
    alpha : float, default=0.05
        Significance level.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    ax : matplotlib Axes

    """
    summary = rank_summary(results, metric, alpha)
    names, ranks = list(summary["ranks"]), np.array(list(summary["ranks"].values()))
    width = summary["critical_difference"]
    groups = cliques(ranks, width)
    n = len(names)
    ax = axes_of(ax, (5 + 0.16 * max(len(plain_text(name)) for name in names), 1 + 0.25 * n))
    # From the top: the axis, the bars of the groups, a line for each method.
    top = 0.5 + 0.3 * len(groups)
    low, high = 1 - 0.1, n + 0.1
    for number, (first, last) in enumerate(groups):
        height = -0.4 - 0.3 * number
        ax.plot([ranks[first], ranks[last]], [height] * 2, color="black", linewidth=3)
    for i, (name, rank) in enumerate(zip(names, ranks, strict=True)):
        left = i < (n + 1) // 2
        height = -top - 0.5 * (i if left else n - 1 - i)
        end = low - 0.2 if left else high + 0.2
        ax.plot([rank, rank, end], [0, height, height], color="0.3", linewidth=0.8, clip_on=False)
        text = f"{plain_text(name)}  {rank:.2f} " if left else f" {rank:.2f}  {plain_text(name)}"
        ax.text(end, height, text, ha="right" if left else "left", va="center", fontsize=9)
    if np.isfinite(width):
        ax.plot([1, 1 + width], [0.8, 0.8], color="black", linewidth=1.5, clip_on=False)
        ax.text(1 + width / 2, 0.9, f"critical difference {width:.2f}", ha="center", fontsize=9)
    ax.set(xlim=(low, high), ylim=(-top - 0.5 * n / 2 - 0.3, 1.3))
    ax.spines["bottom"].set_position(("data", 0))
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    ax.set_yticks([])
    every = 1 if n <= 15 else 5  # numbers of more methods would touch each other
    ax.set_xticks([1, *range(5, n + 1, every)] if every > 1 else range(1, n + 1))
    ax.xaxis.set_ticks_position("top")
    ax.spines["top"].set_position(("data", 0))
    return ax


def plot_penalty_matrix(results: Results, *, metric="accuracy", ax=None):
    """Heat map of the pairwise penalty matrix, with the mean of each column below.

    Parameters
    ----------
    results : Results
        The runs, of at least two seeds; methods that lack a setting are left out.
    metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
        What is compared.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

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
    ax.set_title(f"row beats column (of {len(results.settings)} settings)", fontsize=10)
    return ax


def plot_strategy_weights(results: Results, method: str, setting: Setting, *, ax=None):
    """Weights that a searching method gave its candidates, over the rounds, mean of seeds.

    Parameters
    ----------
    results : Results
        The runs.
    method : str
        Name of the method.
    setting : Setting
        Task and budget.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    ax : matplotlib Axes

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
    ax = axes_of(ax, (6, 4))
    for column, style in zip(range(len(names)), line_styles(), strict=False):
        ax.plot(rounds, weights[:, column], label=plain_text(names[column]), **style)
    ax.set(
        xlabel="round",
        ylabel="mean weight",
        title=f"{plain_text(method)} on {plain_text(setting)}",
        ylim=0,
    )
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(fontsize=8)
    return ax


def cliques(ranks: np.ndarray, difference: float) -> list[tuple[int, int]]:
    """Largest groups of methods within a difference: first and last of each, ranks sorted."""
    groups: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = int(np.searchsorted(ranks, ranks[first] + difference, side="right")) - 1
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return groups
