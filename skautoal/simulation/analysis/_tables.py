"""Tables of a comparison: areas, differences, ranks and penalties, as lists of dicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..runs._results import Results, Setting
from ._oracle_share import oracle_share
from ._ranks import critical_difference, friedman_test, mean_ranks, regret, share_near_best
from ._scores import (
    complete_methods,
    in_setting,
    oriented_areas,
    seed_interval,
    setting_means,
    sign_of,
)
from ._statistics import holm, paired_test, penalty_matrix


def summary_table(results: Results, metric: str = "accuracy") -> list[dict[str, Any]]:
    """Compute the area under the budget curve of each method in each setting.

    Parameters
    ----------
    results : Results
        The runs.
    metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
        Metric of the curves.

    Returns
    -------
    rows : list of dict
        Task, budget, method, number of seeds, mean area (``aubc``), half the width of
        its 95 % confidence interval (``ci``, NaN for fewer than three seeds), and share of
        the oracle's gain over random sampling (see :func:`oracle_share`).

    """
    rows = []
    for setting in results.settings:
        shares = oracle_share(in_setting(results, setting))
        for method in results.methods:
            areas = [run.aubc(metric) for run in results.runs(method, setting)]
            if areas:
                rows.append(
                    {
                        **names_of(setting),
                        "method": method,
                        "n_seeds": len(areas),
                        "aubc": float(np.mean(areas)),
                        "ci": float(seed_interval(areas)),
                        "oracle_share": shares[method],
                    }
                )
    return rows


def difference_table(
    results: Results,
    method: str,
    reference: str,
    *,
    metric: str = "accuracy",
    test: str = "wilcoxon",
    alternative: str = "two-sided",
) -> list[dict[str, Any]]:
    """Compare a method with another by paired tests, one per setting, corrected by Holm.

    Parameters
    ----------
    results : Results
        The runs.
    method, reference : str
        Names of the two methods.
    metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
        Metric of the curves.
    test : {"wilcoxon", "t"}, default="wilcoxon"
        Test over seeds. With n seeds, no two-sided p value of ``"wilcoxon"`` is below
        2 / 2**n: it needs at least 6 seeds to be significant at 5 %.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        Alternative hypothesis. ``"greater"`` means that the method is better.

    Returns
    -------
    rows : list of dict
        Task, budget, number of pairs, mean difference of areas (positive if the method is
        better), half the width of its 95 % confidence interval (``ci``, NaN for fewer
        than three pairs), p value, and p value corrected over the settings.

    """
    pair = results.select([method, reference])
    areas = oriented_areas(pair, metric)
    rows: list[dict[str, Any]] = []
    for setting, (a, b) in zip(pair.settings, areas, strict=True):
        difference = (a - b)[~np.isnan(a - b)]
        if len(difference) == 0:
            continue
        rows.append(
            {
                **names_of(setting),
                "n_pairs": len(difference),
                "difference": float(difference.mean()),
                "ci": float(seed_interval(difference)),
                "p": paired_test(a, b, test=test, alternative=alternative),
            }
        )
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = float(p)
    return rows


def method_table(
    results: Results,
    *,
    candidates: Iterable[str] | None = None,
    metric: str = "accuracy",
    tolerance: float = 0.005,
) -> list[dict[str, Any]]:
    """Summarise each method over all settings, best mean rank first.

    Methods that lack a setting are left out, because their ranks would not be comparable.

    Parameters
    ----------
    results : Results
        The runs.
    candidates : list of str, optional
        Methods among which the best single candidate of each setting is sought. By
        default all methods.
    metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
        Metric of the curves.
    tolerance : float, default=0.005
        Largest difference of areas from the best method that counts as near.

    Returns
    -------
    rows : list of dict
        Method, mean rank, mean area, mean and largest regret to the best single
        candidate, share of settings in which it is near the best method, mean penalty
        (NaN with a single seed), and share of the oracle's gain over random sampling (see
        :func:`oracle_share`).

    """
    results = complete_methods(results)
    scores = setting_means(results, metric)
    chosen = None
    if candidates is not None:
        chosen = [results.methods.index(name) for name in candidates if name in results.methods]
    behind = regret(scores, chosen)
    ranks, near = mean_ranks(scores), share_near_best(scores, (tolerance,))[:, 0]
    penalties = None
    if len(results.seeds) > 1:
        penalties = penalties_of(results, metric)[1].mean(axis=0)
    sign, shares = sign_of(metric), oracle_share(results)
    rows = [
        {
            "method": method,
            "mean_rank": float(ranks[m]),
            "mean_aubc": float(sign * scores[:, m].mean()),
            "mean_regret": float(behind[:, m].mean()),
            "worst_regret": float(behind[:, m].max()),
            "near_best": float(near[m]),
            "mean_penalty": float("nan") if penalties is None else float(penalties[m]),
            "oracle_share": shares[method],
        }
        for m, method in enumerate(results.methods)
    ]
    return sorted(rows, key=lambda row: row["mean_rank"])


def rank_summary(results: Results, metric: str = "accuracy", alpha: float = 0.05) -> dict[str, Any]:
    """Compute mean ranks and the statistics for judging their differences.

    Parameters
    ----------
    results : Results
        The runs. Methods that lack a setting are left out.
    metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
        Metric of the curves.
    alpha : float, default=0.05
        Significance level.

    Returns
    -------
    summary : dict
        ``ranks`` (dict of str to float, best first), ``critical_difference`` of Nemenyi's
        test (NaN with one method) and ``friedman_p``, the p value of Friedman's test (NaN
        with one method or one setting).

    """
    results = complete_methods(results)
    scores = setting_means(results, metric)
    ranks = dict(zip(results.methods, mean_ranks(scores).tolist(), strict=True))
    n_settings, n_methods = scores.shape
    several = n_settings > 1 and n_methods > 1
    return {
        "ranks": dict(sorted(ranks.items(), key=lambda item: item[1])),
        "critical_difference": critical_difference(n_methods, n_settings, alpha)
        if n_methods > 1
        else float("nan"),
        "friedman_p": friedman_test(scores)[1] if several else float("nan"),
    }


def penalties_of(results: Results, metric: str = "accuracy") -> tuple[list[str], np.ndarray]:
    """Compute the :func:`penalty_matrix` of the methods that ran in all settings.

    Parameters
    ----------
    results : Results
        The runs, of at least two seeds.
    metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
        Metric of the curves.

    Returns
    -------
    methods : list of str
        Names of rows and columns.
    penalties : ndarray of shape (n_methods, n_methods)

    """
    results = complete_methods(results)
    experiments = []
    for setting in results.settings:
        runs = [results.runs(method, setting) for method in results.methods]
        seeds = set.intersection(*({run.seed for run in of_one} for of_one in runs))
        curves = [[run.curve(metric) for run in of_one if run.seed in seeds] for of_one in runs]
        # In round 0 no method has picked anything yet: all nets are the same.
        experiments.append(sign_of(metric) * np.array(curves)[:, :, 1:])
    return results.methods, penalty_matrix(experiments)


def names_of(setting: Setting) -> dict[str, str]:
    """Return the names of a setting as columns of a table."""
    return {"task": setting.task, "budget": setting.budget}
