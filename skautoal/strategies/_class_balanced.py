"""Batches spread over the predicted classes, those with few labels first."""

from __future__ import annotations

import torch
from torch import Tensor

from ._base import ScoreStrategy, Strategy
from ._wrapper import Wrapper

_PROPOSED = 10  # batches that a strategy which builds them proposes


class ClassBalanced(Wrapper):
    """The strategy's best of each predicted class, evening out the classes' labels.

    Pick by pick, the class with the fewest labels, those of this batch included as
    predicted, gets the best of its samples; of classes level with each other the one
    whose sample the strategy ranks higher. Cost: that of the strategy and O(nC + n log n).

    Parameters
    ----------
    strategy : Strategy
        Ranks the pool. One that builds batches proposes a batch ten times the size, and
        classes that it leaves out are left out.

    Notes
    -----
    Without labelled samples all classes start from zero. Predictions stand in for the
    labels of the batch, so that classes the net never predicts get no share.

    References
    ----------
    Aggarwal, Popescu & Hudelot, "Active learning for imbalanced datasets", WACV 2020.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import ClassBalanced, Margin
    >>> signals = Signals(probabilities=[[0.5, 0.4], [0.6, 0.4], [0.1, 0.9], [0.3, 0.7]])
    >>> Margin().select(signals, 2).tolist()
    [0, 1]
    >>> ClassBalanced(Margin()).select(signals, 2).tolist()
    [0, 3]

    """

    cost = "that of the strategy + O(nC + n log n)"

    def __init__(self, strategy: Strategy):
        self.strategy = strategy

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the strategy, and the probabilities."""
        return tuple(dict.fromkeys((*self._wrapped().needs, "probabilities")))

    def _pick(self, signals, n_instances, rng):
        n, strategy = len(signals), self._wrapped()
        proposed = n if isinstance(strategy, ScoreStrategy) else min(n, _PROPOSED * n_instances)
        ranked = strategy.pick(signals, proposed, rng)
        counts = torch.zeros(signals.n_classes, dtype=torch.long, device=signals.device)
        if signals.codes is not None:
            codes = signals.codes.to(counts.device)
            counts = torch.bincount(codes, minlength=signals.n_classes)
        predicted = signals.probabilities[ranked].argmax(dim=1)
        # The labels of a sample's class when its turn comes: the first has the least.
        labels_then = counts[predicted] + _place_in_class(predicted)
        return ranked[torch.sort(labels_then, stable=True).indices[:n_instances]]


def _place_in_class(codes: Tensor) -> Tensor:
    """How many earlier entries hold the same code, (n,)."""
    by_class = torch.sort(codes, stable=True)
    position = torch.arange(len(codes), device=codes.device)
    starts = torch.searchsorted(by_class.values, by_class.values)
    return torch.empty_like(codes).index_copy_(0, by_class.indices, position - starts)
