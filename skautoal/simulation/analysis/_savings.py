"""Labels that methods save, and the seconds that their queries cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..runs._curves import labels_to_reach
from ..runs._results import Results
from ._tables import names_of


def labels_saved(
    results: Results, *, reference: str = "random", share: float = 0.95
) -> list[dict[str, Any]]:
    """Compute the labels needed to come near the accuracy of a net trained on all labels.

    Mean curves over seeds are used. This needs the runs of
    ``compare(..., full_data=True)``.

    Parameters
    ----------
    results : Results
        The runs.
    reference : str, default="random"
        Method whose number of labels the others are divided by.
    share : float, default=0.95
        Share of the accuracy with all labels that is to be reached.

    Returns
    -------
    rows : list of dict
        Task, budget, method, number of labels (infinite if the curve does not reach the
        target), and their ratio to those of the reference (NaN if the reference does not
        reach it).

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
            rows.append({**names_of(setting), "method": method, "labels": labels, "ratio": ratio})
    return rows


def cost_table(results: Results, reference: str = "entropy") -> list[dict[str, Any]]:
    """Compute the seconds of a query of each method.

    Parameters
    ----------
    results : Results
        The runs.
    reference : str, default="entropy"
        Method whose seconds the others are divided by.

    Returns
    -------
    rows : list of dict
        Method, median seconds of a query (mean over settings), and the mean ratio of
        medians to those of the reference (NaN without runs of the reference). Runs with
        unknown times are left out (see ``batch_seeds`` of :func:`compare`).

    """
    seconds = np.full((len(results.settings), len(results.methods)), np.nan)
    for s, setting in enumerate(results.settings):
        for m, method in enumerate(results.methods):
            # Round 0 has no query.
            queries = [t for run in results.runs(method, setting) for t in run.seconds_query[1:]]
            queries = [t for t in queries if not np.isnan(t)]
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


def _mean_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
