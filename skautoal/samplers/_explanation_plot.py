"""Plot of an explanation: one bar for each sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils._drawing import axes_of, plain_text
from ._explain import Explanation

_HATCHES = ("", "//", "..", "xx")  # ten colours, then the same ones hatched


def explanation(explanation: Explanation, *, ax: Any = None) -> Any:
    """Draw one bar per sample: the share of each strategy in its score.

    Parameters
    ----------
    explanation : Explanation
        Result of ``explain`` of a sampler.
    ax : matplotlib Axes, optional
        Axes to draw into; those of a new figure by default.

    Returns
    -------
    ax : matplotlib Axes
        One row per sample, the first on top. On the left are index and prediction. The
        score is a bar of utility times weight of each strategy; at its end are the place
        in the batch and the rank of the score in the pool.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import AutoALSampler, plot
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = AutoALSampler(strategies=["margin", "kmeans"], batch_builder="top")
    >>> idx = sampler.fit(X[:12], y[:12]).query(X[12:], n_instances=4)
    >>> ax = plot.explanation(sampler.explain(X[12:], idx))
    >>> len(ax.containers)  # bars of two strategies
    2

    """
    if not isinstance(explanation, Explanation):
        raise TypeError(
            "'explanation' must be the result of 'explain' of a sampler; got"
            f" {type(explanation).__name__}. Call sampler.explain(X_pool, idx)."
        )
    m, names = len(explanation), explanation.strategies
    ax = axes_of(ax, (8, 1.3 + 0.32 * m + 0.25 * np.ceil(len(names) / 3)))
    left = np.zeros(m)
    for k, (name, widths) in enumerate(zip(names, explanation.contributions.T, strict=True)):
        style = {"color": f"C{k % 10}", "hatch": _HATCHES[k // 10 % len(_HATCHES)]}
        ax.barh(range(m), widths, left=left, label=plain_text(name), edgecolor="white", **style)
        left += widths
    labels = [
        f"{index}: {plain_text(prediction)} ({probability:.2f})"
        for index, prediction, probability in zip(
            explanation.indices, explanation.predictions, explanation.probabilities, strict=True
        )
    ]
    ax.set_yticks(range(m), labels)
    for row, (place, rank) in enumerate(zip(explanation.places, explanation.ranks, strict=True)):
        text = f"pick {place}, score rank {rank}" if place else f"not picked, score rank {rank}"
        ax.annotate(
            text,
            (max(left[row], 0.0), row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    ax.invert_yaxis()
    ends = [0.0, *left]
    span = max(ends) - min(ends) or 1.0
    ax.set_xlim(min(ends) - 0.05 * span * (min(ends) < 0), max(ends) + 0.35 * span)  # for the text
    ax.axvline(0, color="0.3", linewidth=0.8)
    ax.set(xlabel="utility times weight", ylabel="sample: prediction (probability)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=8, frameon=False)
    return ax
