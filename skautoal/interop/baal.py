"""baal: its heuristics as candidates. Nothing here imports baal."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..signals import Signals
from ._foreign import ForeignStrategy, _normalised

__all__ = ["BaalStrategy", "from_baal"]


class BaalStrategy(ForeignStrategy):
    """A baal heuristic as a candidate; made by :func:`from_baal`.

    Parameters
    ----------
    strategy : callable
        Takes probabilities (n, C, T), returns a ranking of the n samples, best first.

    """

    needs = ("mc_probabilities",)

    def _ask(
        self, strategy: Any, signals: Signals, order: np.ndarray, n_instances: int, seed: int
    ) -> Any:
        passes = _normalised(signals.mc_probabilities)[:, order]
        return np.asarray(strategy(np.ascontiguousarray(passes.transpose(1, 2, 0))))


def from_baal(heuristic: Callable) -> BaalStrategy:
    """Make a candidate of a baal heuristic.

    Parameters
    ----------
    heuristic : callable
        Takes class probabilities of T passes of MC dropout, an array (n, C, T), and
        returns a ranking of the n samples, best first.

    Returns
    -------
    strategy : Strategy
        Needs a net with dropout; for the ``strategies`` of a sampler, or alone.

    Examples
    --------
    >>> from skautoal.interop.baal import from_baal
    >>> from skautoal.signals import Signals
    >>> signals = Signals(mc_probabilities=[[[0.9, 0.1], [0.9, 0.1]],
    ...                                     [[0.9, 0.1], [0.1, 0.9]]])
    >>> def spread(probabilities):
    ...     return (-probabilities.std(axis=2).sum(axis=1)).argsort()
    >>> from_baal(spread).select(signals, 1).tolist()
    [1]

    """
    if isinstance(heuristic, type) or not callable(heuristic):
        raise TypeError(
            "'heuristic' must be a baal heuristic object, such as baal.active.heuristics"
            f".BALD(); got {heuristic!r:.100}."
        )
    try:
        copy.deepcopy(heuristic)
    except TypeError as exc:
        raise TypeError(
            f"'heuristic' cannot be copied ({exc}), as every query does to leave it as it is;"
            f" got {heuristic!r:.100}. baal's Random takes a seed."
        ) from exc
    return BaalStrategy(heuristic)
