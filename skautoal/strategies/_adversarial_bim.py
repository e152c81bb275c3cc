"""Distance to the decision boundary by the basic iterative method."""

from __future__ import annotations

import torch

from .._net import input_logits
from ._adversarial import AdversarialStrategy, class_gap, without
from ._checks import check_integer, check_number


class AdversarialBIM(AdversarialStrategy):
    """Samples whose class changes after the shortest walk in steps of the gradient's sign.

    Each step moves every feature by ``step_size`` in the direction that raises the
    cross-entropy of the predicted class, ``x <- x + step_size sign(grad)``. The score is
    minus the distance walked, in the maximum norm, until another class has the largest
    logit; within the last step the crossing is interpolated. For a linear model this is
    the exact distance, ``|w x + b| / ||w||_1``.

    Parameters
    ----------
    step_size : float, default=0.05
        Change of each feature in one step, in the units of the samples.
    max_steps : int, default=50
        Samples whose class does not change within so many steps come last.

    Notes
    -----
    The steps follow the log odds against the predicted class: their gradient is a
    positive multiple of that of the cross-entropy, and does not vanish where the net is
    certain. Samples are perturbed in batches, in evaluation mode; parameters and their
    gradients are left alone. Only floating samples in one array. Cost O(s n) forward and
    backward passes of s steps.

    References
    ----------
    Kurakin, Goodfellow & Bengio, "Adversarial examples in the physical world", ICLR
    workshop 2017, arXiv 1607.02533; such distances as a query strategy: Ducoffe &
    Precioso, "Adversarial active learning for deep networks: a margin based approach",
    2018, arXiv 1802.09841.

    Examples
    --------
    >>> import torch
    >>> from skorch import NeuralNetClassifier
    >>> from skautoal.strategies import AdversarialBIM
    >>> net = NeuralNetClassifier(torch.nn.Linear, module__in_features=2,
    ...                           module__out_features=2,
    ...                           criterion=torch.nn.CrossEntropyLoss).initialize()
    >>> with torch.no_grad():
    ...     weight = net.module_.weight.copy_(torch.eye(2))
    ...     bias = net.module_.bias.zero_()
    >>> X = torch.tensor([[3.0, 0.0], [0.0, 0.2], [1.0, 0.0]])
    >>> AdversarialBIM().query(net, X, 2).tolist()
    [1, 2]

    """

    cost = "O(s n) forward and backward passes, s steps"

    def __init__(self, step_size: float = 0.05, max_steps: int = 50):
        self.step_size = step_size
        self.max_steps = max_steps

    def _scores(self, signals, rng):
        check_number("step_size", self.step_size, above=0)
        check_integer("max_steps", self.max_steps, 1)
        return super()._scores(signals, rng)

    def _sizes(self, net, x):
        sizes = x.new_full((len(x),), torch.inf)
        active = torch.arange(len(x), device=x.device)  # those that still have their class
        predicted = last = torch.empty(0)  # filled in the first step
        for step in range(self.max_steps + 1):
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                logits = input_logits(net, x)
                predicted = logits.argmax(1, keepdim=True) if step == 0 else predicted
                odds = without(logits, predicted).logsumexp(1) - logits.gather(1, predicted)[:, 0]
                (gradient,) = torch.autograd.grad(odds.sum(), x)
            gap = class_gap(logits.detach(), predicted)
            changed = ~(gap > 0)
            if step == 0:
                sizes[active[changed]] = 0.0
            else:
                share = last / (last - gap)
                sizes[active[changed]] = self.step_size * (step - 1 + share[changed]).to(x.dtype)
            active, predicted, last = active[~changed], predicted[~changed], gap[~changed]
            if len(active) == 0:
                break
            x = (x.detach() + self.step_size * gradient.sign())[~changed]
        return sizes
