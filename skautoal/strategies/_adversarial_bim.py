"""Distance to the decision boundary by the basic iterative method (BIM)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..nets._net import input_logits
from ..signals import Signals
from ._adversarial import AdversarialStrategy, class_gap, without
from ._checks import check_number


class AdversarialBIM(AdversarialStrategy):
    """Adversarial sampling (BIM): shortest distance to a class change along gradient signs.

    Each step moves every feature by ``step_size`` in the direction that raises the
    cross-entropy of the predicted class, ``x <- x + step_size sign(grad)``. The score is minus
    the distance, in the maximum norm, at which another class has the largest logit. Within the
    last step, the crossing is interpolated. For a linear model this is the exact distance
    ``|w x + b| / ||w||_1``.

    Parameters
    ----------
    step_size : float, default=0.05
        Positive change of each feature in one step, in the units of the samples.
    max_steps : int, default=50
        Maximum number of steps. Samples whose class does not change come last.

    Notes
    -----
    The steps follow the gradient of the log odds against the predicted class. It is a positive
    multiple of the gradient of the cross-entropy, but does not vanish where the net is certain.
    Samples are perturbed in batches, in evaluation mode. The parameters of the net and their
    gradients do not change. The samples must be one floating array. Cost O(s n) forward and
    backward passes for s steps.

    References
    ----------
    Kurakin, Goodfellow & Bengio, "Adversarial examples in the physical world", ICLR
    workshop 2017, arXiv 1607.02533; the distance as a query strategy: Ducoffe & Precioso,
    "Adversarial active learning for deep networks: a margin based approach", 2018,
    arXiv 1802.09841.

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

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        check_number("step_size", self.step_size, above=0)
        return super()._scores(signals, rng)

    def _walk(self, net: Any, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        predicted = last_gap = torch.empty(0)  # set in the first step
        for step in count():
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                logits = input_logits(net, x)
                predicted = logits.argmax(1, keepdim=True) if step == 0 else predicted
                odds = without(logits, predicted).logsumexp(1) - logits.gather(1, predicted)[:, 0]
                (gradient,) = torch.autograd.grad(odds.sum(), x)
            gap = class_gap(logits.detach(), predicted)
            changed = ~(gap > 0)
            if step == 0:
                size = torch.zeros_like(gap)  # a tie of two classes: on the boundary already
            else:
                # The gap is interpolated linearly to find where the last step crossed zero.
                size = self.step_size * (step - 1 + last_gap / (last_gap - gap)).to(x.dtype)
            yield changed, size[changed]
            predicted, last_gap = predicted[~changed], gap[~changed]
            x = (x.detach() + self.step_size * gradient.sign())[~changed]
