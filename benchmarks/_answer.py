"""The answer of the study in words: what the default saves, and what learning adds."""

from __future__ import annotations

import numpy as np
from _names import DEFAULT
from _tables import labels_needed, setting_means, shares_saved
from _verdicts import both_ran, compared, losses

from skautoal.simulation import Results, oracle_share


def headline(claims: Results) -> str:
    """Return one sentence with the labels saved, for the first screen of the documentation."""
    saved = {name: _median(claims, name) for name in ("random", "margin")}
    n_tasks = len({setting.task for setting in claims.settings})
    return (
        f"In our study of {n_tasks} data sets, the default reached the accuracy of random"
        f" sampling with **{saved['random']:.0f} % fewer labels**, and that of margin sampling"
        f" with {saved['margin']:.0f} % fewer (medians; the default was developed on the same"
        " data sets)."
    )


def answer(claims: Results, variants: Results) -> str:
    """Return the paragraphs that "Does it work?" begins with."""
    n, n_tasks = len(claims.settings), len({setting.task for setting in claims.settings})
    learning = compared(claims, "search", "equal")
    lost = losses(claims, variants, (DEFAULT, "margin"))
    found = both_ran(variants, DEFAULT, "margin")
    harder = dict(zip((DEFAULT, "margin"), 100 * setting_means(found).mean(0), strict=True))
    share = oracle_share(both_ran(claims, DEFAULT, "random", "oracle"))[DEFAULT]
    paired = compared(claims, "oracle", "random", "half_accuracy")
    clear = learning["p_greater"] < 0.05
    adds = (
        "More than nothing" if clear and learning["mean"] > 0 else "Nothing that we could measure"
    )
    return "\n".join(
        [
            f"- **Against random sampling.** {_saved(claims, 'random')}",
            f"- **Against margin sampling.** {_saved(claims, 'margin')}",
            f"- **What learning adds.** {adds}. Learned weights are {_points(learning)} points"
            f" ahead of equal weights over {len(learning['means'])} settings:"
            f" {_by_regime(claims)}.",
            "- **What is left.** An oracle that buys the best of 100 batches by their true labels"
            f" is {_points(paired)} points ahead of random sampling."
            f" The default has {100 * share:.0f} % of that gain.",
            *_of_builder(claims),
            "- **Under label noise and class imbalance.** The default loses"
            f" {100 * np.nanmean(lost[DEFAULT]):.1f} points and margin"
            f" {100 * np.nanmean(lost['margin']):.1f}; in the mean the default has"
            f" {harder[DEFAULT]:.1f}, margin {harder['margin']:.1f}.",
            "",
            f"There are {n} settings, of {n_tasks} data sets with up to three budgets. A point is"
            " one per cent of accuracy, averaged over the budget.",
        ]
    )


def _of_builder(claims: Results) -> list[str]:
    if "vote" not in claims.methods:
        return []
    return [
        "- **Where the gain comes from.** From the way the batch is built. With the same equal"
        f" weights, joint herding is {_points(compared(claims, 'equal', 'vote'))} points ahead of"
        " labelling the highest scores."
    ]


def _by_regime(claims: Results) -> str:
    parts = []
    for budget in ("low", "mid", "high"):
        chosen = claims.select(budgets=[budget])
        if chosen.settings and {"search", "equal"} <= set(chosen.methods):
            found = compared(chosen, "search", "equal")
            parts.append(f"{_points(found)} with the {budget} budget ({len(found['means'])})")
    return ", ".join(parts)


def _points(found: dict) -> str:
    return f"{100 * found['mean']:.2f} ± {100 * found['ci']:.2f}"


def _median(claims: Results, baseline: str) -> float:
    return float(np.median(100 * shares_saved(labels_needed(claims, baseline))))


def _saved(claims: Results, baseline: str) -> str:
    rows = labels_needed(claims, baseline)
    shares = 100 * shares_saved(rows)
    reached = np.array([np.isfinite(needed) for _, needed, _ in rows])
    where = (
        "" if reached.all() else f" in the {reached.sum()} of {len(rows)} settings where it does"
    )
    ahead = compared(claims, DEFAULT, baseline)
    return (
        f"The default reaches the last accuracy of {baseline} sampling with"
        f" {np.median(shares):.0f} % fewer labels (median; {shares[reached].min():.0f} to"
        f" {shares[reached].max():.0f} %{where}). It is {_points(ahead)} points ahead."
    )
