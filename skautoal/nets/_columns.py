"""Columns of a table that a trained net reads, found on a few labelled samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import isolated_rng
from ..data._rows import take_rows
from ._layers import first_output
from ._mc_dropout import is_out_of_memory
from ._net import evaluation_mode, input_tensor, unwrapped_module

_MAX_ROWS = 64
_SEED = 0xC01


def columns_read(net: Any, X: Any) -> np.ndarray | None:
    """Find the columns of a table that the prediction of a net depends on.

    Parameters
    ----------
    net : skorch classifier
        Trained net. It is not changed.
    X : array
        Samples as the net takes them, of which at most 64 are sent through it.

    Returns
    -------
    read : ndarray of bool of shape (d,), or None
        False for a column with a gradient of exactly 0 for all these samples, whose values
        also change nothing when the samples swap them. None where every column counts:
        because the net reads all of them; because it seems to read none; or because that
        cannot be found out, for samples that are no floating-point table and for nets that
        are compiled or have no gradients.

    """
    is_array = isinstance(X, Tensor) or (isinstance(X, np.ndarray) and X.dtype.kind == "f")
    # Gradients would compile the net a second time.
    if not is_array or X.ndim != 2 or not len(X) or unwrapped_module(net) is not net.module_:
        return None
    # Spread over all samples: those of one class often come together.
    rows = np.linspace(0, len(X) - 1, min(len(X), _MAX_ROWS)).astype(np.int64)
    step = len(rows)
    while step:
        try:
            x = input_tensor(net, take_rows(X, rows), slice(None))
            return _columns_read(net, x, step) if x.is_floating_point() else None
        except (MemoryError, RuntimeError) as exc:
            # torch refuses with a RuntimeError. Other errors are the module's own, and are
            # told as they are in training: hidden, they would change picks unnoticed.
            if not is_out_of_memory(exc):
                return None
        step //= 2  # outside the except block, so that the tensors in the traceback are freed
    return None


def _columns_read(net: Any, x: Tensor, step: int) -> np.ndarray | None:
    """Do the same for samples that the module takes, ``step`` of them at a time."""
    with evaluation_mode(net), torch.enable_grad():
        parts = x.split(step)
        read = torch.stack([_gradient(net, part).ne(0).any(0) for part in parts]).any(0)
        if read.all() or not read.any():
            return None
        # What is compared or looked up, as a category is, is read without a gradient.
        swapped = torch.where(read, x, x.roll(1, 0)).split(step)
        for part, other in zip(parts, swapped, strict=True):
            if not torch.equal(_prediction(net, part), _prediction(net, other)):
                return None
    return read.cpu().numpy()


def _gradient(net: Any, x: Tensor) -> Tensor:
    """Return the gradient of a weighted sum of all outputs with respect to samples (m, d)."""
    x = x.detach().clone().requires_grad_()
    output = _prediction(net, x)
    if not output.requires_grad:
        return torch.zeros_like(x)
    # Random weights: the gradients of outputs that have a fixed sum do not cancel.
    generator = torch.Generator().manual_seed(_SEED)
    weights = 1 + torch.rand(output.shape[1], generator=generator)
    total = (output * weights.to(output)).sum()
    try:
        (gradient,) = torch.autograd.grad(total, x, allow_unused=True)
    except Exception as exc:  # of any kind, from the module's own functions
        if is_out_of_memory(exc):
            raise
        return torch.ones_like(x)  # every column counts: predictions need no gradient
    return torch.zeros_like(x) if gradient is None else gradient


def _prediction(net: Any, x: Tensor) -> Tensor:
    """Return the first output of a net, (m, q), with the same random numbers each time."""
    with isolated_rng(_SEED, x.device):
        # A copy: the module may work in place, which is forbidden on what needs a gradient.
        return first_output(net.infer(x.clone())).reshape(len(x), -1)
