"""The result of a comparison in one or two sentences: which method won, if any."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ..runs._results import Results
from ..runs._words import counted, listed
from ._scores import MIN_SEEDS, complete_methods, oriented_areas, setting_means
from ._statistics import holm, paired_test
from ._tables import rank_summary

_ALPHA = 0.05
_AREA = "area under the budget curve"


def verdict(results: Results) -> str:
    """Say which method won, or that no difference is significant.

    In one setting, paired t tests over seeds compare all pairs of methods, with Holm's
    correction. In several settings, Friedman's and Nemenyi's tests compare mean ranks
    over settings. The level is 5 %.

    Parameters
    ----------
    results : Results
        The runs, of at least one setting. Methods that lack a setting are left out.

    Returns
    -------
    sentences : str

    """
    if len(results.methods) == 1:
        return f"Only {results.methods[0]} was run: there is nothing to compare it with."
    try:
        complete = complete_methods(results)
        means = setting_means(complete)
    except ValueError as exc:
        return f"The methods cannot be compared. {exc}"
    if len(complete.methods) == 1:
        return f"Only {complete.methods[0]} was run in every setting: nothing can be compared."
    if len(complete.settings) == 1:
        return _over_seeds(complete, means[0])
    return _over_settings(complete, means)


def _over_seeds(results: Results, means: np.ndarray) -> str:
    """Judge one setting by its seeds."""
    areas = oriented_areas(results)[0]
    n_seeds = _n_common(areas)
    best = int(means.argmax())
    name = results.methods[best]
    leader = f"has the largest mean {_AREA} ({means[best]:.3f})"
    if n_seeds < MIN_SEEDS:
        few = "one seed cannot" if n_seeds == 1 else f"{n_seeds} seeds are too few to"
        return f"No winner: {name} {leader}, but {few} tell chance from a difference."
    similar = [results.methods[i] for i in _similar(areas, best)]
    how = f"paired t tests over {counted(n_seeds, 'seed')}, Holm's correction, 5 % level"
    return _sentences(name, leader, similar, len(results.methods) - 1, how)


def _n_common(areas: np.ndarray) -> int:
    """Count the seeds that all methods have; areas are (n_methods, n_seeds)."""
    return int((~np.isnan(areas)).all(axis=0).sum())


def _similar(areas: np.ndarray, best: int) -> list[int]:
    """Return the methods that do not differ significantly from the best, over seeds.

    The best was chosen by looking at the data, so all pairs count as tests.
    """
    pairs = list(combinations(range(len(areas)), 2))
    corrected = holm([paired_test(areas[i], areas[j], test="t") for i, j in pairs])
    close = [pair for pair, p in zip(pairs, corrected, strict=True) if p >= _ALPHA]
    return sorted(sum(pair) - best for pair in close if best in pair)


def _over_settings(results: Results, means: np.ndarray) -> str:
    """Judge several settings by the mean ranks of the methods."""
    summary = rank_summary(results)
    ranks, width = summary["ranks"], summary["critical_difference"]
    name, rank = next(iter(ranks.items()))
    n_settings, n_methods = means.shape
    first = int((means.argmax(axis=1) == results.methods.index(name)).sum())
    leader = (
        f"has the best mean rank ({rank:.2f} among {n_methods} methods) and the largest {_AREA}"
        f" in {first} of {n_settings} settings"
    )
    if width >= n_methods - 1:
        return (
            f"No winner: {name} {leader}, but {n_settings} settings are too few for a test of"
            f" mean ranks.{_within_settings(results, name)}"
        )
    others = [other for other in ranks if other != name]
    similar = [other for other in others if ranks[other] - rank <= width]
    if summary["friedman_p"] >= _ALPHA:
        similar = others
    how = "Friedman's and Nemenyi's tests over settings, 5 % level"
    return _sentences(name, leader, similar, len(others), how)


def _within_settings(results: Results, name: str) -> str:
    """Count the settings in which a method is significantly the best, over seeds."""
    areas = oriented_areas(results)
    if min(map(_n_common, areas)) < MIN_SEEDS:
        return ""
    best, means = results.methods.index(name), setting_means(results)
    wins = sum(
        int(mean.argmax()) == best and not _similar(of_setting, best)
        for mean, of_setting in zip(means, areas, strict=True)
    )
    return (
        f" It differs significantly from all other methods in {wins} of {len(areas)} settings"
        " (paired t tests over seeds, Holm's correction, 5 % level)."
    )


def _sentences(name: str, leader: str, similar: list[str], n_others: int, how: str) -> str:
    if not similar:
        rest = "the other method" if n_others == 1 else "all other methods"
        return f"{name} won: it {leader}, and it differs significantly from {rest} ({how})."
    if len(similar) == n_others:
        rest = similar[0] if n_others == 1 else "any other method"
        return (
            f"No winner: {name} {leader}, but it does not differ significantly from {rest} ({how})."
        )
    return (
        f"No clear winner: {name} {leader}. It differs significantly from"
        f" {n_others - len(similar)} of {n_others} other methods, but not from"
        f" {listed(similar)} ({how})."
    )
