"""Figures of the study for the documentation."""

from __future__ import annotations

from pathlib import Path

from _names import method_name, renamed, renamed_setting

from skautoal.simulation import (
    Results,
    Setting,
    plot_critical_difference,
    plot_learning_curves,
    plot_penalty_matrix,
)

_CURVES = ["auto", "vote", "margin", "badge", "uncertainty_herding", "random"]
_SETTINGS = [
    Setting("digits", "low"),
    Setting("dna", "low"),
    Setting("fortunes_topic_minilm", "low"),
    Setting("letter", "mid"),
]


def draw(claims: Results, folder: Path) -> None:
    """Write learning curves, ranks and penalties as PNG files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    claims = renamed(claims)
    curves = claims.select([method_name(method) for method in _CURVES])
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
