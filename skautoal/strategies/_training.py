"""What strategies that train something share: modules, batches, and scores fair to equal rows.

Whatever is trained lives for one query. Weights are drawn on the host, so that a GPU
starts from the same ones; rows are drawn along the random order of the pool, so that a
shuffled pool trains the same; a pool or labelled set above 5,000 rows is sampled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from skorch.utils import to_tensor
from torch import Tensor, nn

from .._rng import draw_seed, isolated_rng
from ..data._rows import load_rows
from ..signals import Signals

MAX_ROWS = 5_000  # of the pool, and of the labelled samples, that anything is trained on
_CHUNK = 1_024

M = TypeVar("M", bound=nn.Module)


def build(make: Callable[..., M], *args, like: Tensor, rng: np.random.RandomState) -> M:
    """Module ``make(*args)``, weights drawn from ``rng``, of the dtype and device of ``like``."""
    with isolated_rng(draw_seed(rng)):
        return make(*args).to(like)


def perceptron(n_inputs: int, hidden: int = 64, n_outputs: int = 1) -> nn.Sequential:
    """Two hidden layers of ReLU."""
    return nn.Sequential(
        nn.Linear(n_inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, n_outputs),
    )


def training_rows(signals: Signals, rng: np.random.RandomState) -> Tensor:
    """At most 5,000 random rows of ``signals``, in an order that follows them."""
    return signals.order(rng)[:MAX_ROWS]


def draw_batches(
    n: int, size: int, n_steps: int, rng: np.random.RandomState, device: torch.device
) -> Tensor:
    """Rows of each step, (n_steps, size), or all n rows in each step if they are fewer."""
    if n <= size:
        return torch.arange(n, device=device).expand(n_steps, n)
    return torch.as_tensor(rng.randint(n, size=(n_steps, size)), device=device)


def standardizer(X: Tensor) -> Callable[[Tensor], Tensor]:
    """Function that scales features, axis 1, to mean 0 and deviation 1 on ``X``."""
    axes = [axis for axis in range(X.ndim) if axis != 1]
    mean, std = X.mean(axes, keepdim=True), X.std(axes, correction=0, keepdim=True)
    # Constant features come out as deviations of rounding: those are not to be blown up.
    std = torch.where(std > 1e-5 * mean.abs().clamp_min(1e-5), std, torch.ones_like(std))
    return lambda rows: (rows - mean) / std


def scores_along(order: Tensor, row_hash: np.ndarray, score: Callable[[Tensor], Tensor]) -> Tensor:
    """Scores (n,) of all rows, computed in chunks along ``order``; equal rows score the same.

    Parameters
    ----------
    order : Tensor of shape (n,)
        Random permutation that follows the rows.
    row_hash : ndarray of shape (n,)
        Content hash of each row.
    score : callable
        Takes row numbers (m,), returns their scores (m,).

    """
    with torch.no_grad():
        along = torch.cat([score(rows) for rows in order.split(_CHUNK)])
    # The rounding of a product depends on the place in the chunk; copies of a row get the
    # score of the first of them along the order, or rounding would break their tie.
    _, first, inverse = np.unique(
        row_hash[order.cpu().numpy()], return_index=True, return_inverse=True
    )
    shared = torch.as_tensor(first[inverse], device=order.device)
    return torch.empty_like(along).index_copy_(0, order, along[shared])


def pairwise_ranking_loss(predicted: Tensor, losses: Tensor, margin: float) -> Tensor:
    """Mean of max(0, margin - sign(l_i - l_j) (f_i - f_j)) over all pairs that differ in l."""
    sign = (losses[:, None] - losses).sign()
    hinge = (margin - sign * (predicted[:, None] - predicted)).relu() * sign.abs()
    return hinge.sum() / sign.abs().sum().clamp_min(1)


def raw_rows(signals: Signals, rows: Tensor, needed_by: str) -> Tensor:
    """Raw samples as one floating tensor (m, d) or, of images, (m, channels, height, width).

    Inputs that come in parts are joined. Raises ValueError on NaN and infinity.
    """
    X = load_rows(signals.X, rows.cpu().numpy())
    parts = [X[key] for key in sorted(X)] if isinstance(X, dict) else [X]
    tensors = [to_tensor(part, device=signals.device) for part in parts]
    tensors = [x if x.is_floating_point() else x.float() for x in tensors]
    if len(tensors) > 1 or tensors[0].ndim != 4:
        tensors = [torch.cat([x.flatten(1) if x.ndim > 1 else x[:, None] for x in tensors], dim=1)]
    if not bool(torch.isfinite(tensors[0]).all()):
        raise ValueError(
            f"{needed_by} needs finite samples, but X holds NaN or infinity. Impute or remove them."
        )
    return tensors[0]
