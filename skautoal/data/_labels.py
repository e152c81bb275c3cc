"""Check the labels that users pass, and encode them as class codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ._rows import n_samples

_TEXT = "OUS"  # kinds of NumPy dtypes that hold strings


def check_labels(y: Any, X: Any, name: str = "y") -> np.ndarray:
    """Return the labels as a 1-D array, without missing values, one for each sample of X.

    ``name`` is the name of the argument, for error messages.
    """
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
        raise TypeError(f"'{name}' mixes strings with other labels. Pass labels of one type.")
    if y.dtype.kind not in "iubU":
        # Integers and strings are always classes. For these, scikit-learn would warn if most
        # classes have one label only, which is normal at the start of active learning.
        check_classification_targets(y)
    if len(y) != n_samples(X):
        raise ValueError(
            f"'{name}' has {len(y)} labels for {n_samples(X)} samples in 'X'; found input"
            " variables with inconsistent numbers of samples. Pass one label per sample."
        )
    return y


def concat_labels(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Append labels ``b`` to ``a``; raise a TypeError if only one of them has strings.

    NumPy would convert the numbers to strings.
    """
    if (a.dtype.kind in _TEXT) != (b.dtype.kind in _TEXT):
        raise TypeError(
            f"'y' has labels of dtype {b.dtype}, but the labels in fit have {a.dtype}. Pass"
            " labels of the same type as in fit."
        )
    return np.concatenate([a, b])


def encode_labels(
    y: np.ndarray, classes: Any, n_outputs: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the classes of the task and encode every label.

    Parameters
    ----------
    y : ndarray of shape (l,)
        Labels.
    classes : array-like or None
        All classes, if the user passed them. Some may have no label yet.
    n_outputs : int or None
        Number of classes that the net predicts; None for the default net.

    Returns
    -------
    classes : ndarray of shape (C,)
        Classes, sorted.
    codes : ndarray of shape (l,), dtype int64
        Position of each label in ``classes``.

    Raises
    ------
    ValueError
        If a label is not in ``classes``, if there is one class only, or if the number of
        classes differs from ``n_outputs``.

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
        # The labels are class codes 0..C-1 of the net, and some classes have no label yet.
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
