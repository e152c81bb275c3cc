"""Summaries of one learning curve: its area, and the labels needed to reach a target."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def aubc(n_labeled: ArrayLike, values: ArrayLike) -> float:
    """Compute the area under the budget curve, divided by the width of the budget.

    The trapezoidal rule is used. The result is the mean height of the curve, on the scale
    of ``values``.

    Parameters
    ----------
    n_labeled : array-like of shape (n_rounds,)
        Number of labels in each round, increasing.
    values : array-like of shape (n_rounds,)
        Value in each round, for example accuracy.

    Returns
    -------
    area : float

    Examples
    --------
    >>> from skautoal.simulation import aubc
    >>> aubc([10, 20, 40], [0.5, 0.7, 0.9])
    0.7333

    """
    n, heights = _curve(n_labeled, values)
    if len(n) == 1:
        return float(heights[0])
    means = (heights[1:] + heights[:-1]) / 2
    return float((means * np.diff(n)).sum() / (n[-1] - n[0]))


def labels_to_reach(n_labeled: ArrayLike, values: ArrayLike, target: float) -> float:
    """Compute the number of labels at which a curve first reaches a target.

    The curve is interpolated linearly between rounds.

    Parameters
    ----------
    n_labeled : array-like of shape (n_rounds,)
        Number of labels in each round, increasing.
    values : array-like of shape (n_rounds,)
        Value in each round, for example accuracy.
    target : float
        Value to reach.

    Returns
    -------
    labels : float
        Infinite if the curve never reaches the target.

    Examples
    --------
    >>> from skautoal.simulation import labels_to_reach
    >>> labels_to_reach([10, 20, 40], [0.5, 0.7, 0.9], target=0.8)
    30.0

    """
    n, heights = _curve(n_labeled, values)
    reached = np.flatnonzero(heights >= target)
    if len(reached) == 0:
        return float("inf")
    i = reached[0]
    if i == 0:
        return float(n[0])
    share = (target - heights[i - 1]) / (heights[i] - heights[i - 1])
    return float(n[i - 1] + share * (n[i] - n[i - 1]))


def _curve(n_labeled: ArrayLike, values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    n, heights = np.asarray(n_labeled, dtype=float), np.asarray(values, dtype=float)
    if n.ndim != 1 or n.shape != heights.shape or len(n) == 0 or (np.diff(n) <= 0).any():
        raise ValueError(
            "'n_labeled' must increase and hold one number for each of 'values'; got"
            f" shapes {n.shape} and {heights.shape}."
        )
    return n, heights
