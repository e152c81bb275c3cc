"""Tables of the study in Markdown, narrow enough for a column of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from _names import DEFAULT, method_name, task_name

from skautoal.simulation import Results, labels_to_reach, mean_ranks, oracle_share

HALF_A_POINT = 0.005


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; columns after the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def complete(results: Results) -> Results:
    """Return the runs of the methods that ran in every setting."""
    return results.select(
        [m for m in results.methods if all(results.runs(m, s) for s in results.settings)]
    )


def setting_means(results: Results) -> np.ndarray:
    """Return mean areas over the seeds that all methods have, (n_settings, n_methods)."""
    areas = results.aubc()
    return np.nanmean(np.where(np.isnan(areas).any(1, keepdims=True), np.nan, areas), axis=2)


def overview(results: Results, part: str = "claims") -> str:
    """Return a table with a row for each method over all settings, best mean rank first.

    The last column, the share of the oracle's gain over random sampling, is there where the
    oracle ran.
    """
    whole = complete(results)
    means = setting_means(whole)
    ranks = mean_ranks(means) if means.shape[1] > 1 else np.ones(1)
    behind = means.max(1, keepdims=True) - means
    n = len(means)
    has_oracle = {"oracle", "random"} <= set(whole.methods)
    shares = oracle_share(whole)
    rows = [
        [
            method_name(whole.methods[m], part),
            f"{100 * means[:, m].mean():.2f}",
            f"{ranks[m]:.2f}",
            f"{100 * behind[:, m].max():.1f}",
            f"{(behind[:, m] <= HALF_A_POINT).sum()} of {n}",
            *([f"{100 * shares[whole.methods[m]]:.0f} %"] if has_oracle else []),
        ]
        for m in np.argsort(ranks, kind="stable")
    ]
    head = ["method", "AUBC", "mean rank", "worst case", "near best"]
    text = table([*head, "of the oracle's gain"] if has_oracle else head, rows)
    left = sorted(set(results.methods) - set(whole.methods))
    return f"{text}\n\nNot run in every setting: {', '.join(left)}." if left else text


def by_setting(results: Results, methods: Sequence[str]) -> str:
    """Return a table of the area of some methods, with a row for each setting.

    Areas are means over the seeds of each method; a cell is empty where a method did not run.
    """
    chosen = results.select(methods)
    rows = []
    for setting in chosen.settings:
        found = [[run.aubc() for run in chosen.runs(method, setting)] for method in methods]
        cells = [f"{100 * np.mean(areas):.1f}" if areas else "" for areas in found]
        rows.append([f"{task_name(setting.task)}, {setting.budget}", *cells])
    return table(["data set, budget", *map(method_name, methods)], rows)


def labels_needed(results: Results, baseline: str, method: str = DEFAULT) -> list[tuple]:
    """Return the labels with which a method reaches the last accuracy of a baseline.

    Mean curves over the seeds are used, with straight lines between the rounds.

    Returns
    -------
    rows : list of (Setting, float, int)
        Setting, labels that the method needs (infinite if its curve does not get there),
        and labels of the baseline.

    """
    rows = []
    for setting in results.settings:
        n_labeled, curves = results.curves(setting)
        if not {baseline, method} <= set(curves):
            continue
        target = curves[baseline].mean(axis=0)[-1]
        needed = labels_to_reach(n_labeled, curves[method].mean(axis=0), target)
        rows.append((setting, needed, int(n_labeled[-1])))
    return rows


def shares_saved(rows: list[tuple]) -> np.ndarray:
    """Return the share of the baseline's labels that was saved in each setting.

    It is 0 where the method did not get there, which cannot raise a median above 0.
    """
    return np.array([1 - min(needed, total) / total for _, needed, total in rows])


def needed_table(results: Results, baselines: Sequence[str]) -> str:
    """Return a table of the labels that the default needs to match some baselines."""
    found = [labels_needed(results, baseline) for baseline in baselines]
    rows = []
    for matches in zip(*found, strict=True):
        setting, _, total = matches[0]
        cells = [
            f"{needed:.0f} ({100 * (needed / total - 1):+.0f} %)" if needed <= total else "more"
            for _, needed, total in matches
        ]
        rows.append([f"{task_name(setting.task)}, {setting.budget}", f"{total}", *cells])
    head = ["data set, budget", "their labels", *(f"to match {name}" for name in baselines)]
    return table(head, rows)


def differences(found: dict[str, dict]) -> str:
    """Return a table of paired differences to a reference in each setting, 95 % intervals.

    Parameters
    ----------
    found : dict of str to dict
        What :func:`_verdicts.compared` returns, by method.

    """
    settings = next(iter(found.values()))["settings"]
    rows = [
        [
            method_name(method),
            *(
                f"{100 * mean:+.2f} ± {100 * half:.2f}"
                for mean, half in zip(given["means"], given["half"], strict=True)
            ),
        ]
        for method, given in found.items()
    ]
    names = [f"{task_name(s.task)}, {s.budget}" for s in settings]
    return table(["points ahead of the default", *names], rows)
