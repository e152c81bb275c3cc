"""What several strategies check before they work: parameters, and the labelled samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from numbers import Integral, Real

from ..signals import Signals


def check_integer(name: str, value, lowest: int) -> None:
    """Refuse a parameter that is not an integer >= ``lowest``."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < lowest:
        raise ValueError(f"'{name}' must be an integer >= {lowest}; got {value!r}.")


def check_number(name: str, value, above: float, at_most: float = inf, below: float = inf) -> None:
    """Refuse a parameter that is not a finite number > ``above`` within the other limits."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not (above < value <= at_most and value < below):
        limit = f" and <= {at_most}" if at_most < inf else f" and < {below}" if below < inf else ""
        raise ValueError(f"'{name}' must be a finite number > {above}{limit}; got {value!r}.")


def check_choice(name: str, value, allowed: Iterable[str]) -> None:
    """Refuse a parameter that is none of a few names."""
    if value not in tuple(allowed):
        raise ValueError(f"'{name}' must be one of {list(allowed)}; got {value!r}.")


def labeled_signals(signals: Signals, needs: Sequence[str], needed_by: str) -> Signals | None:
    """The labelled samples with the signals ``needs``, or None where nothing is labelled."""
    labeled = signals.labeled
    if labeled is None or labeled.n_samples == 0:
        return None
    labeled.require(needs, f"{needed_by} (for the labelled samples)")
    return labeled
