"""Verdicts on the claims Q1 to Q6, which were registered before the study was run.

The claims, and the rule for the default, are quoted in docs/does_it_work.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from _names import DEFAULT, method_name, task_name
from _study import PAPER
from _tables import HALF_A_POINT, setting_means, table

from skautoal.simulation import (
    Results,
    Setting,
    confidence_interval,
    holm,
    oracle_share,
    paired_test,
)

#: What the default is compared with in Q2: its candidates, the strongest method, random.
RIVALS = [*PAPER, "uncertainty_herding", "uncertainty_herding labeled", "random"]
_MARGIN = 0.003  # Q1: as much below equal weights as a setting may be


@dataclass(frozen=True)
class Verdict:
    """A claim with its judgement.

    Attributes
    ----------
    claim : str
        Its number, Q1 to Q6.
    holds : bool
        Whether the numbers support it.
    evidence : str
        The numbers.

    """

    claim: str
    holds: bool
    evidence: str


def compared(results: Results, method: str, reference: str, metric: str = "accuracy") -> dict:
    """Return paired differences: a test in each setting, Holm-corrected, and one over settings.

    Only seeds count that both methods have.
    """
    pair = both_ran(results, method, reference)
    areas = pair.aubc(metric)
    difference = areas[:, 0] - areas[:, 1]
    rows = [(a[~np.isnan(a + b)], b[~np.isnan(a + b)]) for a, b in areas]
    p = holm([paired_test(a, b, alternative="greater") for a, b in rows])
    worse = holm([paired_test(b, a, alternative="greater") for a, b in rows])
    means = np.nanmean(difference, axis=1)
    per_setting = np.nanmean(np.where(np.isnan(difference)[:, None], np.nan, areas), axis=2)
    return {
        "settings": pair.settings,
        "means": means,
        "half": np.array([float(confidence_interval(a - b)) for a, b in rows]),
        "p_better": p,
        "p_worse": worse,
        "better": int((p < 0.05).sum()),
        "worse": int((worse < 0.05).sum()),
        "mean": float(means.mean()),
        "ci": float(confidence_interval(means)),
        "p_greater": paired_test(*per_setting.T, alternative="greater"),
    }


def both_ran(results: Results, *methods: str) -> Results:
    """Return the runs of some methods in the settings in which all of them ran."""
    chosen = results.select(methods)
    kept = {
        (s.task, s.budget)
        for s in chosen.settings
        if set.intersection(*({run.seed for run in chosen.runs(m, s)} for m in methods))
    }
    return Results(run for run in chosen if (run.task, run.budget) in kept)


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
                f"{found['better']}, {found['worse']} of {len(found['means'])}",
            ]
        )
    return table(["comparison", "points", "p", "better, worse"], rows)


def gains(claims: Results) -> str:
    """Return a table of what learning adds to equal weights in each setting, 95 % intervals."""
    found = compared(claims, "search", "equal")
    pair = both_ran(claims, "search", "equal")
    rows = []
    for i, setting in enumerate(found["settings"]):
        seeds = {run.seed for run in pair.runs("search", setting)}
        seeds &= {run.seed for run in pair.runs("equal", setting)}
        gain = f"{100 * found['means'][i]:+.2f} ± {100 * found['half'][i]:.2f}"
        p = f"{found['p_worse'][i]:.2g}"
        rows.append([f"{task_name(setting.task)}, {setting.budget}", str(len(seeds)), gain, p])
    return table(["data set, budget", "seeds", "points", "p that it is worse (Holm)"], rows)


def harmed(claims: Results) -> list[Setting]:
    """Return the settings that fail the second half of Q1.

    There the search is more than 0.3 points below equal weights, and worse by a test over
    seeds that is corrected by Holm.
    """
    found = compared(claims, "search", "equal")
    triples = zip(found["settings"], found["means"], found["p_worse"], strict=True)
    return [setting for setting, mean, p in triples if mean < -_MARGIN and p < 0.05]


def default_by_rule(claims: Results) -> str:
    """Return the method that the registered rule makes the default."""
    return "equal" if harmed(claims) else "search"


def verdicts(claims: Results, variants: Results, trust: Results) -> list[Verdict]:
    """Judge the registered claims."""
    return [
        _search_against_equal(claims),
        _never_far_behind(claims),
        _oracle(claims),
        _random_weights(claims),
        _trust(trust),
        _robustness(claims, variants),
    ]


def verdict_table(found: list[Verdict]) -> str:
    """Return the verdicts as a table."""
    words = {True: "holds", False: "**fails**"}
    rows = [[v.claim, words[v.holds], v.evidence] for v in found]
    lines = [["claim", "verdict", "numbers"], ["---"] * 3, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def losses(claims: Results, variants: Results, methods: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the area that each method loses to noise and imbalance, (n_settings, n_seeds)."""
    lost = {}
    for method in methods:
        base = claims.select([method])
        at = {(s.task, s.budget): i for i, s in enumerate(base.settings)}
        harder = variants.select([method])
        rows = [at[s.task.partition("-")[0], s.budget] for s in harder.settings]
        same = [base.seeds.index(seed) for seed in harder.seeds]
        lost[method] = base.aubc()[rows, 0][:, same] - harder.aubc()[:, 0]
    return lost


def _search_against_equal(claims: Results) -> Verdict:
    found, below = compared(claims, "search", "equal"), harmed(claims)
    lowest = int(found["means"].argmin())
    return Verdict(
        "Q1",
        bool(found["p_greater"] < 0.05 and not below),
        f"{_evidence(found)}; lowest on {_named(found['settings'][lowest])},"
        f" {100 * found['means'][lowest]:+.2f} ± {100 * found['half'][lowest]:.2f} (p ="
        f" {found['p_worse'][lowest]:.2g}). Second half, no setting significantly below -0.3:"
        f" {'fails in ' + ', '.join(map(_named, below)) if below else 'holds'}",
    )


def _never_far_behind(claims: Results) -> Verdict:
    whole = both_ran(claims, DEFAULT, *RIVALS)
    means = setting_means(whole)
    behind = means[:, 1:].max(1) - means[:, 0]
    worst = int(behind.argmax())
    far = 100 * behind[worst]
    distance = f"{far:.2f} points behind" if far > 0 else f"{-far:.2f} points ahead of"
    return Verdict(
        "Q2",
        bool(behind.max() <= HALF_A_POINT),
        f"in the worst of {len(behind)} settings, {_named(whole.settings[worst])}, {distance}"
        f" the best rival ({method_name(RIVALS[int(means[worst, 1:].argmax())])}); more than half"
        f" a point behind in {(behind > HALF_A_POINT).sum()}",
    )


def _oracle(claims: Results) -> Verdict:
    low = both_ran(claims.select(budgets=["low"]), DEFAULT, "random", "oracle")
    share = oracle_share(low)[DEFAULT]
    each = {
        task_name(s.task): oracle_share(low.select(tasks=[s.task]))[DEFAULT] for s in low.settings
    }
    order = sorted(each, key=lambda name: each[name])
    return Verdict(
        "Q3",
        bool(share >= 0.6),
        f"{100 * share:.0f} % of the oracle's gain over random in {len(each)} settings of the low"
        f" budget; from {100 * each[order[0]]:.0f} % ({order[0]}) to {100 * each[order[-1]]:.0f} %"
        f" ({order[-1]})",
    )


def _random_weights(claims: Results) -> Verdict:
    found = compared(claims, "search", "random weights")
    return Verdict("Q4", found["p_greater"] < 0.05, _evidence(found))


def _trust(trust: Results) -> Verdict:
    texts, adopted = [], []
    for constant in (50, 100):
        found = compared(trust, f"{constant} labels", "20 labels")
        means, n = found["means"], len(found["means"])
        error = means.std(ddof=1) / np.sqrt(n)
        # Half a 95 % interval is close to two standard errors.
        hurt = [
            s
            for s, m, h in zip(found["settings"], means, found["half"], strict=True)
            if m + h < -HALF_A_POINT
        ]
        if means.mean() > 2 * error and not hurt:
            adopted.append(constant)
        texts.append(
            f"{constant}: {100 * means.mean():+.2f} ± {200 * error:.2f} (2 s.e.) over {n} settings,"
            f" {len(hurt)} clearly below -0.5"
        )
    return Verdict("Q5", bool(adopted), "; ".join(texts))


def _robustness(claims: Results, variants: Results) -> Verdict:
    lost = losses(claims, variants, (DEFAULT, "margin"))
    more = np.nanmean(lost[DEFAULT] - lost["margin"], axis=1)
    settings = variants.select([DEFAULT]).settings
    return Verdict(
        "Q6",
        bool(more.mean() <= 0),
        f"the default loses {100 * np.nanmean(lost[DEFAULT]):.2f} points, margin"
        f" {100 * np.nanmean(lost['margin']):.2f} (means over {len(more)} settings); at most"
        f" {100 * more.max():.2f} more than margin, on {_named(settings[int(more.argmax())])}",
    )


def _evidence(found: dict) -> str:
    return (
        f"{points(found)} points over {len(found['means'])} settings (p ="
        f" {found['p_greater']:.2g}); better in {found['better']}, worse in {found['worse']}"
    )


def _named(setting: Setting) -> str:
    return f"{task_name(setting.task)} ({setting.budget})"
