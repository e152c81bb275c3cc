"""BatchBALD: the batch whose labels together tell most about the weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._distances import row_blocks
from ..ops._greedy import lazy_greedy
from ..ops._uncertainty import entropy
from ._base import BatchStrategy
from ._checks import check_integer

_BLOCK = 64  # gains evaluated at a time: each costs O(K C T)


class BatchBALD(BatchStrategy):
    """Greedy maximisation of the joint mutual information I(y_1, ..., y_b; weights).

    The T MC-dropout passes are T draws of the weights; a pick adds
    ``E_y [ H(sum_t q_t p_t) - sum_t q_t H(p_t) ]``, the BALD score under the posterior q
    over the passes that the labels y of the earlier picks would give. Unlike the top of
    BALD, a batch holds no copies: a label that is known to come teaches nothing twice.

    Parameters
    ----------
    max_configurations : int, default=2048
        While the C^m joint labels of m picks are at most so many, the expectation is
        exact; after that it is over so many of them, drawn by their probability with
        systematic resampling, and updated pick by pick.

    Notes
    -----
    T passes cannot be told apart for more than log T nats: with about that gained, the
    rest of the batch is hardly better than random. Large batches need many passes
    (``n_passes``), or :class:`PowerBALD`.

    The objective is submodular (with drawn configurations up to the error of drawing), so
    most gains need not be evaluated anew at each pick. Cost O(TnC) and at most
    O(b n K C T) with K configurations, a small part of it where few samples stand out;
    memory O(K T C) and blocks of bounded size. For pools of 100,000 samples in 100
    classes take a part of the pool, or :class:`PowerBALD`.

    References
    ----------
    Kirsch, van Amersfoort & Gal, "BatchBALD: efficient and diverse batch acquisition for
    deep Bayesian active learning", NeurIPS 2019, arXiv 1906.08158.

    Examples
    --------
    The second sample says what the first says; the third, less informative by itself,
    says something else:

    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import BALD, BatchBALD
    >>> p = [[1.0, 1.0, 0.9], [1.0, 1.0, 0.1], [0.0, 0.0, 0.9], [0.0, 0.0, 0.1]]
    >>> passes = [[[x, 1 - x] for x in row] for row in p]  # (T, n, C)
    >>> signals = Signals(mc_probabilities=passes)
    >>> sorted(BALD().select(signals, 2).tolist())
    [0, 1]
    >>> BatchBALD().select(signals, 2).tolist()[1]
    2

    """

    needs = ("mc_probabilities",)
    cost = "O(b n K C T) at most, K configurations of labels"

    def __init__(self, max_configurations: int = 2048):
        self.max_configurations = max_configurations

    def _pick(self, signals, n_instances, rng):
        check_integer("max_configurations", self.max_configurations, 1)
        order = signals.order(rng)
        joint = _JointLabels(signals.mc_probabilities, order, self.max_configurations, rng)
        gains = joint.gains(torch.arange(len(order), device=order.device))
        return order[lazy_greedy(joint.gains, joint.take, n_instances, gains, _BLOCK)]


class _JointLabels:
    """Label configurations of the picks: their weights and the posteriors they imply.

    Rows are positions along ``order``. Before the first pick there is one configuration,
    the empty one, with all passes equally likely.
    """

    def __init__(
        self, passes: Tensor, order: Tensor, max_configurations: int, rng: np.random.RandomState
    ):
        self.passes, self.order = passes, order
        self.max_configurations, self.rng = max_configurations, rng
        self.weights = passes.new_ones(1)
        self.posteriors = passes.new_full((1, len(passes)), 1 / len(passes))

    def gains(self, rows: Tensor) -> Tensor:
        """Information that each row's label would add, (m,)."""
        out = self.passes.new_empty(len(rows))
        expected = self.weights @ self.posteriors  # (T,): what the drawn ones imply
        for block in row_blocks(len(rows), len(self.weights) * self.passes.shape[2]):
            P = self.passes[:, self.order[rows[block]]]  # (T, m, C)
            mixed = (self.posteriors @ P.flatten(1)).unflatten(1, P.shape[1:])
            out[block] = self.weights @ entropy(mixed) - expected @ entropy(P)
        return out

    def take(self, row: Tensor) -> None:
        """Extend every configuration by each label of ``row``."""
        p = self.passes[:, self.order[row]]  # (T, C)
        joint = self.posteriors.unsqueeze(1) * p.T  # (K, C, T)
        given = joint.sum(2)  # probability of the label, given the earlier ones
        weights = (self.weights.unsqueeze(1) * given).flatten()
        possible = (weights > 0).nonzero().flatten()
        if len(possible) > self.max_configurations:
            drawn = self._resample(weights[possible])
            possible = possible[drawn]
            self.weights = weights.new_full((len(possible),), 1 / len(possible))
        else:
            self.weights = weights[possible] / weights[possible].sum()
        self.posteriors = joint.flatten(0, 1)[possible] / given.flatten()[possible].unsqueeze(1)

    def _resample(self, weights: Tensor) -> Tensor:
        """Systematic draws by weight: each comes floor or ceil of its expected times."""
        m = self.max_configurations
        cumulative = weights.double().cumsum(0)
        at = torch.arange(m, dtype=torch.double, device=weights.device) + self.rng.random_sample()
        drawn = torch.searchsorted(cumulative, at / m * cumulative[-1], right=True)
        return drawn.clamp_max(len(weights) - 1)
