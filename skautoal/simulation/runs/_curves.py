"""Sums of one learning curve: its area, and the labels it takes to reach a target."""

from __future__ import annotations

import numpy as np


def aubc(n_labeled, values) -> float:
    """Area under the budget curve, by trapezoids, divided by the width of the budget.

    It is the mean height of the curve, on the scale of ``values``.

    Parameters
    ----------
    n_labeled : array-like of shape (n_rounds,)
        Labels, increasing.
    values : array-like of shape (n_rounds,)
        Accuracy, say, at each of them.

    Returns
    -------
    area : float

    Examples
    --------
    >>> from skautoal.simulation import aubc
    >>> aubc([10, 20, 40], [0.5, 0.7, 0.9])
    0.7333

    """
    n, values = _curve(n_labeled, values)
    if len(n) == 1:
        return float(values[0])
    heights = (values[1:] + values[:-1]) / 2
    return float((heights * np.diff(n)).sum() / (n[-1] - n[0]))


def labels_to_reach(n_labeled, values, target: float) -> float:
    """Labels at which a curve first reaches a target, between rounds by a straight line.

    Parameters
    ----------
    n_labeled : array-like of shape (n_rounds,)
        Labels, increasing.
    values : array-like of shape (n_rounds,)
        Accuracy, say, at each of them.
    target : float
        Height to reach.

    Returns
    -------
    labels : float
        Infinite if the curve never gets there.

    Examples
    --------
    >>> from skautoal.simulation import labels_to_reach
    >>> labels_to_reach([10, 20, 40], [0.5, 0.7, 0.9], target=0.8)
    30.0

    """
    n, values = _curve(n_labeled, values)
    reached = np.flatnonzero(values >= target)
    if len(reached) == 0:
        return float("inf")
    i = reached[0]
    if i == 0:
        return float(n[0])
    share = (target - values[i - 1]) / (values[i] - values[i - 1])
    return float(n[i - 1] + share * (n[i] - n[i - 1]))


def _curve(n_labeled, values) -> tuple[np.ndarray, np.ndarray]:
    n, values = np.asarray(n_labeled, dtype=float), np.asarray(values, dtype=float)
    if n.ndim != 1 or n.shape != values.shape or len(n) == 0 or (np.diff(n) <= 0).any():
        raise ValueError(
            "'n_labeled' must increase and hold one number for each of 'values'; got"
            f" shapes {n.shape} and {values.shape}."
        )
    return n, values
