"""BatchBALD: a batch whose labels together are most informative about the weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._distances import row_blocks
from ..ops._greedy import lazy_greedy
from ..ops._uncertainty import entropy
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_integer

_BLOCK = 64  # number of gains evaluated at a time; each costs O(K C T)


class BatchBALD(BatchStrategy):
    """BatchBALD: joint information of the labels of a batch about the weights of the net.

    The mutual information I(y_1, ..., y_b; weights) is maximized greedily. The T MC-dropout
    passes are T draws of the weights. A pick adds
    ``E_y [ H(sum_t q_t p_t) - sum_t q_t H(p_t) ]``: its BALD score under the posterior q over
    the passes, given labels y of the earlier picks. Unlike the top of :class:`BALD`, a batch
    contains no near-duplicates, because a label that the earlier labels determine adds
    nothing.

    Parameters
    ----------
    max_configurations : int, default=2048
        Maximum number of joint labels of the picks. While the C^m joint labels of m picks
        are no more than that, the expectation is exact. Beyond, it is taken over this number
        of joint labels, drawn by their probability with systematic resampling.

    Notes
    -----
    T passes carry at most log T nats of information. Once a batch has gained about that much,
    further picks are hardly better than random. Large batches need more MC-dropout passes
    (``n_passes``); :class:`PowerBALD` is an alternative.

    The objective is submodular (up to the error of sampling the joint labels), so most gains
    need not be re-evaluated at each pick. Cost O(TnC), plus at most O(b n K C T) with K joint
    labels, and much less if few samples have a high score. Memory is O(K T C) and blocks of
    bounded size. For pools of the order of 100,000 samples in 100 classes, use
    :class:`SubsamplePool` or :class:`PowerBALD`.

    References
    ----------
    Kirsch, van Amersfoort & Gal, "BatchBALD: efficient and diverse batch acquisition for
    deep Bayesian active learning", NeurIPS 2019, arXiv 1906.08158.

    Examples
    --------
    The first two samples give the same information. The third is less informative by itself,
    but adds something new:

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

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_integer("max_configurations", self.max_configurations, 1)
        order = signals.order(rng)
        joint = _JointLabels(signals.mc_probabilities, order, self.max_configurations, rng)
        gains = joint.gains(torch.arange(len(order), device=order.device))
        return order[lazy_greedy(joint.gains, joint.take, n_instances, gains, _BLOCK)]


class _JointLabels:
    """Joint labels (configurations) of the picks, their weights and the posteriors they imply.

    Rows are positions along ``order``. Before the first pick there is one configuration, the
    empty one, and all passes are equally likely.

    Parameters
    ----------
    passes : Tensor of shape (T, n, C)
        Class probabilities of each pass.
    order : Tensor of shape (n,), dtype int64
        Random permutation of the rows.
    max_configurations : int
        Maximum number K of configurations.
    rng : RandomState
        Random generator of the resampling.

    """

    def __init__(
        self, passes: Tensor, order: Tensor, max_configurations: int, rng: np.random.RandomState
    ):
        self.passes, self.order = passes, order
        self.max_configurations, self.rng = max_configurations, rng
        self.weights = passes.new_ones(1)
        self.posteriors = passes.new_full((1, len(passes)), 1 / len(passes))

    def gains(self, rows: Tensor) -> Tensor:
        """Compute the information that the label of each row would add, (m,), in nats."""
        out = self.passes.new_empty(len(rows))
        # Mean posterior over the configurations. With drawn configurations it is not
        # uniform; both terms of the gain must use the same one.
        expected = self.weights @ self.posteriors  # (T,)
        for block in row_blocks(len(rows), len(self.weights) * self.passes.shape[2]):
            P = self.passes[:, self.order[rows[block]]]  # (T, m, C)
            mixed = (self.posteriors @ P.flatten(1)).unflatten(1, P.shape[1:])
            out[block] = self.weights @ entropy(mixed) - expected @ entropy(P)
        return out

    def take(self, row: Tensor) -> None:
        """Extend every configuration by each possible label of ``row``."""
        p = self.passes[:, self.order[row]]  # (T, C)
        joint = self.posteriors.unsqueeze(1) * p.T  # (K, C, T)
        given = joint.sum(2)  # (K, C): probability of the label given the earlier labels
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
        """Draw by weight systematically: each index occurs floor or ceil of its expected count."""
        m = self.max_configurations
        cumulative = weights.double().cumsum(0)
        at = torch.arange(m, dtype=torch.double, device=weights.device) + self.rng.random_sample()
        drawn = torch.searchsorted(cumulative, at / m * cumulative[-1], right=True)
        return drawn.clamp_max(len(weights) - 1)
