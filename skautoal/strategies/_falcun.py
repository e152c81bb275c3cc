"""FALCUN: uncertain samples with diverse predictions, drawn in probability space."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._kmeanspp import draw
from ..ops._uncertainty import margin
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_number


class Falcun(BatchStrategy):
    """FALCUN: random draws by uncertainty plus distance to the predictions picked so far.

    A sample is drawn with a probability proportional to ``(u + s)^gamma``. The uncertainty u
    is 1 minus the margin. s is the smaller of u and the L1 distance between the class
    probabilities of the sample and those of the nearest pick, scaled to [0, 1] over the
    remaining samples.

    Parameters
    ----------
    gamma : float, default=10.0
        Positive exponent. Values near 0 give uniform draws, large values the most relevant
        samples.

    Notes
    -----
    Cost O(b n C), memory O(n C). Embeddings are not used.

    References
    ----------
    Gilhuber, Beer, Ma & Seidl, "FALCUN: a simple and efficient deep active learning
    strategy", ECML PKDD 2024.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import Falcun
    >>> signals = Signals(probabilities=[[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    >>> sorted(Falcun(gamma=100).select(signals, 2, random_state=0).tolist())
    [0, 1]

    """

    needs = ("probabilities",)
    cost = "O(b n C)"

    def __init__(self, gamma: float = 10.0):
        self.gamma = gamma

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_number("gamma", self.gamma, above=0)
        order = signals.order(rng)
        P = signals.probabilities
        uncertainty = 1 - margin(P)
        spread = uncertainty
        free = torch.ones(len(P), dtype=torch.bool, device=P.device)
        picks = torch.empty(n_instances, dtype=torch.long, device=P.device)
        for step in range(n_instances):
            relevance = uncertainty + _scaled(spread, free)
            # Divide by the largest value first: powers of small numbers would underflow.
            mass = (relevance / relevance[free].max()).nan_to_num(1) ** self.gamma
            picks[step] = draw(mass, mass, free, order, rng.random_sample())
            free[picks[step]] = False
            distances = torch.cdist(P, P[picks[step]][None], p=1)[:, 0]
            spread = torch.minimum(spread, distances)
        return picks


def _scaled(values: Tensor, free: Tensor) -> Tensor:
    """Scale values so that those of free rows span [0, 1]; return zeros if they are all equal."""
    low, high = values[free].aminmax()
    width = high - low
    return torch.where(width > 0, (values - low) / width, 0)
