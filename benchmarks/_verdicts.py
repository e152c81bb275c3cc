"""Tables of a part of the study, and the verdicts on the registered claims."""

from __future__ import annotations

import numpy as np
from _study import PAPER

from skautoal.simulation import Results, confidence_interval, holm, mean_ranks, paired_test
from skautoal.simulation.analysis._tables import complete_methods, setting_means

HALF_A_POINT = 0.005


def overview_of_part(results: Results, *, settings: bool = True) -> str:
    """Mean area under the budget curve of each method in each setting, best rank first."""
    whole = complete_methods(results)
    means = setting_means(whole, "accuracy")
    ranks = mean_ranks(means) if means.shape[1] > 1 else np.ones(1)
    behind = (means.max(1, keepdims=True) - means).max(0)
    near = (means.max(1, keepdims=True) - means <= HALF_A_POINT).mean(0)
    shown = whole.settings if settings else []
    head = ["method", "mean AUBC", "mean rank", "worst, behind best", "near best"]
    head += [f"{_short(s.task)} {s.budget}" for s in shown]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for m in np.argsort(ranks, kind="stable"):
        cells = [whole.methods[m], f"{100 * means[:, m].mean():.2f}", f"{ranks[m]:.2f}"]
        cells += [f"{100 * behind[m]:.1f}", f"{near[m]:.2f}"]
        cells += [f"{100 * means[s, m]:.1f}" for s in range(len(shown))]
        lines.append(f"| {' | '.join(cells)} |")
    left = sorted(set(results.methods) - set(whole.methods))
    if left:
        lines.append(f"\nNot run in every setting: {', '.join(left)}.")
    return "\n".join(lines)


def _short(task: str) -> str:
    return task.replace("_topic_minilm", "").replace("_effnet", "").replace("_", " ")


def cost_of(results: Results) -> str:
    """Median seconds of a query, and their multiple of an entropy query's."""
    settings = results.settings
    seconds = np.array(
        [
            [np.median([run.seconds_query[-1] for run in results.runs(m, s)]) for s in settings]
            for m in results.methods
        ]
    )
    entropy = seconds[results.methods.index("entropy")]
    lines = ["| method | seconds a query | times entropy |", "|---|---|---|"]
    for m in np.argsort(seconds.mean(1)):
        ratio = np.median(seconds[m] / entropy)
        lines.append(f"| {results.methods[m]} | {np.median(seconds[m]):.3f} | {ratio:.1f} |")
    return "\n".join(lines)


def differences(results: Results, reference: str = "auto") -> str:
    """Paired differences of each method to a reference in each setting, 95 % intervals."""
    others = [m for m in results.methods if m != reference]
    found = {m: compared(results, m, reference) for m in others}
    settings = found[others[0]]["settings"]
    head = [f"points ahead of {reference}", *(f"{_short(s.task)} {s.budget}" for s in settings)]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for method, given in found.items():
        pairs = zip(given["means"], given["half"], strict=True)
        cells = [f"{100 * mean:+.2f} +- {100 * half:.2f}" for mean, half in pairs]
        lines.append(f"| {' | '.join([method, *cells])} |")
    return "\n".join(lines)


def compared(results: Results, method: str, reference: str) -> dict:
    """Paired differences: a test in each setting, Holm-corrected, and one over settings."""
    pair = results.select([method, reference])
    areas = pair.aubc()
    difference = areas[:, 0] - areas[:, 1]
    p = holm([paired_test(a, b, alternative="greater") for a, b in areas])
    worse = holm([paired_test(b, a, alternative="greater") for a, b in areas])
    means = np.nanmean(difference, axis=1)
    return {
        "settings": pair.settings,
        "means": means,
        "half": confidence_interval(difference),
        "better": int((p < 0.05).sum()),
        "worse": int((worse < 0.05).sum()),
        "mean": float(means.mean()),
        "ci": float(confidence_interval(means)),
        "p": paired_test(np.nanmean(areas[:, 0], 1), np.nanmean(areas[:, 1], 1)),
        "p_greater": paired_test(
            np.nanmean(areas[:, 0], 1), np.nanmean(areas[:, 1], 1), alternative="greater"
        ),
    }


def line_of(found: dict, method: str, reference: str) -> str:
    """One sentence on a comparison."""
    return (
        f"{method} - {reference}: {100 * found['mean']:+.2f} ± {100 * found['ci']:.2f} points over"
        f" {len(found['means'])} settings (Wilcoxon over settings, one-sided, p ="
        f" {found['p_greater']:.2g}); better in {found['better']}, worse in {found['worse']} of"
        " them (paired over seeds, Holm, 5 %)"
    )


def verdicts(claims: Results, variants: Results, field: Results) -> str:
    """The registered claims, one paragraph each."""
    out = []
    p1 = compared(claims, "auto", "vote")
    out.append(f"P1 {_word(p1['p_greater'] < 0.05)}: {line_of(p1, 'auto', 'vote')}.")

    ranks = _ranks(field)
    place = [name for name, _ in ranks].index("auto") + 1
    best = ", ".join(f"{name} {rank:.2f}" for name, rank in ranks[:5])
    out.append(
        f"P2 {_word(place == 1)}: auto is number {place} of {len(ranks)} methods by mean rank"
        f" ({best})."
    )

    means = setting_means(claims.select(["auto", *PAPER, "random"]), "accuracy")
    behind = means[:, 1:8].max(1) - means[:, 0]
    below = means[:, 8] - means[:, 0]
    worst = claims.settings[int(behind.argmax())]
    out.append(
        f"P3 {_word(behind.max() <= HALF_A_POINT and below.max() <= HALF_A_POINT)}: behind the"
        f" best single candidate by at most {100 * behind.max():.2f} points ({worst}), by more"
        f" than half a point in {(behind > HALF_A_POINT).sum()} of {len(behind)} settings;"
        f" behind random by at most {100 * below.max():.2f} points."
    )

    out.append(_robustness(claims, variants))

    p5 = compared(claims, "search", "random weights")
    out.append(f"P5 {_word(p5['p_greater'] < 0.05)}: {line_of(p5, 'search', 'random weights')}.")
    learned = compared(claims, "search", "auto")
    out.append(f"Learned weights or equal ones: {line_of(learned, 'search', 'auto')}.")
    for other in ("margin", "badge", "uncertainty_herding", "random"):
        out.append(f"{line_of(compared(claims, 'auto', other), 'auto', other)}.")
    return "\n\n".join(out)


def _robustness(claims: Results, variants: Results) -> str:
    """P4: what auto and margin lose to noise and imbalance, over the same seeds."""
    clean = {str(s): i for i, s in enumerate(claims.settings)}
    losses = {}
    for method in ("auto", "margin"):
        base = claims.select([method]).aubc()[:, 0]
        harder = variants.select([method])
        losses[method] = np.stack(
            [
                base[clean[f"{s.task.partition('-')[0]} ({s.budget})"]] - areas[0]
                for s, areas in zip(harder.settings, harder.aubc(), strict=True)
            ]
        )
    more = np.nanmean(losses["auto"] - losses["margin"], axis=1)
    p = paired_test(more, np.zeros(len(more)), alternative="greater")
    worst = variants.settings[int(more.argmax())]
    return (
        f"P4 {_word(more.mean() <= 0)}: to noise and imbalance auto loses"
        f" {100 * np.nanmean(losses['auto']):.2f} points, margin"
        f" {100 * np.nanmean(losses['margin']):.2f} (means over {len(more)} settings; auto loses"
        f" more: Wilcoxon, one-sided, p = {p:.2g}); at most {100 * more.max():+.2f} points more"
        f" than margin ({worst})."
    )


def _ranks(results: Results) -> list[tuple[str, float]]:
    whole = complete_methods(results)
    ranks = mean_ranks(setting_means(whole, "accuracy"))
    return sorted(zip(whole.methods, ranks.tolist(), strict=True), key=lambda pair: pair[1])


def _word(holds: bool) -> str:
    return "holds" if holds else "FAILS"
