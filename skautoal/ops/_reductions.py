"""Reductions whose rounding does not depend on the position of a row."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


def mean_of_passes(values: Iterable[Tensor]) -> Tensor:
    """Compute the mean over the first axis of a tensor, or of several tensors, one by one.

    ``Tensor.mean(dim=0)`` adds in an order that varies with the position of an element. Equal
    rows could then differ by a rounding error, and their position would break the tie.

    Parameters
    ----------
    values : Tensor of shape (T, ...) or iterable of T tensors of equal shape
        The summands, at least one.

    Returns
    -------
    mean : Tensor of shape (...)

    """
    first, *others = values
    total = first.clone()
    for one in others:
        total += one
    return total / (1 + len(others))
