"""Statistics over seeds: confidence intervals, paired tests, corrections, penalties.

All functions take plain arrays. Higher scores are better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def confidence_interval(values: ArrayLike, level: float = 0.95) -> np.ndarray:
    """Compute half the width of the t confidence interval of a mean, over the last axis.

    Parameters
    ----------
    values : array-like of shape (..., n)
        Repetitions. NaN are left out.
    level : float, default=0.95
        Confidence level.

    Returns
    -------
    half_width : ndarray of shape (...)
        NaN for fewer than two repetitions. With two repetitions the interval is valid but
        wide: 12.7 times the standard error at a level of 0.95.

    Examples
    --------
    >>> from skautoal.simulation import confidence_interval
    >>> float(confidence_interval([1.0, 2.0, 3.0]))
    2.484

    """
    values = np.asarray(values, dtype=float)
    known = ~np.isnan(values)
    n = known.sum(axis=-1)
    mean = np.where(known, values, 0.0).sum(axis=-1) / np.maximum(n, 1)
    squares = np.where(known, (values - mean[..., None]) ** 2, 0.0).sum(axis=-1)
    freedom = np.maximum(n - 1, 1)
    half = stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(squares / freedom / np.maximum(n, 1))
    return np.where(n > 1, half, np.nan)


def holm(p_values: ArrayLike) -> np.ndarray:
    """Correct p values for their number with Holm's step-down method.

    Parameters
    ----------
    p_values : array-like of shape (m,)
        P values of m hypotheses. NaN (no test) stay NaN and do not count.

    Returns
    -------
    adjusted : ndarray of shape (m,)
        Corrected p values, to be compared with the significance level directly.

    References
    ----------
    .. [1] Holm, "A simple sequentially rejective multiple test procedure",
       Scandinavian Journal of Statistics 6, 1979.

    Examples
    --------
    >>> from skautoal.simulation import holm
    >>> holm([0.01, 0.04, 0.03, 0.005]).round(4).tolist()
    [0.03, 0.06, 0.06, 0.02]

    """
    p = np.asarray(p_values, dtype=float)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return adjusted


def paired_test(
    a: ArrayLike, b: ArrayLike, *, test: str = "wilcoxon", alternative: str = "two-sided"
) -> float:
    """Test whether the differences of paired scores are centred at zero.

    Parameters
    ----------
    a, b : array-like of shape (n,)
        Scores of two methods with the same seeds. Pairs with NaN are left out.
    test : {"wilcoxon", "t"}, default="wilcoxon"
        Wilcoxon's signed-rank test, or the paired t test.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        Alternative hypothesis. ``"greater"`` means that a is better than b.

    Returns
    -------
    p : float
        P value. It is 1 if all pairs are equal, NaN for fewer than two pairs.

    Examples
    --------
    >>> from skautoal.simulation import paired_test
    >>> paired_test([3, 4, 6, 8, 9], [1, 3, 2, 5, 4], alternative="greater")
    0.03125

    """
    if test not in ("wilcoxon", "t"):
        raise ValueError(f"'test' must be 'wilcoxon' or 't'; got {test!r}.")
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    difference = difference[~np.isnan(difference)]
    if len(difference) < 2:
        return float("nan")
    if (difference == 0).all():
        return 1.0
    if test == "wilcoxon":
        return float(stats.wilcoxon(difference, alternative=alternative).pvalue)
    if np.ptp(difference) <= 1e-13 * abs(difference).max():
        # All differences are the same but for rounding: SciPy divides by a deviation of
        # zero, or warns that it is about to. This is the limit of the t test.
        wanted = {"two-sided": True, "greater": difference[0] > 0, "less": difference[0] < 0}
        return 0.0 if wanted[alternative] else 1.0
    return float(stats.ttest_1samp(difference, 0.0, alternative=alternative).pvalue)


def penalty_matrix(curves: Sequence[ArrayLike], alpha: float = 0.05) -> np.ndarray:
    """Compute the pairwise penalty matrix: how often a method is significantly better.

    Each experiment with R rounds adds 1/R to entry (i, j) for every round in which method
    i is better than method j by a two-sided paired t test over seeds.

    Parameters
    ----------
    curves : sequence of array-like of shape (n_methods, n_seeds, n_rounds)
        One array per experiment. Higher is better. The numbers of seeds and rounds may
        differ between experiments.
    alpha : float, default=0.05
        Significance level.

    Returns
    -------
    penalties : ndarray of shape (n_methods, n_methods)
        Between 0 and the number of experiments. A method that is seldom beaten has a
        small mean in its column.

    References
    ----------
    .. [1] Ash, Zhang, Krishnamurthy, Langford & Agarwal, "Deep batch active learning by
       diverse, uncertain gradient lower bounds", ICLR 2020, arXiv 1906.03671.

    Examples
    --------
    >>> from skautoal.simulation import penalty_matrix
    >>> good = [[0.80, 0.90], [0.82, 0.92], [0.81, 0.93]]
    >>> bad = [[0.70, 0.90], [0.71, 0.93], [0.70, 0.91]]
    >>> penalty_matrix([[good, bad]]).tolist()
    [[0.0, 0.5], [0.0, 0.0]]

    """
    total: np.ndarray | None = None
    for experiment in curves:
        values = np.asarray(experiment, dtype=float)
        if values.ndim != 3 or values.shape[1] < 2:
            raise ValueError(
                "'curves' must hold arrays (n_methods, n_seeds, n_rounds) with at least 2"
                f" seeds; got shape {values.shape}."
            )
        difference = values[:, None] - values[None]
        n = values.shape[1]
        mean, spread = difference.mean(axis=2), difference.std(axis=2, ddof=1)
        # Without a division, a difference that is the same for all seeds is significant.
        wins = mean * np.sqrt(n) > stats.t.ppf(1 - alpha / 2, n - 1) * spread
        shares = wins.mean(axis=2)
        total = shares if total is None else total + shares
    if total is None:
        raise ValueError("'curves' is empty; give at least one experiment.")
    return total
