"""Learning loss: a small network that predicts the loss from features of the net."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data._rows import load_rows
from ..nets._layers import block_features
from ..nets._net import evaluation_mode
from ..signals import Signals
from ._base import ScoreStrategy
from ._checks import check_integer, labeled_codes, labeled_signals
from ._training import (
    build,
    descent,
    draw_batches,
    pairwise_ranking_loss,
    scores_along,
    standardizer,
    training_rows,
)

_BATCH = 64
_WIDTH = 32  # number of features to which the output of each block is reduced
_MARGIN = 1.0  # margin of the ranking loss, as in the paper


class LearningLoss(ScoreStrategy):
    """Learning loss (LPL): highest loss predicted by a module on the net's features.

    The outputs of the net's blocks are averaged over positions, passed through one linear
    layer with ReLU each, concatenated and reduced to one number f. The module is trained to
    rank: it minimizes ``max(0, 1 - sign(l_i - l_j) (f_i - f_j))`` over all pairs of a minibatch
    of labelled samples with losses l.

    Parameters
    ----------
    n_steps : int, default=200
        Number of Adam steps, on minibatches of 64 labelled samples.

    Notes
    -----
    The paper trains the module together with the net. Here the net is already trained and is
    not changed. The losses are those of the samples it was trained on: if the net fits them
    all perfectly, there is little to learn. The blocks are the direct submodules of the net.
    At most 5,000 labelled samples are used for training; without any, all scores are 0. The
    cost is one additional forward pass over the pool.

    References
    ----------
    Yoo & Kweon, "Learning loss for active learning", CVPR 2019, arXiv 1905.03677.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skautoal.modules import MLP
    >>> from skautoal.strategies import LearningLoss
    >>> net = NeuralNetClassifier(MLP, module__n_features=4, module__n_classes=2,
    ...                           criterion=torch.nn.CrossEntropyLoss).initialize()
    >>> X = np.random.RandomState(0).randn(30, 4).astype("float32")
    >>> picks = LearningLoss().query(net, X[10:], 5, X_labeled=X[:10], y_labeled=[0, 1] * 5,
    ...                              random_state=0)
    >>> len(set(picks.tolist()))
    5

    """

    needs = ("network", "labeled")
    cost = "O(n) forward passes + training on at most 5,000 samples"

    def __init__(self, n_steps: int = 200):
        self.n_steps = n_steps

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        check_integer("n_steps", self.n_steps, 1)
        labeled = labeled_signals(signals, ("probabilities", "network"), self.name)
        if labeled is None:
            return torch.zeros(len(signals), device=signals.device)
        order, rows = signals.order(rng), training_rows(labeled, rng)
        levels = _levels(signals.net, labeled.X, rows, signals.device)
        log_p = labeled.logits[rows].log_softmax(dim=1)
        codes = labeled_codes(signals)[rows]
        losses = -log_p.gather(1, codes[:, None]).squeeze(1)
        scales = [standardizer(level) for level in levels]
        levels = [scale(level) for scale, level in zip(scales, levels, strict=True)]
        predictor = _train(levels, losses, self.n_steps, rng)

        def predicted_loss(rows: Tensor) -> Tensor:
            levels = _levels(signals.net, signals.X, rows, signals.device)
            return predictor([scale(x) for scale, x in zip(scales, levels, strict=True)])

        return scores_along(order, signals.row_hash, predicted_loss)


class _LossPredictor(nn.Module):
    """Loss prediction module: features of several widths to one number.

    Parameters
    ----------
    widths : list of int
        Number of features of each block.

    """

    def __init__(self, widths: list[int]):
        super().__init__()
        self.levels = nn.ModuleList(nn.Linear(width, _WIDTH) for width in widths)
        self.out = nn.Linear(_WIDTH * len(widths), 1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Return the predicted losses (m,) from the features of each block, (m, d) each."""
        parts = [f(x).relu() for f, x in zip(self.levels, levels, strict=True)]
        return self.out(torch.cat(parts, dim=1)).squeeze(1)


@torch.no_grad()
def _levels(net: Any, X: Any, rows: Tensor, device: torch.device) -> list[Tensor]:
    """Compute the features of the net's blocks at some rows, (m, d) each."""
    with evaluation_mode(net) as module:
        return block_features(module, load_rows(X, rows.cpu().numpy()), device)


@torch.enable_grad()
def _train(
    levels: list[Tensor], losses: Tensor, n_steps: int, rng: np.random.RandomState
) -> _LossPredictor:
    """Train the loss prediction module to rank the samples by ``losses`` (l,)."""
    widths = [level.shape[1] for level in levels]
    predictor = build(_LossPredictor, widths, like=levels[0], rng=rng)
    descend = descent(
        torch.optim.AdamW(predictor.parameters(), lr=1e-3, weight_decay=1e-2, fused=True)
    )
    for rows in draw_batches(len(losses), _BATCH, n_steps, rng, losses.device):
        predicted = predictor([level[rows] for level in levels])
        descend(pairwise_ranking_loss(predicted, losses[rows], _MARGIN))
    return predictor
