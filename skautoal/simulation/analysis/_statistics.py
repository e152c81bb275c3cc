"""Statistics over tasks and seeds, on plain arrays; higher scores are better throughout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def confidence_interval(values, level: float = 0.95) -> np.ndarray:
    """Half the width of the t confidence interval of a mean, over the last axis.

    Parameters
    ----------
    values : array-like of shape (..., n)
        Repetitions; NaN are left out.
    level : float, default=0.95
        Confidence.

    Returns
    -------
    half_width : ndarray of shape (...)
        0 for fewer than two repetitions.

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
    return np.where(n > 1, half, 0.0)


def holm(p_values) -> np.ndarray:
    """P values corrected for their number by Holm's step-down method.

    Parameters
    ----------
    p_values : array-like of shape (m,)
        P values of m hypotheses; NaN (no test) stay NaN and do not count.

    Returns
    -------
    adjusted : ndarray of shape (m,)
        To be compared with the significance level as they are.

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


def paired_test(a, b, *, test: str = "wilcoxon", alternative: str = "two-sided") -> float:
    """P value for paired scores having the same mean or median.

    Parameters
    ----------
    a, b : array-like of shape (n,)
        Scores of two methods with the same seeds; pairs with NaN are left out.
    test : {"wilcoxon", "t"}, default="wilcoxon"
        Signed ranks, or the t test.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        ``"greater"``: a is better than b.

    Returns
    -------
    p : float
        1 if all pairs are equal, NaN for fewer than two pairs.

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
    if np.ptp(difference) == 0:  # always the same difference: the limit of the t test
        wanted = {"two-sided": True, "greater": difference[0] > 0, "less": difference[0] < 0}
        return 0.0 if wanted[alternative] else 1.0
    return float(stats.ttest_1samp(difference, 0.0, alternative=alternative).pvalue)


def mean_ranks(scores) -> np.ndarray:
    """Mean rank of each method, 1 for the best; ties share their ranks.

    Parameters
    ----------
    scores : array-like of shape (n_tasks, n_methods)
        Higher is better.

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


def friedman_test(scores) -> tuple[float, float]:
    """Friedman's test, with Iman and Davenport's F, that all methods are the same.

    Parameters
    ----------
    scores : array-like of shape (n_tasks, n_methods)
        Higher is better.

    Returns
    -------
    statistic : float
        F of Iman and Davenport, with k - 1 and (k - 1)(N - 1) degrees of freedom.
    p : float
        Its p value.

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
    """Nemenyi's critical difference of mean ranks: q_alpha sqrt(k (k + 1) / (6 N)).

    Parameters
    ----------
    n_methods : int
        Methods k, at least 2.
    n_tasks : int
        Tasks N.
    alpha : float, default=0.05
        Significance level.

    Returns
    -------
    difference : float
        Methods whose mean ranks differ by less are not told apart.

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


def penalty_matrix(curves: Sequence, alpha: float = 0.05) -> np.ndarray:
    """Pairwise penalties: how often one method is significantly better than another.

    Each experiment with R budgets adds 1/R to entry (i, j) for every budget at which a
    two-sided paired t test over seeds finds i better than j.

    Parameters
    ----------
    curves : sequence of array-like of shape (n_methods, n_seeds, n_budgets)
        One an experiment, which may differ in seeds and budgets; higher is better.
    alpha : float, default=0.05
        Significance level.

    Returns
    -------
    penalties : ndarray of shape (n_methods, n_methods)
        Between 0 and the number of experiments. A small mean of column j: j is seldom
        beaten.

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
    total = None
    for experiment in curves:
        values = np.asarray(experiment, dtype=float)
        if values.ndim != 3 or values.shape[1] < 2:
            raise ValueError(
                "'curves' must hold arrays (n_methods, n_seeds, n_budgets) with at least 2"
                f" seeds; got shape {values.shape}."
            )
        difference = values[:, None] - values[None]
        n = values.shape[1]
        mean, spread = difference.mean(axis=2), difference.std(axis=2, ddof=1)
        # Compared without a division: a difference that never varies is significant.
        wins = mean * np.sqrt(n) > stats.t.ppf(1 - alpha / 2, n - 1) * spread
        shares = wins.mean(axis=2)
        total = shares if total is None else total + shares
    if total is None:
        raise ValueError("'curves' is empty; give at least one experiment.")
    return total


def regret(scores, candidates=None) -> np.ndarray:
    """How far each method stays behind the best single candidate of each task.

    Parameters
    ----------
    scores : array-like of shape (n_tasks, n_methods)
        Higher is better.
    candidates : list of int, optional
        Columns of the candidates; all by default.

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
    scores = _table(scores)
    best = scores if candidates is None else scores[:, list(candidates)]
    return best.max(axis=1, keepdims=True) - scores


def share_near_best(scores, tolerances=(0.005,)) -> np.ndarray:
    """Share of tasks on which each method is within a tolerance of the best method.

    A performance profile (Dolan & More) of differences instead of ratios.

    Parameters
    ----------
    scores : array-like of shape (n_tasks, n_methods)
        Higher is better.
    tolerances : sequence of float, default=(0.005,)
        Largest difference from the best; 0.005 is half a point of accuracy.

    Returns
    -------
    shares : ndarray of shape (n_methods, n_tolerances)

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
    # Rounding must not decide about a difference that is exactly the tolerance.
    behind = regret(scores)[:, :, None]
    return (behind <= np.asarray(tolerances, dtype=float) + 1e-12).mean(axis=0)


def _table(scores) -> np.ndarray:
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or scores.size == 0 or np.isnan(scores).any():
        raise ValueError(
            "'scores' must be a table (n_tasks, n_methods) without NaN; got shape"
            f" {scores.shape} with {int(np.isnan(scores).sum())} NaN. Leave out methods or"
            " tasks that were not run."
        )
    return scores
