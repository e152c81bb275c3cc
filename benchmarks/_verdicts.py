"""Verdicts on the claims that were registered before the study was run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from _names import method_name, task_name
from _study import PAPER
from _tables import HALF_A_POINT, complete, setting_means, table

from skautoal.simulation import (
    Results,
    Setting,
    confidence_interval,
    holm,
    mean_ranks,
    paired_test,
)


@dataclass(frozen=True)
class Verdict:
    """A claim with its judgement.

    Attributes
    ----------
    claim : str
        Its number, P1 to P5.
    holds : bool
        Whether the numbers support it.
    evidence : str
        The numbers.

    """

    claim: str
    holds: bool
    evidence: str


def compared(results: Results, method: str, reference: str) -> dict:
    """Return paired differences: a test in each setting, Holm-corrected, and one over settings."""
    pair = results.select([method, reference])
    areas = pair.aubc()
    difference = areas[:, 0] - areas[:, 1]
    p = holm([paired_test(a, b, alternative="greater") for a, b in areas])
    worse = holm([paired_test(b, a, alternative="greater") for a, b in areas])
    means = np.nanmean(difference, axis=1)
    per_setting = np.nanmean(areas[:, 0], 1), np.nanmean(areas[:, 1], 1)
    return {
        "settings": pair.settings,
        "means": means,
        "half": confidence_interval(difference),
        "better": int((p < 0.05).sum()),
        "worse": int((worse < 0.05).sum()),
        "mean": float(means.mean()),
        "ci": float(confidence_interval(means)),
        "p_greater": paired_test(*per_setting, alternative="greater"),
    }


def points(found: dict) -> str:
    """Return the mean difference in points with its 95 % interval."""
    return f"{100 * found['mean']:+.2f} ± {100 * found['ci']:.2f}"


def comparison_table(results: Results, pairs: list[tuple[str, str]]) -> str:
    """Return a table with a row for each pair of methods."""
    rows = []
    for method, reference in pairs:
        found = compared(results, method, reference)
        rows.append(
            [
                f"{method_name(method)} against {method_name(reference)}",
                points(found),
                f"{found['p_greater']:.2g}",
                f"{found['better']}, {found['worse']}",
            ]
        )
    n = len(results.settings)
    return table(["comparison", "points", "p", f"better, worse (of {n})"], rows)


def verdicts(claims: Results, variants: Results, field: Results) -> list[Verdict]:
    """Judge the registered claims."""
    p1 = compared(claims, "auto", "vote")
    p5 = compared(claims, "search", "random weights")
    return [
        Verdict("P1", p1["p_greater"] < 0.05, _evidence(p1)),
        _best_rank(field),
        _never_far_behind(claims),
        _robustness(claims, variants),
        Verdict("P5", p5["p_greater"] < 0.05, _evidence(p5)),
    ]


def verdict_table(found: list[Verdict]) -> str:
    """Return the verdicts as a table."""
    rows = [[v.claim, "holds" if v.holds else "**fails**", v.evidence] for v in found]
    lines = [["claim", "verdict", "numbers"], ["---"] * 3, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ranking(results: Results) -> list[tuple[str, float]]:
    """Return methods and their mean ranks, best first."""
    whole = complete(results)
    ranks = mean_ranks(setting_means(whole))
    return sorted(zip(whole.methods, ranks.tolist(), strict=True), key=lambda pair: pair[1])


def losses(claims: Results, variants: Results, methods: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the area that each method loses to noise and imbalance, (n_settings, n_seeds)."""
    clean = {(s.task, s.budget): i for i, s in enumerate(claims.settings)}
    lost = {}
    for method in methods:
        base = claims.select([method]).aubc()[:, 0]
        harder = variants.select([method])
        rows = [clean[s.task.partition("-")[0], s.budget] for s in harder.settings]
        lost[method] = base[rows] - harder.aubc()[:, 0]
    return lost


def _evidence(found: dict) -> str:
    return (
        f"{points(found)} points over {len(found['means'])} settings (p ="
        f" {found['p_greater']:.2g}); better in {found['better']}, worse in {found['worse']}"
    )


def _best_rank(field: Results) -> Verdict:
    ranks = ranking(field)
    place = [name for name, _ in ranks].index("auto") + 1
    best = ", ".join(f"{method_name(name)} {rank:.2f}" for name, rank in ranks[:4])
    return Verdict("P2", place == 1, f"number {place} of {len(ranks)} by mean rank: {best}")


def _never_far_behind(claims: Results) -> Verdict:
    means = setting_means(claims.select(["auto", *PAPER, "random"]))
    behind = means[:, 1:-1].max(1) - means[:, 0]
    below = means[:, -1] - means[:, 0]
    holds = bool(behind.max() <= HALF_A_POINT and below.max() <= HALF_A_POINT)
    against = (
        f"{100 * below.max():.2f} points behind random in the worst setting"
        if below.max() > 0
        else f"ahead of random everywhere, by at least {-100 * below.max():.2f}"
    )
    return Verdict(
        "P3",
        holds,
        f"{100 * behind.max():.2f} points behind the best candidate on"
        f" {_named(claims.settings[int(behind.argmax())])}; more than half a point in"
        f" {(behind > HALF_A_POINT).sum()} of {len(behind)} settings; {against}",
    )


def _robustness(claims: Results, variants: Results) -> Verdict:
    lost = losses(claims, variants, ("auto", "margin"))
    more = np.nanmean(lost["auto"] - lost["margin"], axis=1)
    p = paired_test(more, np.zeros(len(more)), alternative="greater")
    return Verdict(
        "P4",
        bool(more.mean() <= 0),
        f"the default loses {100 * np.nanmean(lost['auto']):.2f} points, margin"
        f" {100 * np.nanmean(lost['margin']):.2f} (means over {len(more)} settings; p = {p:.2g});"
        f" at most {100 * more.max():.2f} more than margin, on"
        f" {_named(variants.settings[int(more.argmax())])}",
    )


def _named(setting: Setting) -> str:
    return f"{task_name(setting.task)} ({setting.budget})"
