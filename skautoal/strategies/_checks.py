"""Checks that strategies share: parameters, and signals of the labelled samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from numbers import Integral, Real
from typing import Any

from torch import Tensor

from ..signals import Signals


def check_integer(name: str, value: Any, lowest: int) -> None:
    """Raise a ValueError unless ``value`` is an integer >= ``lowest``."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < lowest:
        raise ValueError(f"'{name}' must be an integer >= {lowest}; got {value!r}.")


def check_number(
    name: str, value: Any, above: float, at_most: float = inf, below: float = inf
) -> None:
    """Raise a ValueError unless ``value`` is a finite number > ``above`` and within the bounds."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not (above < value <= at_most and value < below):
        limit = f" and <= {at_most}" if at_most < inf else f" and < {below}" if below < inf else ""
        raise ValueError(f"'{name}' must be a finite number > {above}{limit}; got {value!r}.")


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> None:
    """Raise a ValueError unless ``value`` is one of the ``allowed`` names."""
    if value not in tuple(allowed):
        raise ValueError(f"'{name}' must be one of {list(allowed)}; got {value!r}.")


def labeled_signals(signals: Signals, needs: Sequence[str], needed_by: str) -> Signals | None:
    """Compute ``needs`` of the labelled samples and return their signals.

    Parameters
    ----------
    signals : Signals
        Signals of the pool.
    needs : sequence of str
        Names of the signals.
    needed_by : str
        Name of the strategy, for messages.

    Returns
    -------
    labeled : Signals or None
        None if there are no labelled samples.

    """
    labeled = signals.labeled
    if labeled is None or labeled.n_samples == 0:
        return None
    labeled.require(needs, f"{needed_by} (for the labelled samples)")
    return labeled


def labeled_codes(signals: Signals) -> Tensor:
    """Return the class codes of the labelled samples, (l,) int64, on the device of the pool.

    Raises
    ------
    MissingSignalError
        If there are no labelled samples.

    """
    signals.check_available({"labeled"})
    assert signals.codes is not None  # checked above
    return signals.codes.to(signals.device)
