"""Where picks lie: a map of the pool as the task model sees it."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA

from .._utils._drawing import axes_of, plain_text
from ..samplers._explain import check_indices
from ..samplers._query import opened
from ._unwrap import fitted_sampler, transformed

_NAMED_CLASSES = 10  # with more of them colours repeat, and a legend says nothing


def picks(sampler, X_unlabeled, indices, *, ax=None):
    """Draw the embeddings of a pool in two dimensions, and which samples were picked.

    Parameters
    ----------
    sampler : sampler or Pipeline
        Fitted; its model makes the embeddings.
    X_unlabeled : array-like, DataFrame, tensor, dict of them, or torch Dataset
        The pool that was queried, (n_pool, ...).
    indices : array-like of int of shape (b,)
        What ``query`` returned, best first.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    ax : matplotlib Axes
        With the two principal components of the pool's embeddings: a dot a sample in
        the colour of its predicted class, a cross for labelled samples, a numbered ring
        for picks.

    Raises
    ------
    MissingSignalError
        If the net has no embeddings.

    """
    last = fitted_sampler(sampler)
    last._task.layout.check("embeddings", "A map of picks")
    with opened(last, transformed(sampler, X_unlabeled)) as (_, signals):
        rows = check_indices(indices, signals.n_samples)
        H = signals.embeddings.flatten(1).double().cpu().numpy()
        assert signals.labeled is not None
        labeled = signals.labeled.embeddings.flatten(1).double().cpu().numpy()
        codes = signals.probabilities.argmax(dim=1).cpu().numpy()
    ax = axes_of(ax, (7, 5.5))
    projection = PCA(min(2, *H.shape), svd_solver="full").fit(H)
    points, known = (_two_columns(projection.transform(part)) for part in (H, labeled))
    for code in np.unique(codes):
        at = points[codes == code]
        label = plain_text(last.classes_[code])
        ax.scatter(*at.T, s=12, alpha=0.5, color=f"C{code % 10}", linewidths=0, label=label)
    ax.scatter(*known.T, s=30, marker="x", color="black", linewidths=1, label="labelled")
    ax.scatter(
        *points[rows].T,
        s=130,
        facecolors="none",
        edgecolors="black",
        linewidths=1.5,
        label="picked",
    )
    for place, at in enumerate(points[rows], start=1):
        text = ax.annotate(str(place), at, xytext=(7, 5), textcoords="offset points")
        text.set_bbox({"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5})
    shares = [*projection.explained_variance_ratio_, 0.0][:2]
    ax.set(
        xlabel=f"first principal component ({shares[0]:.0%} of the variance)",
        ylabel=f"second principal component ({shares[1]:.0%})",
    )
    handles, labels = ax.get_legend_handles_labels()
    named = slice(None) if len(np.unique(codes)) <= _NAMED_CLASSES else slice(-2, None)
    ax.legend(
        handles[named],
        labels[named],
        title="predicted",
        fontsize=8,
        loc="upper left",
        bbox_to_anchor=(1, 1),
    )
    return ax


def _two_columns(points: np.ndarray) -> np.ndarray:
    """Points of an embedding of one dimension lie on a line."""
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
