"""Arrays of scores that tables, plots and the summary of a comparison are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..runs._results import Results, Setting
from ._statistics import confidence_interval

#: Fewer seeds than this give no useful interval: with two, the 95 % interval of a mean is
#: 12.7 standard errors to either side.
MIN_SEEDS = 3


def seed_interval(values: ArrayLike) -> np.ndarray:
    """Compute half the width of the 95 % interval of a mean over seeds, the last axis.

    Parameters
    ----------
    values : array-like of shape (..., n_seeds)
        Values without NaN.

    Returns
    -------
    half_width : ndarray of shape (...)
        NaN for fewer than ``MIN_SEEDS`` seeds.

    """
    values = np.asarray(values, dtype=float)
    half = confidence_interval(values)
    return half if values.shape[-1] >= MIN_SEEDS else np.full_like(half, np.nan)


def complete_methods(results: Results) -> Results:
    """Return the runs of the methods that ran in every setting.

    Raises
    ------
    ValueError
        If there is no such method.

    """
    kept = [
        method
        for method in results.methods
        if all(results.runs(method, setting) for setting in results.settings)
    ]
    if not kept:
        raise ValueError("No method was run in all settings; select tasks or budgets first.")
    return results.select(kept)


def in_setting(results: Results, setting: Setting) -> Results:
    """Return the runs of one setting."""
    return Results(
        run for run in results if (run.task, run.budget) == (setting.task, setting.budget)
    )


def setting_means(results: Results, metric: str = "accuracy") -> np.ndarray:
    """Compute mean areas over the seeds that all methods have; higher is better.

    Returns
    -------
    means : ndarray of shape (n_settings, n_methods)

    Raises
    ------
    ValueError
        If the methods of a setting have no seed in common.

    """
    areas = oriented_areas(results, metric)
    incomplete = np.isnan(areas).any(axis=1, keepdims=True)
    areas = np.where(incomplete, np.nan, areas)
    if np.isnan(areas).all(axis=2).any():
        raise ValueError("Some methods have no seed in common; run them with the same seeds.")
    return np.nanmean(areas, axis=2)


def oriented_areas(results: Results, metric: str = "accuracy") -> np.ndarray:
    """Compute areas with the sign that makes higher better.

    Returns
    -------
    areas : ndarray of shape (n_settings, n_methods, n_seeds)
        NaN where a run is missing.

    """
    return sign_of(metric) * results.aubc(metric)


def sign_of(metric: str) -> float:
    """Return -1 for a metric of which less is better, else 1."""
    return -1.0 if metric == "log_loss" else 1.0
