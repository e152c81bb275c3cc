"""The figures of the page on how AutoAL works, drawn when the documentation is built.

``python docs/_figures.py FOLDER`` draws them alone. Two of the three show what the code
computes, so they cannot grow out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.datasets import make_blobs

from skautoal import AutoALSampler, StrategySampler
from skautoal.search import soft_top_k

_BLUE, _ORANGE, _GREEN, _GREY = "#d6e6f5", "#fbe3cd", "#d9efd9", "#eeeeee"
_STRATEGIES = ("margin", "typiclust")


def write_figures(folder: Path) -> None:
    """Draw every figure into ``folder``.

    Parameters
    ----------
    folder : Path
        Made if it is not there.

    """
    folder.mkdir(parents=True, exist_ok=True)
    draw = {"round.svg": _draw_round, "soft_top_k.svg": _draw_soft_top_k, "plane.png": _draw_plane}
    for name, function in draw.items():
        with plt.rc_context({"font.size": 9, "svg.hashsalt": "skautoal"}):
            figure = function()
            figure.savefig(folder / name, dpi=140, bbox_inches="tight")
            plt.close(figure)


def _draw_round():
    """Boxes and arrows: a round of AutoAL, the simulated pools above the real one."""
    figure, ax = plt.subplots(figsize=(9.2, 4.3))
    ax.set(xlim=(-0.05, 9.25), ylim=(0.1, 4.5))
    ax.axis("off")
    boxes = {
        "labels": (0.0, 3.0, 1.3, "labels\nsplit into\n$T$ and $V$", _GREY),
        "fit": (1.8, 3.0, 1.5, "FitNet\nlearns on $T$,\njudges $V$", _GREEN),
        "pool": (0.0, 0.5, 1.3, "pool\nof unlabelled\nsamples", _GREY),
        "net": (1.8, 0.5, 1.5, "task net\nsignals\n$P,\\ H,\\ \\ldots$", _GREEN),
        "candidates": (3.8, 1.75, 1.4, "candidates\nutilities\n$U_{j\\kappa}$", _BLUE),
        "search": (5.7, 1.75, 1.4, "SearchNet\nweights\n$W_{j\\kappa}$", _ORANGE),
        "gain": (7.6, 3.0, 1.5, "objective\n$\\mathcal{J}(p)$,\n$p=$ soft top-$k$", _ORANGE),
        "batch": (7.6, 0.5, 1.5, "batch\nbuilt from the\nscores $x_j$", _BLUE),
    }
    for x, y, width, text, colour in boxes.values():
        patch = plt.Rectangle((x, y), width, 1.0, facecolor=colour, edgecolor="black", lw=0.8)
        ax.add_patch(patch)
        ax.text(x + width / 2, y + 0.5, text, ha="center", va="center")
    arrows = [
        ((7.35, 0.7), (7.65, 3.0), "", "#777777"),
        ((1.3, 3.5), (1.8, 3.5), "", "black"),
        ((1.3, 1.0), (1.8, 1.0), "", "black"),
        ((3.3, 3.5), (4.3, 2.75), "", "black"),
        ((3.3, 1.0), (4.3, 1.75), "", "black"),
        ((5.2, 2.25), (5.7, 2.25), "", "black"),
        ((7.1, 2.45), (8.0, 3.0), "", "black"),
        ((7.1, 2.05), (8.0, 1.5), "", "black"),
        ((3.3, 3.8), (7.6, 3.8), "held-out losses", "black"),
        ((3.3, 0.7), (7.6, 0.7), "embeddings, margins", "black"),
    ]
    for start, end, text, colour in arrows:
        ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": colour, "lw": 1})
        if text:
            ax.text((start[0] + end[0]) / 2 + 0.4, start[1] + 0.06, text, ha="center", va="bottom")
    back = {"arrowstyle": "->", "color": "#c0392b", "lw": 1.4, "ls": "--"}
    back["connectionstyle"] = "arc3,rad=0.3"
    ax.annotate("", (6.4, 2.75), (7.6, 3.35), arrowprops=back)
    ax.text(6.25, 3.2, "gradient", color="#c0392b", ha="center", va="bottom")
    ax.text(8.1, 2.25, "coverage of\nthe pool", ha="left", va="center", color="#777777")
    ax.text(0, 4.2, "fit: simulated rounds on the labels", weight="bold")
    ax.text(0, 0.15, "query: the real pool", weight="bold")
    return figure


def _draw_soft_top_k():
    """Memberships of 40 scores in the top 10 as the temperature falls."""
    scores = torch.as_tensor(np.random.RandomState(0).standard_normal(40)).sort().values
    scores = (scores - scores.mean()) / scores.std(correction=0)
    figure, ax = plt.subplots(figsize=(6, 2.8))
    for tau, colour in [(0.5, "#9ecae1"), (0.16, "#4292c6"), (0.05, "#08306b")]:
        p = soft_top_k(scores, 10, tau)
        label = f"$\\tau={tau}$, sum of $p$ = {float(p.sum()):.2f}"
        ax.plot(scores, p, "o-", ms=3, lw=1, color=colour, label=label)
    ax.axvline(float(scores[-10] + scores[-11]) / 2, color="grey", lw=0.8, ls=":")
    ax.set(xlabel=r"standardized score $\bar{x}_j$", ylabel="membership $p_j$")
    ax.legend(frameon=False, loc="upper left")
    return figure


def _draw_plane():
    """Draw utilities and batches of two strategies, and of both with equal weights."""
    X, y = make_blobs(
        [260, 200, 140], centers=[(-2, 0), (2, 0.5), (0.5, 3.5)], cluster_std=1.1, random_state=3
    )
    X = X.astype(np.float32)
    labeled = np.concatenate([np.flatnonzero(y == c)[:5] for c in range(3)])
    pool = np.setdiff1d(np.arange(len(X)), labeled)
    samplers = {name: StrategySampler(strategy=name, random_state=0) for name in _STRATEGIES}
    samplers["both, equal weights"] = AutoALSampler(strategies=_STRATEGIES, random_state=0)
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.2), sharex=True, sharey=True)
    for ax, (title, sampler) in zip(axes, samplers.items(), strict=True):
        sampler.fit(X[labeled], y[labeled])
        batch, utilities = sampler.query(X[pool], n_instances=10, return_utilities=True)
        ranks = rankdata(utilities) / len(pool)
        points = ax.scatter(*X[pool].T, c=ranks, s=9, cmap="viridis")
        ax.scatter(*X[labeled].T, marker="s", s=22, c="white", edgecolors="black", lw=0.8)
        ax.scatter(*X[pool][batch].T, marker="*", s=90, c="#e74c3c", edgecolors="black", lw=0.5)
        ax.set(xticks=[], yticks=[], title=title)
    figure.colorbar(points, ax=axes, label="utility (rank)", shrink=0.9)
    return figure


if __name__ == "__main__":
    write_figures(Path(sys.argv[1]))
