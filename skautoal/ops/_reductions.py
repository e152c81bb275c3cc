"""Reductions whose rounding does not depend on where a row stands."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


def mean_of_passes(values: Iterable[Tensor]) -> Tensor:
    """Mean over the first axis of a tensor, or of several, added up one by one.

    ``Tensor.mean(dim=0)`` adds in an order that varies with the position of an element;
    equal rows would differ by a rounding, and position would break their tie.
    """
    count, total = 0, None
    for count, one in enumerate(values, start=1):
        total = one.clone() if total is None else total.add_(one)
    assert total is not None
    return total / count
