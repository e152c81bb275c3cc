"""Random sampling, the baseline for every strategy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..signals import Signals
from ._base import ScoreStrategy


class RandomSampling(ScoreStrategy):
    """Random sampling: every sample has the same probability.

    The order depends on the content of the rows and the seed, so it stays the same when the
    pool is shuffled. Cost O(n).

    Examples
    --------
    >>> import numpy as np
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import RandomSampling
    >>> signals = Signals(embeddings=np.arange(10.0)[:, None])
    >>> picks = RandomSampling().select(signals, 3, random_state=0)
    >>> len(set(picks.tolist()))
    3

    """

    cost = "O(n)"

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        scores = torch.empty(signals.n_samples, dtype=torch.float64, device=signals.device)
        scores[signals.order(rng)] = torch.arange(
            signals.n_samples, 0, -1, dtype=torch.float64, device=signals.device
        )
        return scores
