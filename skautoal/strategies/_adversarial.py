"""Base of the adversarial strategies: size of the smallest perturbation that changes the class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import draw_seed, isolated_rng
from ..nets._net import evaluation_mode, input_tensor
from ..signals import Signals
from ._base import ScoreStrategy
from ._checks import check_integer
from ._training import scores_along

_CHUNK_ELEMENTS = 2**20  # input elements that are perturbed together


class AdversarialStrategy(ScoreStrategy):
    """Strategy whose score is minus the size of the smallest class-changing perturbation.

    Subclasses have a parameter ``max_steps`` and implement :meth:`_walk`. Samples whose
    class does not change within ``max_steps`` steps come last.
    """

    needs = ("probabilities", "network")
    max_steps: int

    @abstractmethod
    def _walk(self, net: Any, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Perturb the samples ``x`` (m, ...) step by step, all in one batch.

        A step yields which of the remaining samples have another class than at the
        start, (r,) bool, and the size of the perturbation of those, in the order of the
        rows. These samples are then dropped. The first step perturbs nothing.
        """

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        check_integer("max_steps", self.max_steps, 1)
        net, order = signals.net, signals.order(rng)

        def samples(rows: Tensor) -> Tensor:
            x = input_tensor(net, signals.X, rows.cpu().numpy())
            if isinstance(x, Tensor) and x.is_floating_point():
                return x
            raise TypeError(
                f"{self.name} perturbs the samples, which must be one floating array; got"
                f" {x.dtype if isinstance(x, Tensor) else type(x).__name__}. Remove the"
                " strategy from 'strategies' for such data."
            )

        # evaluation_mode makes the net deterministic, but a dataset may still draw random
        # numbers when its samples are read.
        with evaluation_mode(net), isolated_rng(draw_seed(rng), signals.device):
            step = max(1, _CHUNK_ELEMENTS // max(1, samples(order[:1]).numel()))

            def sizes_of(rows: Tensor) -> Tensor:
                return torch.cat([self._sizes(net, samples(part)) for part in rows.split(step)])

            sizes = scores_along(order, signals.row_hash, sizes_of)
        found = sizes[sizes < torch.inf]
        # Scores must be finite: samples whose class did not change get a larger size.
        beyond = 2 * found.max() + 1 if len(found) else sizes.new_ones(())
        return -torch.where(sizes == torch.inf, beyond, sizes)

    def _sizes(self, net: Any, x: Tensor) -> Tensor:
        """Compute the size of the perturbation of each sample, (m,); inf if none is found."""
        sizes = x.new_full((len(x),), torch.inf)
        remaining = torch.arange(len(x), device=x.device)
        # One more than max_steps, since the first step perturbs nothing.
        for changed, size in islice(self._walk(net, x), self.max_steps + 1):
            sizes[remaining[changed]] = size.to(sizes.dtype)
            remaining = remaining[~changed]
            if len(remaining) == 0:
                break
        return sizes


def class_gap(logits: Tensor, predicted: Tensor) -> Tensor:
    """Compute the logit of the class ``predicted`` (m, 1) minus the largest other one, (m,).

    The gap is positive until the class changes.
    """
    return logits.gather(1, predicted).squeeze(1) - without(logits, predicted).amax(1)


def without(logits: Tensor, predicted: Tensor) -> Tensor:
    """Replace the logits of the class ``predicted`` (m, 1) by -inf."""
    return logits.scatter(1, predicted, -torch.inf)
