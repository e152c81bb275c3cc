"""Distance to the decision boundary by DeepFool."""

from __future__ import annotations

import torch
from torch import Tensor

from .._net import input_logits
from ._adversarial import AdversarialStrategy, class_gap
from ._checks import check_integer

_OVERSHOOT = 0.02  # of the paper: carries a sample over the boundary it was moved onto


class AdversarialDeepFool(AdversarialStrategy):
    """Samples of least Euclidean distance to another class, by DeepFool.

    Each step takes the net as linear, goes to the nearest of its class boundaries,
    ``r = |f_c| / ||w_c||^2 w_c`` with f_c the logit of class c minus that of the predicted
    one and w_c its gradient, c of least ``|f_c| / ||w_c||``, and repeats until the class
    changes. The score is minus the length of the sum of the steps. For a linear model
    this is the exact distance, ``|w x + b| / ||w||``.

    Parameters
    ----------
    max_classes : int, default=10
        Only the boundaries to the most probable classes are considered, of which there
        are so many with the predicted one.
    max_steps : int, default=50
        Samples whose class does not change within so many steps come last.

    Notes
    -----
    Samples are perturbed in batches, one backward pass a class, in evaluation mode;
    parameters and their gradients are left alone. Only floating samples in one array.
    Cost O(s n c) backward passes of s steps and c classes; few steps are the rule.

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

    def _scores(self, signals, rng):
        check_integer("max_classes", self.max_classes, 2)
        check_integer("max_steps", self.max_steps, 1)
        return super()._scores(signals, rng)

    def _sizes(self, net, x):
        sizes = x.new_full((len(x),), torch.inf)
        active = torch.arange(len(x), device=x.device)  # those that still have their class
        moved, ranked = torch.zeros_like(x), torch.empty(0)  # filled in the first step
        for step in range(self.max_steps + 1):
            with torch.enable_grad():
                at = (x + (1 + _OVERSHOOT) * moved).requires_grad_()
                logits = input_logits(net, at)
                if step == 0:
                    ranked = logits.topk(min(self.max_classes, logits.shape[1]), dim=1).indices
                move = _to_nearest_boundary(logits, ranked, at)
            changed = ~(class_gap(logits.detach(), ranked[:, :1]) > 0)
            sizes[active[changed]] = moved[changed].flatten(1).norm(dim=1)
            active, ranked = active[~changed], ranked[~changed]
            if len(active) == 0:
                break
            x, moved = x[~changed], (moved + move)[~changed]
        return sizes


def _to_nearest_boundary(logits: Tensor, ranked: Tensor, x: Tensor) -> Tensor:
    """Step from each sample to the nearest boundary of the linearised net, like x."""
    nearest = x.new_full((len(x),), torch.inf)
    move = torch.zeros_like(x)
    lead = logits.gather(1, ranked[:, :1]) - logits.gather(1, ranked)
    for c in range(1, ranked.shape[1]):
        (gradient,) = torch.autograd.grad(-lead[:, c].sum(), x, retain_graph=True)
        length = gradient.flatten(1).norm(dim=1)
        distance = lead[:, c].detach().abs() / length  # inf where nothing can be moved
        closer = distance < nearest
        nearest = torch.where(closer, distance, nearest)
        scale = torch.where(closer, distance / length, 0).reshape(-1, *[1] * (x.ndim - 1))
        closer = closer.reshape(scale.shape)
        move = torch.where(closer, scale * gradient, move)
    return move
