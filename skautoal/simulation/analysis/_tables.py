"""The protocol's tables: what the statistics say about the results of a comparison."""

from __future__ import annotations

import numpy as np

from ..runs._curves import labels_to_reach
from ..runs._results import Results, Setting
from ._statistics import (
    confidence_interval,
    critical_difference,
    friedman_test,
    holm,
    mean_ranks,
    paired_test,
    penalty_matrix,
    regret,
    share_near_best,
)


def summary_table(results: Results, metric: str = "accuracy") -> list[dict]:
    """Area under the budget curve of each method in each setting.

    Parameters
    ----------
    results : Results
        The runs.
    metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
        What the curves show.

    Returns
    -------
    rows : list of dict
        Task, budget, method, number of seeds, mean area, and half the width of its 95 %
        confidence interval.

    """
    rows = []
    for setting in results.settings:
        for method in results.methods:
            areas = [run.aubc(metric) for run in results.runs(method, setting)]
            if areas:
                rows.append(
                    {
                        **_names(setting),
                        "method": method,
                        "n_seeds": len(areas),
                        "aubc": float(np.mean(areas)),
                        "ci": float(confidence_interval(areas)),
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
) -> list[dict]:
    """Paired tests of a method against another, one a setting, corrected by Holm.

    Parameters
    ----------
    results : Results
        The runs.
    method, reference : str
        Names of the two.
    metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
        What the areas are of.
    test : {"wilcoxon", "t"}, default="wilcoxon"
        Test over seeds.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        ``"greater"``: the method is better.

    Returns
    -------
    rows : list of dict
        Task, budget, number of pairs, mean difference (positive: the method is better),
        half the width of its 95 % confidence interval, p, and p corrected over the
        settings.

    """
    pair = results.select([method, reference])
    areas = oriented_areas(pair, metric)
    rows = []
    for setting, (a, b) in zip(pair.settings, areas, strict=True):
        difference = (a - b)[~np.isnan(a - b)]
        if len(difference) == 0:
            continue
        rows.append(
            {
                **_names(setting),
                "n_pairs": len(difference),
                "difference": float(difference.mean()),
                "ci": float(confidence_interval(difference)),
                "p": paired_test(a, b, test=test, alternative=alternative),
            }
        )
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = float(p)
    return rows


def method_table(
    results: Results, *, candidates=None, metric: str = "accuracy", tolerance: float = 0.005
) -> list[dict]:
    """One row a method over all settings, best mean rank first.

    Methods that lack a setting are left out: their ranks would not be comparable.

    Parameters
    ----------
    results : Results
        The runs.
    candidates : list of str, optional
        Methods among which the best single candidate is sought; all by default.
    metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
        What the areas are of.
    tolerance : float, default=0.005
        How near the best counts as near.

    Returns
    -------
    rows : list of dict
        Method, mean rank, mean area, mean and worst regret to the best single candidate,
        share of settings within the tolerance of the best method, mean penalty.

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
    sign = _sign(metric)
    rows = [
        {
            "method": method,
            "mean_rank": float(ranks[m]),
            "mean_aubc": float(sign * scores[:, m].mean()),
            "mean_regret": float(behind[:, m].mean()),
            "worst_regret": float(behind[:, m].max()),
            "near_best": float(near[m]),
            "mean_penalty": float("nan") if penalties is None else float(penalties[m]),
        }
        for m, method in enumerate(results.methods)
    ]
    return sorted(rows, key=lambda row: row["mean_rank"])


def rank_summary(results: Results, metric: str = "accuracy", alpha: float = 0.05) -> dict:
    """Mean ranks with what is needed to judge their differences.

    Parameters
    ----------
    results : Results
        The runs.
    metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
        What the areas are of.
    alpha : float, default=0.05
        Significance level.

    Returns
    -------
    summary : dict
        ``ranks`` (dict of str to float, best first), ``critical_difference`` (Nemenyi)
        and ``friedman_p``.

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
    """Methods that ran in all settings, and their :func:`penalty_matrix`.

    Parameters
    ----------
    results : Results
        The runs, of at least two seeds.
    metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
        What the curves show.

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
        # The first point is the same for all: nothing had been chosen yet.
        experiments.append(_sign(metric) * np.array(curves)[:, :, 1:])
    return results.methods, penalty_matrix(experiments)


def labels_saved(results: Results, *, reference: str = "random", share: float = 0.95) -> list[dict]:
    """Labels that methods need to get near the accuracy of the whole pool, over those of random.

    Mean curves over seeds are used. Needs the runs of ``compare(..., full_data=True)``.

    Parameters
    ----------
    results : Results
        The runs.
    reference : str, default="random"
        Method to divide by.
    share : float, default=0.95
        Share of the accuracy with all labels that counts as near.

    Returns
    -------
    rows : list of dict
        Task, budget, method, labels (infinite if the curve does not get there), and the
        ratio (NaN if the reference does not get there).

    """
    rows = []
    for setting in results.settings:
        full = results.full_accuracy(setting.task)
        if full is None:
            continue
        n_labeled, curves = results.curves(setting)
        needed = {
            method: labels_to_reach(n_labeled, curve.mean(axis=0), share * full)
            for method, curve in curves.items()
        }
        base = needed.get(reference, np.inf)
        for method, labels in needed.items():
            ratio = labels / base if np.isfinite(base) else float("nan")
            rows.append({**_names(setting), "method": method, "labels": labels, "ratio": ratio})
    return rows


def cost_table(results: Results, reference: str = "entropy") -> list[dict]:
    """Seconds of a query of each method, and their multiple of another method's.

    Parameters
    ----------
    results : Results
        The runs.
    reference : str, default="entropy"
        Method to divide by; without runs of it there are no multiples.

    Returns
    -------
    rows : list of dict
        Method, median seconds of a query, mean over settings of the ratio of medians.

    """
    seconds = np.full((len(results.settings), len(results.methods)), np.nan)
    for s, setting in enumerate(results.settings):
        for m, method in enumerate(results.methods):
            queries = [t for run in results.runs(method, setting) for t in run.seconds_query[1:]]
            if queries:
                seconds[s, m] = np.median(queries)
    base = np.full((len(results.settings), 1), np.nan)
    if reference in results.methods:
        base = seconds[:, [results.methods.index(reference)]]
    ratios = seconds / base
    return [
        {
            "method": method,
            "seconds": _mean_known(seconds[:, m]),
            "ratio": _mean_known(ratios[:, m]),
        }
        for m, method in enumerate(results.methods)
    ]


def complete_methods(results: Results) -> Results:
    """The runs of the methods that ran in every setting."""
    kept = [
        method
        for method in results.methods
        if all(results.runs(method, setting) for setting in results.settings)
    ]
    if not kept:
        raise ValueError("No method was run in all settings; select tasks or budgets first.")
    return results.select(kept)


def setting_means(results: Results, metric: str) -> np.ndarray:
    """Mean area over the seeds that all methods have, (n_settings, n_methods), higher better."""
    areas = oriented_areas(results, metric)
    incomplete = np.isnan(areas).any(axis=1, keepdims=True)
    areas = np.where(incomplete, np.nan, areas)
    if np.isnan(areas).all(axis=2).any():
        raise ValueError("Some methods have no seed in common; run them with the same seeds.")
    return np.nanmean(areas, axis=2)


def oriented_areas(results: Results, metric: str) -> np.ndarray:
    """Areas (n_settings, n_methods, n_seeds), with the sign that makes higher better."""
    return _sign(metric) * results.aubc(metric)


def _sign(metric: str) -> float:
    return -1.0 if metric == "log_loss" else 1.0


def _mean_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _names(setting: Setting) -> dict[str, str]:
    return {"task": setting.task, "budget": setting.budget}
