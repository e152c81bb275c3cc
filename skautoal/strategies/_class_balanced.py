"""Class-balanced batches: classes with few labels first."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..signals import Signals
from ._base import ScoreStrategy, Strategy
from ._wrapper import Wrapper

_PROPOSED = 10  # a strategy that builds batches proposes one of this many times the size


class ClassBalanced(Wrapper):
    """Wrapper that balances the number of labels over the predicted classes.

    Each pick is the best remaining sample of the class with the fewest labels. The picks of
    this batch count as labels of their predicted classes. Among classes with equally many
    labels, the one whose best sample is ranked higher by the strategy comes first.

    Parameters
    ----------
    strategy : Strategy
        Strategy that ranks the pool. If it builds batches, it proposes a batch of ten times
        the size, and only proposed samples are picked.

    Notes
    -----
    Without labelled samples, all classes start from zero. The labels of the batch are
    predictions, so classes that the net never predicts get no samples. The cost is that of the
    strategy plus O(nC + n log n).

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
        """Signals of the strategy, and the probabilities."""
        return tuple(dict.fromkeys((*self._wrapped().needs, "probabilities")))

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        n, strategy = len(signals), self._wrapped()
        proposed = n if isinstance(strategy, ScoreStrategy) else min(n, _PROPOSED * n_instances)
        ranked = strategy.pick(signals, proposed, rng)
        counts = torch.zeros(signals.n_classes, dtype=torch.long, device=signals.device)
        if signals.codes is not None:
            codes = signals.codes.to(counts.device)
            counts = torch.bincount(codes, minlength=signals.n_classes)
        predicted = signals.probabilities[ranked].argmax(dim=1)
        # Number of labels of the sample's class if the better ranked samples of this class
        # are picked before it. Picking class by class is sorting by this number.
        labels_then = counts[predicted] + _place_in_class(predicted)
        return ranked[torch.sort(labels_then, stable=True).indices[:n_instances]]


def _place_in_class(codes: Tensor) -> Tensor:
    """Count for each entry the earlier entries with the same code, (n,)."""
    by_class = torch.sort(codes, stable=True)
    position = torch.arange(len(codes), device=codes.device)
    starts = torch.searchsorted(by_class.values, by_class.values)
    return torch.empty_like(codes).index_copy_(0, by_class.indices, position - starts)
