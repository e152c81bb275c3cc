"""Gains of methods over random sampling, as shares of the gain of the oracle."""

from __future__ import annotations

import numpy as np

from ..runs._methods import ORACLE
from ..runs._results import Results, Setting
from ._scores import in_setting, setting_means

_METRIC = "half_accuracy"  # the oracle is scored on half of the test samples


def oracle_share(results: Results, *, reference: str = "random") -> dict[str, float]:
    """Compute which share of the oracle's gain over random sampling each method has.

    Gains are differences of areas under the budget curve, on the half of the test samples
    on which the oracle is scored, as means over settings and seeds.

    Parameters
    ----------
    results : Results
        The runs; see the method ``"oracle"`` of :func:`simulate`.
    reference : str, default="random"
        Method that gains are counted from.

    Returns
    -------
    shares : dict of str to float
        By method: 1 for the oracle, 0 for the reference, above 1 for a method that beats
        the oracle. Only settings count in which the method, the oracle, and the reference ran,
        with the seeds that they have in common. NaN without such a setting, or where the
        oracle gains nothing.

    Examples
    --------
    >>> from skautoal.simulation import Budget, compare, load_task, oracle_share
    >>> task = load_task("digits").subset(200, 100)
    >>> results = compare(["random", "oracle"], task, seeds=2, verbose=0,
    ...                   budgets=Budget("tiny", 20, 10, 2))
    >>> oracle_share(results)
    {'random': 0.0, 'oracle': 1.0}

    """
    return {method: _share(results, method, reference) for method in results.methods}


def has_oracle(results: Results, reference: str = "random") -> bool:
    """Return True if there are runs of the oracle and of the reference."""
    return {ORACLE, reference} <= set(results.methods)


def _share(results: Results, method: str, reference: str) -> float:
    if not has_oracle(results, reference):
        return float("nan")
    trio = list(dict.fromkeys([method, reference, ORACLE]))
    chosen = results.select(trio)
    settings = [s for s in chosen.settings if _common_seeds(chosen, s)]
    if not settings:
        return float("nan")
    means = np.mean([setting_means(in_setting(chosen, s), _METRIC)[0] for s in settings], axis=0)
    gains = {name: means[m] - means[trio.index(reference)] for m, name in enumerate(trio)}
    return float(gains[method] / gains[ORACLE]) if gains[ORACLE] > 0 else float(np.nan)


def _common_seeds(results: Results, setting: Setting) -> set[int | None]:
    """Return the seeds that all methods ran with in a setting."""
    runs = [results.runs(method, setting) for method in results.methods]
    return set.intersection(*({run.seed for run in of_one} for of_one in runs))
