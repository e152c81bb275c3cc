"""Distance to the decision boundary by DeepFool."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..nets._net import input_logits
from ..signals import Signals
from ._adversarial import AdversarialStrategy, class_gap
from ._checks import check_integer

_OVERSHOOT = 0.02  # as in the paper; moves a sample across the boundary instead of onto it


class AdversarialDeepFool(AdversarialStrategy):
    """Adversarial sampling (DeepFool): smallest Euclidean distance to another class.

    Each step linearizes the net and moves the sample to the nearest boundary,
    ``r = |f_c| / ||w_c||^2 w_c``. f_c is the logit of class c minus that of the predicted class,
    w_c is its gradient, and c minimizes ``|f_c| / ||w_c||``. Steps are repeated until the class
    changes. The score is minus the length of the sum of the steps. For a linear model this is
    the exact distance ``|w x + b| / ||w||``.

    Parameters
    ----------
    max_classes : int, default=10
        Number of most probable classes, the predicted one included, to whose boundaries
        samples are moved. At least 2.
    max_steps : int, default=50
        Maximum number of steps. Samples whose class does not change come last.

    Notes
    -----
    Samples are perturbed in batches, with one backward pass for each class, in evaluation mode.
    The parameters of the net and their gradients do not change. The samples must be one
    floating array. Cost O(s n c) backward passes for s steps and c classes. Usually a few steps
    are enough.

    References
    ----------
    Moosavi-Dezfooli, Fawzi & Frossard, "DeepFool: a simple and accurate method to fool
    deep neural networks", CVPR 2016, arXiv 1511.04599; as a query strategy: Ducoffe &
    Precioso, "Adversarial active learning for deep networks: a margin based approach",
    2018, arXiv 1802.09841.

    Examples
    --------
    >>> import torch
    >>> from skorch import NeuralNetClassifier
    >>> from skautoal.strategies import AdversarialDeepFool
    >>> net = NeuralNetClassifier(torch.nn.Linear, module__in_features=2,
    ...                           module__out_features=2,
    ...                           criterion=torch.nn.CrossEntropyLoss).initialize()
    >>> with torch.no_grad():
    ...     weight = net.module_.weight.copy_(torch.eye(2))
    ...     bias = net.module_.bias.zero_()
    >>> X = torch.tensor([[3.0, 0.0], [0.0, 0.2], [1.0, 0.0]])
    >>> AdversarialDeepFool().query(net, X, 2).tolist()
    [1, 2]

    """

    cost = "O(s n c) backward passes, s steps, c classes"

    def __init__(self, max_classes: int = 10, max_steps: int = 50):
        self.max_classes = max_classes
        self.max_steps = max_steps

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        check_integer("max_classes", self.max_classes, 2)
        return super()._scores(signals, rng)

    def _walk(self, net: Any, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        moved, ranked = torch.zeros_like(x), torch.empty(0)  # ranked is set in the first step
        for step in count():
            with torch.enable_grad():
                at = (x + (1 + _OVERSHOOT) * moved).requires_grad_()
                logits = input_logits(net, at)
                if step == 0:
                    ranked = logits.topk(min(self.max_classes, logits.shape[1]), dim=1).indices
                move = _to_nearest_boundary(logits, ranked, at)
            changed = ~(class_gap(logits.detach(), ranked[:, :1]) > 0)
            yield changed, moved[changed].flatten(1).norm(dim=1)
            x, moved, ranked = x[~changed], (moved + move)[~changed], ranked[~changed]


def _to_nearest_boundary(logits: Tensor, ranked: Tensor, x: Tensor) -> Tensor:
    """Compute the step from each sample to the nearest boundary of the linearized net, like ``x``.

    Parameters
    ----------
    logits : Tensor of shape (m, C)
        Logits of ``x``, with their graph.
    ranked : Tensor of shape (m, c), dtype int64
        Classes to consider, the predicted class first.
    x : Tensor of shape (m, ...)
        Samples that require a gradient.

    """
    nearest = x.new_full((len(x),), torch.inf)
    move = torch.zeros_like(x)
    lead = logits.gather(1, ranked[:, :1]) - logits.gather(1, ranked)
    for c in range(1, ranked.shape[1]):
        (gradient,) = torch.autograd.grad(-lead[:, c].sum(), x, retain_graph=True)
        length = gradient.flatten(1).norm(dim=1)
        distance = lead[:, c].detach().abs() / length  # inf where the gradient is zero
        closer = distance < nearest
        nearest = torch.where(closer, distance, nearest)
        scale = torch.where(closer, distance / length, 0).reshape(-1, *[1] * (x.ndim - 1))
        closer = closer.reshape(scale.shape)
        move = torch.where(closer, scale * gradient, move)
    return move
