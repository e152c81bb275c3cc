"""Tools for strategies that train a small network during a query.

The network lives for one query. Its weights are drawn on the CPU, so that they are the same
on every device. Training rows are drawn along the random order of the pool, so that a
shuffled pool gives the same training. More than 5,000 rows are sampled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from .._utils._rng import draw_seed, isolated_rng
from ..data._rows import load_rows
from ..nets._net import to_tensor
from ..signals import Signals

MAX_ROWS = 5_000  # maximum number of training rows, of the pool and of the labelled set each
_CHUNK = 1_024  # rows that are scored together

M = TypeVar("M", bound=nn.Module)


def build(make: Callable[..., M], *args: Any, like: Tensor, rng: np.random.RandomState) -> M:
    """Build a module ``make(*args)`` with weights from ``rng``, on the device of ``like``.

    It also has the dtype of ``like``.
    """
    with isolated_rng(draw_seed(rng)):
        return make(*args).to(like)


def perceptron(n_inputs: int, hidden: int = 64, n_outputs: int = 1) -> nn.Sequential:
    """Build a perceptron with two hidden ReLU layers."""
    return nn.Sequential(
        nn.Linear(n_inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, n_outputs),
    )


def training_rows(signals: Signals, rng: np.random.RandomState) -> Tensor:
    """Return at most 5,000 random rows of ``signals``, in an order that follows their content."""
    return signals.order(rng)[:MAX_ROWS]


def draw_batches(
    n: int, size: int, n_steps: int, rng: np.random.RandomState, device: torch.device
) -> Tensor:
    """Draw the rows of each training step, (n_steps, size); all n rows if n <= size."""
    if n <= size:
        return torch.arange(n, device=device).expand(n_steps, n)
    return torch.as_tensor(rng.randint(n, size=(n_steps, size)), device=device)


def descent(optimizer: torch.optim.Optimizer) -> Callable[[Tensor], None]:
    """Return a function that takes one step of ``optimizer`` down a given loss."""

    def step(loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def standardizer(X: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a function that scales features (axis 1) to mean 0 and deviation 1 on ``X``."""
    axes = [axis for axis in range(X.ndim) if axis != 1]
    mean, std = X.mean(axes, keepdim=True), X.std(axes, correction=0, keepdim=True)
    # The deviation of a constant feature is rounding error; dividing by it would turn this
    # error into a feature of unit variance.
    std = torch.where(std > 1e-5 * mean.abs().clamp_min(1e-5), std, torch.ones_like(std))
    return lambda rows: (rows - mean) / std


def scores_along(order: Tensor, row_hash: np.ndarray, score: Callable[[Tensor], Tensor]) -> Tensor:
    """Score all rows in chunks along ``order``, with equal scores for equal rows.

    Parameters
    ----------
    order : Tensor of shape (n,), dtype int64
        Random permutation that depends on the content of the rows.
    row_hash : ndarray of shape (n,), dtype uint64
        Content hash of each row.
    score : callable
        Takes row numbers (m,) and returns their scores (m,).

    Returns
    -------
    scores : Tensor of shape (n,)

    """
    with torch.no_grad():
        along = torch.cat([score(rows) for rows in order.split(_CHUNK)])
    # The rounding of a matrix product depends on the position in the chunk. Copies of a row
    # all get the score of the first one along the order, so that rounding breaks no tie.
    _, first, inverse = np.unique(
        row_hash[order.cpu().numpy()], return_index=True, return_inverse=True
    )
    shared = torch.as_tensor(first[inverse], device=order.device)
    return torch.empty_like(along).index_copy_(0, order, along[shared])


def pairwise_ranking_loss(predicted: Tensor, losses: Tensor, margin: float) -> Tensor:
    """Compute the mean of max(0, margin - sign(l_i - l_j) (f_i - f_j)) over unequal pairs."""
    sign = (losses[:, None] - losses).sign()
    hinge = (margin - sign * (predicted[:, None] - predicted)).relu() * sign.abs()
    return hinge.sum() / sign.abs().sum().clamp_min(1)


def raw_rows(signals: Signals, rows: Tensor, needed_by: str) -> Tensor:
    """Load raw samples as one floating tensor: (m, d), or (m, channels, height, width) of images.

    Inputs of several parts are flattened and concatenated.

    Raises
    ------
    ValueError
        If the samples contain NaN or infinity.

    """
    X = load_rows(signals.X, rows.cpu().numpy())
    parts = [X[key] for key in sorted(X)] if isinstance(X, dict) else [X]
    tensors = [to_tensor(part, device=signals.device) for part in parts]
    tensors = [x if x.is_floating_point() else x.float() for x in tensors]
    if len(tensors) > 1 or tensors[0].ndim != 4:
        tensors = [torch.cat([x.flatten(1) if x.ndim > 1 else x[:, None] for x in tensors], dim=1)]
    if not bool(torch.isfinite(tensors[0]).all()):
        raise ValueError(
            f"{needed_by} needs finite samples, but X contains NaN or infinity. Impute the"
            " values or remove the samples."
        )
    return tensors[0]
