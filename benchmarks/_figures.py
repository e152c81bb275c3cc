"""Figures of the study for the documentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from _names import DEFAULT, method_name, renamed, renamed_setting

from skautoal.simulation import (
    Results,
    Setting,
    confidence_interval,
    plot_critical_difference,
    plot_learning_curves,
    plot_penalty_matrix,
)

_CURVES = ["search", "equal", "oracle", "random weights", "margin", "random"]
_SETTINGS = [
    Setting("digits", "low"),
    Setting("dna", "low"),
    Setting("fortunes_topic_minilm", "low"),
    Setting("segment", "low"),
]


_HEADLINE = {DEFAULT: "AutoAL (default)", "margin": "margin sampling", "random": "random sampling"}


def mean_curves(claims: Results, budget: str = "low") -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return labels per class and curves averaged over the data sets, (n_seeds, n_rounds + 1).

    Under the low budget every data set has the same numbers of labels per class: the first
    labels are one per class, and so is each batch.
    """
    settings = [setting for setting in claims.settings if setting.budget == budget]
    found = [claims.curves(setting) for setting in settings]
    labels = [n_labeled / n_labeled[0] for n_labeled, _ in found]
    assert all(np.array_equal(one, labels[0]) for one in labels)
    return labels[0], {
        method: np.mean([curves[method] for _, curves in found], axis=0) for method in _HEADLINE
    }


def draw_headline(claims: Results, path: Path) -> None:
    """Write the figure of the first screen: accuracy against labels, the mean of the data sets."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    labels, curves = mean_curves(claims)
    figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
    colours = {DEFAULT: "tab:blue", "margin": "tab:green", "random": "0.45"}
    shifts = {DEFAULT: 0.0, "margin": 0.6, "random": -0.6}  # names that are near each other
    for method, values in curves.items():
        mean, half = 100 * values.mean(axis=0), 100 * confidence_interval(values.T)
        ax.plot(labels, mean, color=colours[method], linewidth=2.2, marker="o", markersize=4)
        ax.fill_between(
            labels, mean - half, mean + half, color=colours[method], alpha=0.15, linewidth=0
        )
        ax.text(
            labels[-1] + 0.2,
            mean[-1] + shifts[method],
            _HEADLINE[method],
            color=colours[method],
            va="center",
            weight="bold" if method == DEFAULT else "normal",
        )
    ax.set(xlabel="labels per class", ylabel="accuracy in %", xlim=(0.8, labels[-1] + 3.2))
    ax.set_xticks(labels)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.9")
    n = len({setting.task for setting in claims.settings})
    ax.set_title(f"Mean over {n} data sets and {len(claims.seeds)} seeds", fontsize=10, loc="left")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw(claims: Results, folder: Path) -> None:
    """Write learning curves, ranks and penalties as PNG files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    claims = renamed(claims)
    curves = claims.select([method_name(method) for method in _CURVES])
    # Colours follow the methods that ran in a setting, and there is one legend for all.
    assert all(curves.runs(m, renamed_setting(s)) for m in curves.methods for s in _SETTINGS)
    figure, axes = plt.subplots(2, 2, figsize=(9, 7.6), layout="constrained")
    for setting, ax in zip(_SETTINGS, axes.flat, strict=True):
        plot_learning_curves(curves, renamed_setting(setting), ax=ax)
        lines = ax.get_legend_handles_labels()
        ax.get_legend().remove()
    # One legend for all, below them: it covers no line.
    figure.legend(*lines, loc="outside lower center", ncols=3, frameon=False)
    _save(figure, folder / "curves.png")
    _save(plot_critical_difference(claims).figure, folder / "ranks.png")
    _, ax = plt.subplots(figsize=(9, 8))
    _save(plot_penalty_matrix(claims, ax=ax).figure, folder / "penalties.png")


def _save(figure, path: Path) -> None:
    from matplotlib.pyplot import close

    figure.savefig(path, dpi=110, bbox_inches="tight")
    close(figure)
