"""The first picture of README and documentation: labels against accuracy.

    python benchmarks/headline.py

reads the kept results of the study (part "claims": eight data sets, ten seeds, few labels),
draws ``docs/_static/headline.png``, and writes the sentence that goes with it into README.md
and docs/index.md.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "benchmarks" / "results" / "study" / "claims.csv"
FIGURE = ROOT / "docs" / "_static" / "headline.png"
PAGES = (ROOT / "README.md", ROOT / "docs" / "index.md")
#: Method, its name in the picture, its colour, and how far its name is moved up (points).
METHODS = {
    "auto": ("AutoALSampler (default)", "#c0392b", 0),
    "margin": ("margin sampling", "#2171b5", 3),
    "random": ("random sampling", "#555555", -3),
}


def curves(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
    """Return accuracies of each method, averaged over the data sets.

    Parameters
    ----------
    path : Path
        Table of runs: with the budget "low", one label per class at first, and one more per
        class in each round.

    Returns
    -------
    per_class : ndarray of shape (n_rounds,)
        Labels divided by the number of classes.
    accuracy : dict of str to ndarray of shape (n_seeds, n_rounds)
        Means over the data sets, seed by seed.
    n_tasks : int
        Number of data sets.

    """
    with path.open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    runs: dict[str, dict[str, list]] = {method: {} for method in METHODS}
    for row in rows:
        if row["regime"] == "low" and row["method"] in METHODS:
            by_seed = runs[row["method"]].setdefault(row["seed"], [])
            by_seed.append([float(value) for value in row["accuracy"].split()])
            labels = np.array(row["labels"].split(), dtype=float)
    accuracy = {method: np.mean(list(by_seed.values()), axis=1) for method, by_seed in runs.items()}
    return labels / labels[0], accuracy, len(by_seed)


def labels_to_reach(target: float, per_class: np.ndarray, accuracy: np.ndarray) -> float:
    """Return the labels per class at which a rising curve first reaches an accuracy."""
    at = int(np.argmax(accuracy >= target))
    if at == 0:
        return float(per_class[0])
    return float(np.interp(target, accuracy[at - 1 : at + 1], per_class[at - 1 : at + 1]))


def sentence(per_class: np.ndarray, accuracy: dict[str, np.ndarray], n_tasks: int) -> str:
    """Return what the picture shows, in words and numbers."""
    means = {method: values.mean(axis=0) for method, values in accuracy.items()}
    target = means["random"][-1]
    needed = {m: labels_to_reach(target, per_class, mean) for m, mean in means.items()}
    n_seeds = len(accuracy["auto"])
    return (
        f"Random sampling reaches {100 * target:.0f} % accuracy with {needed['random']:.0f} labels"
        f" per class, margin sampling with {needed['margin']:.1f}, and the default of"
        f" `AutoALSampler` with {needed['auto']:.1f}. These are means over {n_seeds} seeds and the"
        f" {n_tasks} data sets of our study, on which the default was also chosen."
    )


def draw(per_class: np.ndarray, accuracy: dict[str, np.ndarray], path: Path) -> None:
    """Draw the curves with bands of two standard errors over the seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    target = accuracy["random"].mean(axis=0)[-1]
    needed = []
    for method, (name, colour, up) in METHODS.items():
        mean = accuracy[method].mean(axis=0)
        error = 2 * accuracy[method].std(axis=0, ddof=1) / len(accuracy[method]) ** 0.5
        ax.plot(per_class, mean, color=colour, linewidth=2)
        ax.fill_between(per_class, mean - error, mean + error, color=colour, alpha=0.15, lw=0)
        ax.annotate(
            name,
            (per_class[-1], mean[-1]),
            xytext=(6, up),
            textcoords="offset points",
            color=colour,
            va="center",
        )
        needed.append(labels_to_reach(target, per_class, mean))
        ax.plot(needed[-1], target, "o", color=colour, markersize=5, zorder=3)
    ax.hlines(target, min(needed), max(needed), color="0.3", linewidth=0.8, linestyle=":")
    ax.annotate(
        f"{100 * target:.0f} % accuracy",
        (np.mean(needed), target),
        xytext=(-16, 3),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color="0.3",
    )
    ax.spines[["top", "right"]].set_visible(False)
    ax.set(xlabel="labels per class", ylabel="accuracy", xticks=per_class[::2])
    ax.yaxis.set_major_formatter("{x:.0%}")
    figure.savefig(path, dpi=200)
    plt.close(figure)


def write(text: str, page: Path) -> None:
    """Put the sentence between the two comments of a page that wait for it."""
    begin, end = "<!-- begin headline -->", "<!-- end headline -->"
    before, found, rest = page.read_text().partition(begin)
    if found:
        page.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def main() -> None:
    per_class, accuracy, n_tasks = curves(KEPT)
    draw(per_class, accuracy, FIGURE)
    text = sentence(per_class, accuracy, n_tasks)
    for page in PAGES:
        write(text, page)
    print(f"{text}\nThe picture: {FIGURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
