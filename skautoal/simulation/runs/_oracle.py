"""The oracle: a method that buys many batches with their true labels, and keeps the best.

No strategy can do this. It is a reference for what can be gained, not a bound: it looks one
batch ahead, and its head stands on the embeddings that the net has now.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..._utils._rng import derive_seed
from ...mixing import Candidates
from ...mixing._builders import BUILDERS, build_batch
from ...samplers import StrategySampler
from ...samplers._result import Answer
from ...signals import Signals
from ...strategies import get_strategy

#: Strategies that propose batches, besides the batch builders: those that read nothing but
#: one forward pass, and are fast.
PROPOSERS = (
    "random",
    "least_confidence",
    "margin",
    "entropy",
    "power_margin",
    "kmeans",
    "kcenter_greedy",
    "badge",
    "typiclust",
    "max_herding",
    "uncertainty_herding",
    "falcun",
    "clue",
    "probcover",
)

_N_BATCHES = 100  # that are tried out in each round
_LEAST_SHARE = 0.05  # of the pool, in the smallest sub-pool
_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # of the penalty, per sample and unit of variance


class OracleSampler(StrategySampler):
    """Query with batches that were tried out with their true labels.

    All batch builders and fast strategies propose batches, on random sub-pools of random
    size. The linear head of the net is updated for each of them in closed form, with the
    true labels, and the batch whose head predicts the judging samples best is returned
    (after BoSS, arXiv 2603.13109).

    The parameters are those of :class:`~skautoal.StrategySampler`; the strategy does not
    matter.

    """

    def _own_needs(self) -> dict[str, str]:
        return dict.fromkeys(("logits", "embeddings", "gradient_factors"), "The oracle")

    def buy(self, X_pool: Any, y_pool: np.ndarray, X: Any, y: np.ndarray) -> np.ndarray:
        """Return the best batch.

        Parameters
        ----------
        X_pool, y_pool : array of shape (n, ...), array of shape (n,)
            The pool and its labels.
        X, y : array of shape (m, ...), array of shape (m,)
            Samples that judge, and their labels.

        Returns
        -------
        rows : ndarray of shape (n_instances,), dtype int64

        """
        signals = self._pool_signals(self._check_pool(X_pool, "X_pool"))
        judging = self._pool_signals(self._check_pool(X, "X")).embeddings
        seed = self._round_seed("query")
        value = _Value(
            self._labeled_signals().embeddings,
            self._codes(self.y_labeled_),
            signals.embeddings,
            self._codes(y_pool),
            judging,
            self._codes(y),
            len(self.classes_),
        )
        batches = list(_proposals(signals, self.n_instances, seed))
        best = max(batches, key=value.of)  # the first of equals
        return best.cpu().numpy()

    def _codes(self, y: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.classes_, y)

    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        raise TypeError("An oracle needs the labels of the pool; use simulate(method='oracle').")


def _proposals(signals: Signals, k: int, seed: int) -> Iterator[Tensor]:
    """Yield rows of batches: each builder and strategy on the pool, then on parts of it."""
    n, device = signals.n_samples, signals.device
    rng = np.random.RandomState(derive_seed(seed, "parts"))
    names = [*BUILDERS, *PROPOSERS]
    for number in range(_N_BATCHES):
        name, draw = names[number % len(names)], derive_seed(seed, "batch", number)
        if number < len(names):
            yield _proposal(name, signals, k, draw)
            continue
        least = max(k, int(_LEAST_SHARE * n))
        size = min(n, round(math.exp(rng.uniform(math.log(least), math.log(n)))))
        rows = torch.as_tensor(rng.permutation(n)[:size], device=device)
        yield rows[_proposal(name, signals.take(rows), k, draw)]


def _proposal(name: str, signals: Signals, k: int, seed: int) -> Tensor:
    rng = np.random.RandomState(seed)
    if name in BUILDERS:
        scores = get_strategy("margin").scores(signals, rng)
        return build_batch(name, scores, signals, k, rng).picks
    return get_strategy(name).pick(signals, k, rng)


class _Value:
    """Accuracy of the head on the judging samples, as a function of the batch bought.

    The head is a ridge regression of the classes on the embeddings. The strength of its
    penalty is the one that suits the labelled samples best, judged in the same way.
    """

    def __init__(
        self,
        labeled: Tensor,
        codes: np.ndarray,
        pool: Tensor,
        pool_codes: np.ndarray,
        judging: Tensor,
        judging_codes: np.ndarray,
        n_classes: int,
    ) -> None:
        centre = pool.double().mean(0)
        scale = (pool.double() - centre).square().sum(1).mean().sqrt().clamp_min(1e-12)
        self._labeled, self._pool, self._judging = (
            _with_one((part.double() - centre) / scale) for part in (labeled, pool, judging)
        )
        targets = torch.eye(n_classes, dtype=torch.float64, device=pool.device)
        self._targets = targets - 1 / n_classes
        self._codes, self._pool_codes, self._truth = (
            torch.as_tensor(given, device=pool.device)
            for given in (codes, pool_codes, judging_codes)
        )
        self._strength = max(_STRENGTHS, key=lambda s: self._judged(self._labeled, self._codes, s))

    def of(self, rows: Tensor) -> tuple[float, float]:
        """Return accuracy, and minus the squared error, with a batch of the pool bought."""
        H = torch.cat([self._labeled, self._pool[rows]])
        return self._judged(H, torch.cat([self._codes, self._pool_codes[rows]]), self._strength)

    def _judged(self, H: Tensor, codes: Tensor, strength: float) -> tuple[float, float]:
        output = self._judging @ ridge(H, self._targets[codes], strength * len(H))
        right = (output.argmax(1) == self._truth).double().mean()
        error = (output - self._targets[self._truth]).square().mean()
        return float(right), -float(error)


def _with_one(H: Tensor) -> Tensor:
    """Append a column of ones, for the intercept."""
    return torch.cat([H, H.new_ones(len(H), 1)], dim=1)


def ridge(H: Tensor, Y: Tensor, strength: float) -> Tensor:
    """Solve a ridge regression, in the smaller of its two forms.

    Parameters
    ----------
    H : Tensor of shape (n, d)
        Inputs.
    Y : Tensor of shape (n, C)
        Targets.
    strength : float
        Factor of the squared norm of the weights in the sum of squared errors.

    Returns
    -------
    weights : Tensor of shape (d, C)

    """
    n, d = H.shape
    if n < d:
        gram = H @ H.T
        gram.diagonal().add_(strength)
        return H.T @ torch.linalg.solve(gram, Y)
    gram = H.T @ H
    gram.diagonal().add_(strength)
    return torch.linalg.solve(gram, H.T @ Y)
