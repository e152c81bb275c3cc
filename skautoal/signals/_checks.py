"""Checks of signals: reasons why one is missing, and finite values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ._names import STACKED, parts_of

if TYPE_CHECKING:
    from ._signals import Signals


def why_missing(signals: Signals, name: str) -> str:
    """Return the end of a message: the missing signal and what to do about it."""
    if name in ("labeled", "ensemble_probabilities"):
        return (
            "needs labelled samples; pass 'X_labeled' and 'y_labeled' (a sampler does so by"
            " itself)."
        )
    if name == "previous_probabilities":
        return (
            "needs the net of the previous round; call teach() instead of fit() from the second"
            " round on, or pass 'previous_net'."
        )
    missing = [part for part in sorted(parts_of({name})) if not signals.has(part)] or [name]
    return (
        f"needs {name!r}, which these signals do not hold; they hold {sorted(signals._arrays)}."
        f" Pass {missing} to Signals."
    )


def check_finite(signals: Signals, name: str, needed_by: str) -> None:
    """Raise a ValueError that names the rows if a signal holds NaN or infinity."""
    value = signals._arrays[name]
    # A finite sum has finite terms. The terms are tested only if the sum is not finite.
    if value.sum(dtype=torch.float64).isfinite() or bool(torch.isfinite(value).all()):
        return
    axes = (0, 2) if name in STACKED else (1,)
    bad = (~torch.isfinite(value)).any(dim=axes).nonzero().flatten()
    raise ValueError(
        f"{needed_by} needs finite {name!r}, but {len(bad)} of {signals.n_samples} rows hold"
        f" NaN or infinity, the first of them {(bad[:5] + signals._first_row).tolist()}. Check"
        " the inputs for such values and the net for divergence (a lower lr helps)."
    )
