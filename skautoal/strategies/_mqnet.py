"""MQ-Net: purity and informativeness in pools that contain samples outside the task."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..ops._distances import nearest_distances
from ..ops._neighbors import nearest_neighbors
from ..ops._ranking import average_ranks
from ..ops._uncertainty import entropy
from ..signals import Signals
from ._base import ScoreStrategy
from ._checks import check_integer, labeled_codes, labeled_signals
from ._training import (
    build,
    descent,
    draw_batches,
    pairwise_ranking_loss,
    scores_along,
    training_rows,
)

_BATCH = 64
_HIDDEN = 64
_MARGIN = 0.1  # margin of the ranking loss, as in the paper


class MQNet(ScoreStrategy):
    """Meta-query net (MQ-Net): informative samples that belong to the task, in open-set pools.

    The score is ``s(x) = f(P(x), I(x))``. The purity P measures how likely a sample belongs to
    a class of the task; the informativeness I is the entropy over these classes. The net f
    never decreases when P or I increases, because its weights are not negative (the skyline
    constraint). It is trained on the labelled samples with the ranking loss
    ``max(0, 0.1 - sign(l_i - l_j) (f_i - f_j))`` over pairs, where l is the cross-entropy of a
    sample of the task and 0 for a sample outside.

    Parameters
    ----------
    ood_label : int or None, default=None
        Class code of the samples outside the task: the position in ``classes_`` of the one
        label that annotators give to all of them ("none of these"). None if there is no such
        label.
    n_steps : int, default=200
        Number of Adam steps, on minibatches of 64 labelled samples.

    Notes
    -----
    The net predicts the class of outside samples like any other class. List it in the
    ``classes`` parameter of the sampler from the start. As long as the labelled samples do not
    include both kinds, as always with ``ood_label=None``, f cannot be trained and the score is
    the purity alone: the batch stays close to the labelled samples until it brings in the first
    outside samples. Without labelled samples, the score is the informativeness.

    The paper allows any measures P and I. Here P is ``d_out / (d_in + d_out)``, with the
    Euclidean distances to the nearest labelled embedding of each kind, or ``-d_in`` while no
    labelled sample is outside. A labelled sample is not its own neighbour. Both measures enter
    as ranks, those of labelled samples among the labelled and those of pool samples in the
    pool, because a net is more certain of the samples it was trained on. At most 5,000 labelled
    samples are used. Cost O(n l d).

    References
    ----------
    Park, Shin, Lee, Kim & Lee, "Meta-Query-Net: resolving purity-informativeness dilemma in
    open-set active learning", NeurIPS 2022, arXiv 2210.07805.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import MQNet
    >>> labeled = Signals(embeddings=[[0.0], [1.0], [9.0], [8.0]], logits=[[0.0, 0.0, 0.0]] * 4)
    >>> signals = Signals(embeddings=[[9.5], [0.5], [8.5]], logits=[[0.0, 0.0, 0.0]] * 3,
    ...                   labeled=labeled, codes=[0, 1, 2, 2])
    >>> MQNet(ood_label=2).select(signals, 1, random_state=0).tolist()
    [1]

    """

    needs = ("probabilities", "embeddings", "labeled")
    cost = "O(n l d) + training on at most 5,000 samples"

    def __init__(self, ood_label: int | None = None, n_steps: int = 200):
        self.ood_label = ood_label
        self.n_steps = n_steps

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        check_integer("n_steps", self.n_steps, 1)
        self._check_ood_label(signals.n_classes)
        informative = entropy(self._task_logits(signals).softmax(dim=1))
        order = signals.order(rng)
        labeled = labeled_signals(signals, ("probabilities", "embeddings"), self.name)
        if labeled is None:
            return scores_along(order, signals.row_hash, informative.__getitem__)
        rows = training_rows(labeled, rng)
        codes, known = labeled_codes(signals)[rows], labeled.embeddings[rows]
        outside = codes == (-1 if self.ood_label is None else self.ood_label)
        H = signals.embeddings
        pure = scores_along(
            order,
            signals.row_hash,
            lambda rows: _purity(*(_nearest(H[rows], known[kind]) for kind in (~outside, outside))),
        )
        if self.ood_label is None or outside.all() or not outside.any():
            return pure
        logits = self._task_logits(labeled)[rows]
        # Codes among the classes of the task: those above the outside class move down.
        targets = torch.where(outside, 0, codes - (codes > self.ood_label).long())
        losses = -logits.log_softmax(dim=1).gather(1, targets[:, None]).squeeze(1)
        inputs = _ranked(_labeled_purity(known, outside), entropy(logits.softmax(dim=1)))
        net = _train(inputs, losses.masked_fill(outside, 0), self.n_steps, rng)
        pool = _ranked(pure, informative)
        return scores_along(order, signals.row_hash, lambda rows: net(pool[rows]))

    def _check_ood_label(self, n_classes: int) -> None:
        """Raise a ValueError if ``ood_label`` is not one of several class codes."""
        if self.ood_label is None:
            return
        check_integer("ood_label", self.ood_label, 0)
        if self.ood_label >= n_classes or n_classes < 2:
            raise ValueError(
                f"'ood_label' must be a class code from 0 to {n_classes - 1}, of at least two"
                f" classes; got {self.ood_label} and {n_classes} classes. Pass the position of"
                " the label in 'classes_', not the label itself."
            )

    def _task_logits(self, signals: Signals) -> Tensor:
        """Return the logits of the classes of the task, (n, C) or (n, C - 1)."""
        if self.ood_label is None:
            return signals.logits
        keep = [c for c in range(signals.n_classes) if c != self.ood_label]
        return signals.logits[:, keep]


class _MonotoneNet(nn.Module):
    """Perceptron with two inputs that never decreases when an input increases."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(2, _HIDDEN)
        self.out = nn.Linear(_HIDDEN, 1)
        for layer in (self.hidden, self.out):
            nn.init.uniform_(layer.weight, 0, 1 / layer.in_features**0.5)
        # Spread the thresholds over the unit square, the range of the ranks.
        nn.init.uniform_(self.hidden.bias, -2, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the scores (m,) of purity and informativeness (m, 2)."""
        return self.out((4 * self.hidden(inputs)).sigmoid()).squeeze(1)

    @torch.no_grad()
    def project(self) -> None:
        """Set negative weights to zero, after each training step."""
        self.hidden.weight.clamp_(min=0)
        self.out.weight.clamp_(min=0)


def _nearest(H: Tensor, known: Tensor) -> Tensor | None:
    """Compute the distance of each row to its nearest in ``known``; None if that is empty."""
    return nearest_distances(H, known).sqrt() if len(known) else None


def _purity(inside: Tensor | None, outside: Tensor | None) -> Tensor:
    """Compute the purity from the distances to the nearest labelled sample of each kind, (n,).

    Higher is purer. At least one of the two is not None.
    """
    if outside is None:
        assert inside is not None
        return -inside
    if inside is None:
        return outside
    tiny = torch.finfo(inside.dtype).tiny  # gives 1/2 instead of 0/0 for copies of both kinds
    return (outside + tiny) / (inside + outside + 2 * tiny)


def _labeled_purity(known: Tensor, outside: Tensor) -> Tensor:
    """Compute the purity of each labelled sample from the others; both kinds are present."""
    pure = known.new_empty(len(known))
    for kind in (outside, ~outside):
        H = known[kind]
        # A sample that is the only one of its kind gets a distance of 0 to its kind.
        own = (
            nearest_neighbors(H, H, 1, exclude_self=True)[0][:, 0] if len(H) > 1 else H.new_zeros(1)
        )
        other = _nearest(H, known[~kind])
        pure[kind] = _purity(other, own) if kind is outside else _purity(own, other)
    return pure


def _ranked(purity: Tensor, informative: Tensor) -> Tensor:
    """Stack purity and informativeness as ranks in [0, 1], (n, 2)."""
    columns = [average_ranks(column) / len(column) for column in (purity, informative)]
    return torch.stack(columns, dim=1).to(purity.dtype)


@torch.enable_grad()
def _train(
    inputs: Tensor, losses: Tensor, n_steps: int, rng: np.random.RandomState
) -> _MonotoneNet:
    """Train the monotone net to rank the samples by ``losses`` (l,)."""
    net = build(_MonotoneNet, like=inputs, rng=rng)
    descend = descent(torch.optim.Adam(net.parameters(), lr=1e-2, fused=True))
    for rows in draw_batches(len(losses), _BATCH, n_steps, rng, losses.device):
        descend(pairwise_ranking_loss(net(inputs[rows]), losses[rows], _MARGIN))
        net.project()
    return net
