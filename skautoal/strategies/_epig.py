"""EPIG: expected information gain about the predictions for other samples of the pool."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._uncertainty import entropy
from ..signals import Signals
from ._base import ScoreStrategy
from ._checks import check_integer
from ._training import scores_along

_CACHED = 2**20  # elements of the joint tables computed together; fits the cache


class EPIG(ScoreStrategy):
    """Expected predictive information gain (EPIG): information about other predictions.

    The score is the mean of I(y; y* | x, x*) over targets x*. The joint prediction for two
    samples is the mean of the product of their predictions over the T MC-dropout passes. BALD
    measures information about all weights, including those that no sample of interest depends
    on. EPIG measures information about predictions.

    Parameters
    ----------
    n_targets : int, default=100
        Number of targets x*, a random sample of the pool; the whole pool if it is smaller.

    Notes
    -----
    A target has high mutual information with itself, which would favour the sampled targets.
    The pair of a sample with itself therefore counts 1/n for every sample, as in the mean over
    the whole pool. Cost O(n m C^2 T) with m targets, in blocks of bounded memory. With many
    classes this is slow: 100,000 samples in 100 classes and 100 targets have 10^11 joint
    probabilities, which takes minutes. Fewer targets take less time.

    References
    ----------
    Bickford Smith, Kirsch, Farquhar, Gal, Foster & Rainforth, "Prediction-oriented
    Bayesian active learning", AISTATS 2023, arXiv 2304.08151.

    Examples
    --------
    The passes disagree about the last sample as much as about the others, but this
    disagreement is unrelated to the predictions for the other samples:



    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import EPIG
    >>> p = [[0.9, 0.9, 0.9], [0.9, 0.9, 0.1], [0.1, 0.1, 0.9], [0.1, 0.1, 0.1]]
    >>> passes = [[[x, 1 - x] for x in row] for row in p]  # (T, n, C)
    >>> signals = Signals(mc_probabilities=passes)
    >>> sorted(EPIG().select(signals, 2).tolist())
    [0, 1]

    """

    needs = ("mc_probabilities",)
    cost = "O(n m C^2 T), m targets"

    def __init__(self, n_targets: int = 100):
        self.n_targets = n_targets

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        check_integer("n_targets", self.n_targets, 1)
        passes, order = signals.mc_probabilities, signals.order(rng)
        n, m = len(order), min(self.n_targets, len(order))
        targets = passes[:, order[:m]]
        position = torch.full_like(order, -1)
        position[order[:m]] = torch.arange(m, device=order.device)

        def score(rows: Tensor) -> Tensor:
            P = passes[:, rows]
            information = _pairwise_information(P, targets)  # (rows, m)
            itself = _own_information(P)
            is_target = position[rows] >= 0
            others = information.sum(1) - itself * is_target
            # The targets are a sample of the n - 1 other rows: scale their mean to n - 1.
            n_others = (m - is_target.to(others.dtype)).clamp_min(1)
            return ((n - 1) * others / n_others + itself) / n

        return scores_along(order, signals.row_hash, score).clamp_min(0)


def _pairwise_information(P: Tensor, Q: Tensor) -> Tensor:
    """Compute I(y; y*) = H(y) + H(y*) - H(y, y*) of all pairs, (n, m).

    Parameters
    ----------
    P : Tensor of shape (T, n, C)
        Class probabilities of each pass for the samples.
    Q : Tensor of shape (T, m, C)
        Class probabilities of each pass for the targets.

    """
    n_passes, n, n_classes = P.shape
    m = Q.shape[1]
    joint_entropy = P.new_empty(n, m)
    flat = Q.flatten(1) / n_passes
    step = max(1, _CACHED // (m * n_classes**2))
    for block in torch.arange(n, device=P.device).split(step):
        joint = P[:, block].flatten(1).T @ flat  # (rows C, m C)
        # (rows, C, m, C) -> (rows, C, m) -> (rows, m): entropy over the label of the target,
        # then the sum over the label of the sample.
        joint = joint.reshape(-1, n_classes, m, n_classes)
        joint_entropy[block] = entropy(joint).sum(1)
    return entropy(P.mean(0))[:, None] + entropy(Q.mean(0)) - joint_entropy


def _own_information(P: Tensor) -> Tensor:
    """Compute I(y; y') of two labels of the same sample, (n,)."""
    joint = torch.einsum("tnc,tne->nce", P, P) / len(P)
    return 2 * entropy(P.mean(0)) - entropy(joint).sum(1)
