"""Statistics over tasks: mean ranks and their tests, regret, share near the best.

All functions take a table of scores, tasks by methods. Higher scores are better.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def mean_ranks(scores: ArrayLike) -> np.ndarray:
    """Compute the mean rank of each method; 1 is the best and ties share their ranks.

    Parameters
    ----------
    scores : array-like of shape (n_tasks, n_methods)
        Scores. Higher is better.

    Returns
    -------
    ranks : ndarray of shape (n_methods,)

    Examples
    --------
    >>> from skautoal.simulation import mean_ranks
    >>> mean_ranks([[0.9, 0.8, 0.7], [0.6, 0.6, 0.5]]).tolist()
    [1.25, 1.75, 3.0]

    """
    return stats.rankdata(-_table(scores), axis=1).mean(axis=0)


def friedman_test(scores: ArrayLike) -> tuple[float, float]:
    """Test with Friedman's test whether all methods have the same mean rank.

    Parameters
    ----------
    scores : array-like of shape (n_tasks, n_methods)
        Scores. Higher is better.

    Returns
    -------
    statistic : float
        F statistic of Iman and Davenport, with k - 1 and (k - 1)(N - 1) degrees of
        freedom for k methods and N tasks.
    p : float
        P value.

    References
    ----------
    .. [1] Demsar, "Statistical comparisons of classifiers over multiple data sets",
       JMLR 7, 2006.

    """
    n_tasks, k = _table(scores).shape
    ranks = mean_ranks(scores)
    chi2 = 12 * n_tasks / (k * (k + 1)) * ((ranks**2).sum() - k * (k + 1) ** 2 / 4)
    rest = n_tasks * (k - 1) - chi2
    statistic = np.inf if rest <= 0 else (n_tasks - 1) * chi2 / rest
    return float(statistic), float(stats.f.sf(statistic, k - 1, (k - 1) * (n_tasks - 1)))


def critical_difference(n_methods: int, n_tasks: int, alpha: float = 0.05) -> float:
    """Compute Nemenyi's critical difference of mean ranks: q_alpha sqrt(k (k + 1) / (6 N)).

    Parameters
    ----------
    n_methods : int
        Number of methods k, at least 2.
    n_tasks : int
        Number of tasks N.
    alpha : float, default=0.05
        Significance level.

    Returns
    -------
    difference : float
        Mean ranks differ significantly if they differ by more than this.

    References
    ----------
    .. [1] Demsar, "Statistical comparisons of classifiers over multiple data sets",
       JMLR 7, 2006.

    Examples
    --------
    >>> from skautoal.simulation import critical_difference
    >>> critical_difference(n_methods=4, n_tasks=14)
    1.25

    """
    if n_methods < 2 or n_tasks < 1:
        raise ValueError(
            "A critical difference needs at least 2 methods and 1 task; got"
            f" {n_methods} and {n_tasks}."
        )
    q = stats.studentized_range.ppf(1 - alpha, n_methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_tasks)))


def regret(scores: ArrayLike, candidates: Iterable[int] | None = None) -> np.ndarray:
    """Compute how far each method is behind the best single candidate of each task.

    Parameters
    ----------
    scores : array-like of shape (n_tasks, n_methods)
        Scores. Higher is better.
    candidates : list of int, optional
        Columns of the candidates. By default all columns.

    Returns
    -------
    regret : ndarray of shape (n_tasks, n_methods)
        Negative where a method is better than every candidate.

    Examples
    --------
    >>> from skautoal.simulation import regret
    >>> regret([[0.5, 0.75, 0.875]], candidates=[0, 1]).tolist()
    [[0.25, 0.0, -0.125]]

    """
    table = _table(scores)
    best = table if candidates is None else table[:, list(candidates)]
    return best.max(axis=1, keepdims=True) - table


def share_near_best(scores: ArrayLike, tolerances: Sequence[float] = (0.005,)) -> np.ndarray:
    """Compute the share of tasks on which each method is within a tolerance of the best.

    This is a performance profile (Dolan & More) of differences instead of ratios.

    Parameters
    ----------
    scores : array-like of shape (n_tasks, n_methods)
        Scores. Higher is better.
    tolerances : sequence of float, default=(0.005,)
        Largest differences from the best. 0.005 is half a percentage point of accuracy.

    Returns
    -------
    shares : ndarray of shape (n_methods, n_tolerances)
        Between 0 and 1.

    References
    ----------
    .. [1] Dolan & More, "Benchmarking optimization software with performance profiles",
       Mathematical Programming 91, 2002.

    Examples
    --------
    >>> from skautoal.simulation import share_near_best
    >>> share_near_best([[0.90, 0.80], [0.70, 0.75]], tolerances=[0, 0.06]).tolist()
    [[0.5, 1.0], [0.5, 0.5]]

    """
    # Rounding must not decide about a difference that equals the tolerance.
    behind = regret(scores)[:, :, None]
    return (behind <= np.asarray(tolerances, dtype=float) + 1e-12).mean(axis=0)


def _table(scores: ArrayLike) -> np.ndarray:
    table = np.asarray(scores, dtype=float)
    if table.ndim != 2 or table.size == 0 or np.isnan(table).any():
        raise ValueError(
            "'scores' must be a table (n_tasks, n_methods) without NaN; got shape"
            f" {table.shape} with {int(np.isnan(table).sum())} NaN. Leave out methods or"
            " tasks that were not run."
        )
    return table
