"""Plot of picks: a map of the pool in the embedding space of the net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sklearn.decomposition import PCA

from .._utils._drawing import axes_of, plain_text
from ..samplers._explain import check_indices
from ..samplers._query import opened
from ._unwrap import fitted_sampler, transformed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED_CLASSES = 10  # with more classes colours repeat, and a legend would mislead


def picks(
    sampler: Any, X_unlabeled: Any, indices: Sequence[int] | np.ndarray, *, ax: Axes | None = None
) -> Axes:
    """Plot the embeddings of a pool in two dimensions and mark the picked samples.

    Parameters
    ----------
    sampler : sampler or Pipeline
        Fitted sampler. Its net computes the embeddings.
    X_unlabeled : array-like, DataFrame, tensor, dict of them, or torch Dataset
        The pool of the query, (n_pool, ...).
    indices : array-like of int of shape (b,)
        Return value of ``query``, best first.
    ax : matplotlib Axes, optional
        Axes to draw on. By default those of a new figure.

    Returns
    -------
    ax : matplotlib Axes
        The first two principal components of the pool's embeddings: a dot for each
        sample in the colour of its predicted class, a cross for each labelled sample, and
        a numbered ring for each pick.

    Raises
    ------
    MissingSignalError
        If the net has no embeddings.

    """
    last = fitted_sampler(sampler)
    last._task.layout.check("embeddings", "A map of picks")
    with opened(last, transformed(sampler, X_unlabeled)) as (_, signals):
        rows = check_indices(cast("Sequence[int]", indices), signals.n_samples)
        H = signals.embeddings.flatten(1).double().cpu().numpy()
        assert signals.labeled is not None
        labeled = signals.labeled.embeddings.flatten(1).double().cpu().numpy()
        codes = signals.probabilities.argmax(dim=1).cpu().numpy()
    ax = axes_of(ax, (7, 5.5))
    projection = PCA(min(2, *H.shape), svd_solver="full").fit(H)
    points, known = (_two_columns(projection.transform(part)) for part in (H, labeled))
    for code in np.unique(codes):
        x, y = points[codes == code].T
        label = plain_text(last.classes_[code])
        ax.scatter(x, y, s=12, alpha=0.5, color=f"C{code % 10}", linewidths=0, label=label)
    ax.scatter(
        known[:, 0], known[:, 1], s=30, marker="x", color="black", linewidths=1, label="labelled"
    )
    ax.scatter(
        points[rows, 0],
        points[rows, 1],
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
    few = len(np.unique(codes)) <= _NAMED_CLASSES
    named = slice(None) if few else slice(-2, None)
    ax.legend(
        handles[named],
        labels[named],
        title="predicted class" if few else None,
        fontsize=8,
        loc="upper left",
        bbox_to_anchor=(1, 1),
    )
    return ax


def _two_columns(points: np.ndarray) -> np.ndarray:
    """Pad points of one dimension with zeros, so that they lie on a line."""
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
