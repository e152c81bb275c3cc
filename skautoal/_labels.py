"""Labels as users bring them: checked, and turned into codes of classes."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ._validation import n_samples

_TEXT = "OUS"  # kinds of NumPy dtypes that hold strings


def check_labels(y, X, name: str = "y") -> np.ndarray:
    """Labels as a 1-D array without missing values, one for each sample of X."""
    if y is None:
        raise ValueError(
            f"This sampler requires {name} to be passed, but the target {name} is None."
        )
    if isinstance(y, torch.Tensor):
        y = y.detach().cpu().numpy()
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError(
            f"Input {name} contains NaN or infinity. Leave unlabelled samples out of fit"
            " and pass them to query."
        )
    if y.dtype.kind == "O" and any(value is None for value in y):
        raise ValueError(
            f"Input {name} contains None. Leave unlabelled samples out of fit and pass"
            " them to query."
        )
    if y.dtype.kind == "O" and len({isinstance(value, str) for value in y}) > 1:
        raise TypeError(f"'{name}' mixes strings with other labels. Give labels of one type.")
    if y.dtype.kind not in "iubU":
        # Integers and text are classes. Asked about them, scikit-learn would warn when most
        # labels are of classes of their own, which is how active learning starts.
        check_classification_targets(y)
    if len(y) != n_samples(X):
        raise ValueError(
            f"'{name}' has {len(y)} labels for {n_samples(X)} samples in 'X'; found input"
            " variables with inconsistent numbers of samples. Give one label per sample."
        )
    return y


def concat_labels(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Labels ``a`` followed by ``b``; NumPy would turn numbers into strings beside strings."""
    if (a.dtype.kind in _TEXT) != (b.dtype.kind in _TEXT):
        raise TypeError(
            f"'y' holds labels of dtype {b.dtype}, but those of fit have {a.dtype}. Give"
            " labels as in fit."
        )
    return np.concatenate([a, b])


def encode_labels(y: np.ndarray, classes, n_outputs: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Classes of the task and code of every label.

    Parameters
    ----------
    y : ndarray of shape (l,)
        Labels.
    classes : array-like or None
        All classes, if the user named them; some may have no label yet.
    n_outputs : int or None
        Columns the net predicts; None for a net that is made to measure.

    Returns
    -------
    classes : ndarray of shape (C,)
        Sorted.
    codes : ndarray of shape (l,), dtype int64

    """
    seen = np.unique(y)
    if classes is not None:
        known = np.unique(np.asarray(classes))
        strange = seen[~np.isin(seen, known)]
        if len(strange):
            raise ValueError(
                f"'y' holds the labels {strange.tolist()}, which are not in 'classes'"
                f" ({known.tolist()}). Name all classes, or leave 'classes' out."
            )
    elif n_outputs is not None and len(seen) < n_outputs and _within(seen, n_outputs):
        # Labels 0..C-1 of a net with C outputs, some of them not met yet.
        known = np.arange(n_outputs).astype(seen.dtype)
    else:
        known = seen
    if len(known) < 2:
        raise ValueError(
            f"'y' holds 1 class ({seen.tolist()}); a classifier needs at least two. Label"
            " samples of another class, or name all classes with 'classes'."
        )
    if n_outputs is not None and len(known) != n_outputs:
        raise ValueError(
            f"The net in 'estimator' predicts {n_outputs} classes, but there are"
            f" {len(known)} ({known.tolist()!r:.100}). Set the module's output to"
            f" {len(known)}, or name all {n_outputs} classes with 'classes'."
        )
    return known, np.searchsorted(known, y).astype(np.int64)


def _within(seen: np.ndarray, n_outputs: int) -> bool:
    return seen.dtype.kind in "iu" and seen[0] >= 0 and seen[-1] < n_outputs
