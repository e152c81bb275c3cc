"""Reductions whose rounding does not depend on where a row stands."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


def mean_of_passes(values: Iterable[Tensor]) -> Tensor:
    """Mean over the first axis of a tensor, or of several, added up one by one.

    ``Tensor.mean(dim=0)`` adds in an order that varies with the position of an element;
    equal rows would differ by a rounding, and position would break their tie.
    """
    first, *others = values
    total = first.clone()
    for one in others:
        total += one
    return total / (1 + len(others))
