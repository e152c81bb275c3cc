"""ALFA-Mix: samples whose prediction changes when labelled features are mixed in."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops._distances import normalize_rows, row_blocks, squared_distances
from ..ops._kmeans import nearest_to_centers
from ..ops._ranking import top_k
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_number, labeled_codes, labeled_signals


class AlfaMix(BatchStrategy):
    """ALFA-Mix: k-means of the samples whose prediction a small feature mix changes.

    An embedding z is mixed entry by entry with an anchor z*, the mean embedding of a labelled
    class: ``alpha z* + (1 - alpha) z``. To first order, the alpha that raises the loss at the
    predicted class most is ``eps |z* - z| g / (|g| (z* - z))``, with g the gradient of that
    loss. The samples whose predicted class changes are the candidates. They are clustered into
    b clusters on embeddings scaled to length 1, and the sample nearest to each centre is
    picked.

    Parameters
    ----------
    epsilon : float, default=0.2
        Size of the mix, in (0, 1]: eps is ``epsilon / sqrt(d)``. It is raised in steps of
        ``epsilon``, up to 1, until there are more than b candidates.

    Notes
    -----
    For one sample, all anchors move the embedding in the same direction, by a length that
    grows with the distance of the anchor. If the prediction of a linear head changes on the
    way, it is still changed at the end. The farthest anchor therefore changes the prediction
    whenever any anchor does, and only this one is tried.

    If there are at most b candidates, they come first and the rest of the batch is random.
    Without labelled samples there are no anchors, and the whole pool is clustered. The cost is
    O(n d C) for each step of epsilon, plus k-means on the candidates. Memory is O(nd).

    References
    ----------
    Parvaneh, Abbasnejad, Teney, Haffari, van den Hengel & Shi, "Active learning by feature
    mixing", CVPR 2022, arXiv 2203.07034.

    Examples
    --------
    >>> import torch
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import AlfaMix
    >>> weights = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # the larger entry wins
    >>> signals = Signals(embeddings=[[9.0, 0.0], [5.0, 4.9], [0.0, 9.0]],
    ...                   head=lambda H: H @ weights, codes=[0, 1],
    ...                   labeled=Signals(embeddings=[[8.0, 1.0], [1.0, 8.0]]))
    >>> AlfaMix().select(signals, 1, random_state=0).tolist()
    [1]

    """

    needs = ("embeddings", "head", "labeled")
    cost = "O(n d C) per step + k-means"

    def __init__(self, epsilon: float = 0.2):
        self.epsilon = epsilon

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_number("epsilon", self.epsilon, above=0, at_most=1)
        order = signals.order(rng)
        along = torch.arange(len(order), device=order.device)
        Z = signals.embeddings[order]
        candidates = along
        labeled = labeled_signals(signals, ("embeddings",), self.name)
        if labeled is not None:
            anchors = _anchors(labeled.embeddings, labeled_codes(signals))
            flipped = self._flipped(signals, Z, anchors, n_instances)
            candidates = flipped.nonzero().flatten()
            if len(candidates) <= n_instances:
                return order[top_k(flipped.float(), n_instances, along)]
        features = normalize_rows(Z[candidates])
        picks = nearest_to_centers(features, n_instances, along[: len(candidates)], rng)
        return order[candidates[picks]]

    def _flipped(self, signals: Signals, Z: Tensor, anchors: Tensor, enough: int) -> Tensor:
        """Find the rows of ``Z`` whose class changes with the smallest sufficient mix, (n,)."""
        flipped = torch.zeros(len(Z), dtype=torch.bool, device=Z.device)
        for step in range(1, int(1 / self.epsilon) + 1):
            eps = step * self.epsilon / Z.shape[1] ** 0.5
            for rows in row_blocks(len(Z), Z.shape[1] + len(anchors)):
                flipped[rows] |= _flips(signals, Z[rows], anchors, eps)
            if flipped.sum() > enough:
                break
        return flipped


def _anchors(H: Tensor, codes: Tensor) -> Tensor:
    """Compute the mean embedding of each class that has labels, (at most C, d)."""
    _, group, counts = codes.unique(return_inverse=True, return_counts=True)
    sums = H.new_zeros(len(counts), H.shape[1]).index_add_(0, group, H)
    return sums / counts[:, None]


def _flips(signals: Signals, Z: Tensor, anchors: Tensor, eps: float) -> Tensor:
    """Test for each row whether mixing in the farthest anchor changes the prediction, (n,) bool."""
    with torch.enable_grad():
        leaf = Z.detach().requires_grad_()
        logits = signals.head(leaf)
        predicted = logits.argmax(dim=1)
        loss = F.cross_entropy(logits, predicted, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, leaf)
    anchor = anchors[squared_distances(Z, anchors).argmax(dim=1)]
    alpha = _best_alpha(Z, anchor, gradient, eps)
    with torch.no_grad():
        mixed = signals.head(Z + alpha * (anchor - Z))
    return mixed.argmax(dim=1) != predicted


def _best_alpha(Z: Tensor, anchor: Tensor, gradient: Tensor, eps: float) -> Tensor:
    """Compute the share of the anchor in each entry that raises the loss most, (n, d).

    This is the first-order solution given in :class:`AlfaMix`. It is 0 where the entry equals
    that of the anchor or where the loss is flat.
    """
    way = anchor - Z
    length = eps * way.norm(dim=1, keepdim=True)
    slope = gradient.norm(dim=1, keepdim=True)
    alpha = length * gradient / (slope * way)
    return torch.where(alpha.isfinite(), alpha, 0)
