"""Figures of the study for the documentation."""

from __future__ import annotations

from pathlib import Path

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


def draw(claims: Results, field: Results, folder: Path) -> None:
    """Write learning curves, ranks and penalties as PNG files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    _, axes = plt.subplots(2, 2, figsize=(10, 8))
    for setting, ax in zip(_SETTINGS, axes.flat, strict=True):
        plot_learning_curves(claims.select(_CURVES), setting, ax=ax)
    _save(plt, folder / "curves.png")
    _, ax = plt.subplots(figsize=(9, 9))
    plot_critical_difference(field, ax=ax)
    _save(plt, folder / "ranks.png")
    _, ax = plt.subplots(figsize=(7, 6))
    plot_penalty_matrix(claims, ax=ax)
    _save(plt, folder / "penalties.png")


def _save(plt, path: Path) -> None:
    plt.tight_layout()
    plt.savefig(path, dpi=110)
    plt.close()
