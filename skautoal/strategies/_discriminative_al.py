"""Discriminative active learning: samples that a classifier tells apart from labelled ones."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops._ranking import top_k
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_integer, labeled_signals
from ._training import (
    MAX_ROWS,
    build,
    descent,
    draw_batches,
    perceptron,
    scores_along,
    standardizer,
    training_rows,
)

_BATCH = 128  # labelled rows, and unlabelled rows, in a training step
_ENOUGH = 0.98  # accuracy at which training stops; beyond it, all scores of the pool saturate
_CHECK_EVERY = 10  # training steps between two looks at the accuracy


class DiscriminativeAL(BatchStrategy):
    """Discriminative active learning: samples unlike the labelled set, by a binary classifier.

    A small perceptron on the embeddings learns P(unlabelled | h). The batch is built in
    ``n_sub_batches`` parts of the highest probabilities. After each part, its samples count as
    labelled and the classifier is trained anew, so that the batch does not come from a single
    region.

    Parameters
    ----------
    n_sub_batches : int, default=10
        Number of parts of a batch, at most the batch size.
    n_steps : int, default=200
        Maximum number of Adam steps in each training, on 128 labelled and 128 unlabelled
        samples. Training stops earlier at an accuracy of 0.98, as in the paper.

    Notes
    -----
    The two classes have equal weight, whatever their sizes. At most 5,000 labelled and 5,000
    pool samples are used for training; every pool sample is scored. Without labelled samples
    the batch is random. Cost O(s n d) with s parts, plus s trainings with a fixed number of
    steps.

    References
    ----------
    Gissin & Shalev-Shwartz, "Discriminative active learning", 2019, arXiv 1907.06347.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import DiscriminativeAL
    >>> labeled = Signals(embeddings=[[0.0], [0.1], [0.2]])
    >>> signals = Signals(embeddings=[[0.0], [0.1], [5.0], [0.2]], labeled=labeled,
    ...                   codes=[0, 0, 1])
    >>> DiscriminativeAL().select(signals, 1, random_state=0).tolist()
    [2]

    """

    needs = ("embeddings", "labeled")
    cost = "O(s n d) + s trainings on at most 10,000 samples"

    def __init__(self, n_sub_batches: int = 10, n_steps: int = 200):
        self.n_sub_batches = n_sub_batches
        self.n_steps = n_steps

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_integer("n_sub_batches", self.n_sub_batches, 1)
        check_integer("n_steps", self.n_steps, 1)
        order = signals.order(rng)
        labeled = labeled_signals(signals, ("embeddings",), self.name)
        if labeled is None:
            return order[:n_instances]
        known = labeled.embeddings[training_rows(labeled, rng)]
        H = signals.embeddings
        scale = standardizer(torch.cat([known, H[order[:MAX_ROWS]]]))
        H, known = scale(H), scale(known)
        free = torch.ones(len(H), dtype=torch.bool, device=H.device)
        picks = order[:0]
        for part in np.array_split(np.arange(n_instances), min(self.n_sub_batches, n_instances)):
            unknown = H[order[free[order]][:MAX_ROWS]]
            classifier = _train(known, unknown, self.n_steps, rng)
            scores = scores_along(
                order,
                signals.row_hash,
                lambda rows, f=classifier: f(H[rows]).squeeze(-1),  # type: ignore[misc]
            )
            new = top_k(scores.masked_fill(~free, -torch.inf), len(part), order)
            free[new] = False
            known = torch.cat([known, H[new]])
            picks = torch.cat([picks, new])
        return picks


@torch.enable_grad()
def _train(
    labeled: Tensor, unlabeled: Tensor, n_steps: int, rng: np.random.RandomState
) -> nn.Module:
    """Train a perceptron whose output is the log-odds of being unlabelled."""
    classifier = build(perceptron, labeled.shape[1], like=labeled, rng=rng)
    descend = descent(torch.optim.Adam(classifier.parameters(), lr=3e-3, fused=True))
    from_labeled = draw_batches(len(labeled), _BATCH, n_steps, rng, labeled.device)
    from_unlabeled = draw_batches(len(unlabeled), _BATCH, n_steps, rng, labeled.device)
    for step in range(n_steps):
        out_l = classifier(labeled[from_labeled[step]])
        out_u = classifier(unlabeled[from_unlabeled[step]])
        descend(F.softplus(out_l).mean() + F.softplus(-out_u).mean())
        if step % _CHECK_EVERY == _CHECK_EVERY - 1:
            right = (out_l < 0).float().mean() + (out_u > 0).float().mean()
            if right / 2 >= _ENOUGH:
                break
    return classifier
