"""Capture of the inputs and outputs of a torch module's submodules while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from skorch.utils import to_tensor
from torch import Tensor, nn


def first_output(output: Any) -> Tensor:
    """Return the prediction: the first of several outputs, by skorch's convention."""
    return output[0] if isinstance(output, tuple) else output


@contextmanager
def captured_input(module: nn.Module, layer: str | None) -> Iterator[list[Tensor]]:
    """Yield a list to which each forward adds the input of ``layer``, (n, d) per call."""
    seen: list[Tensor] = []
    if layer is None:
        yield seen
        return
    target = module.get_submodule(layer)

    def hook(_module: nn.Module, args: tuple) -> None:
        seen.append(_flat_rows(args[0], features_last=isinstance(target, nn.Linear)))

    handle = target.register_forward_pre_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()


def block_features(module: nn.Module, X: Any, device: torch.device) -> list[Tensor]:
    """Return the outputs of the module's blocks, (n, d) each, first block first; differentiable.

    The blocks are the children of the outermost submodule that has several. An output that
    does not have one entry a row is left out.
    """
    blocks = list(module.children())
    while len(blocks) == 1:
        blocks = list(blocks[0].children())
    seen: list[Tensor] = []

    def hook(block: nn.Module, _args: tuple, output: Any) -> None:
        output = first_output(output)
        if isinstance(output, Tensor) and output.ndim > 1:
            # Sequences have the features last, unless they come out of a convolution.
            convolutions = (m for m in block.modules() if isinstance(m, nn.modules.conv._ConvNd))
            features_last = output.ndim == 3 and next(convolutions, None) is None
            seen.append(_flat_rows(output, features_last))

    handles = [block.register_forward_hook(hook) for block in blocks]
    try:
        output = first_output(run_module(module, X, device))
    finally:
        for handle in handles:
            handle.remove()
    levels = [level for level in seen if len(level) == len(output)]
    return levels or [output.reshape(len(output), -1)]


def _flat_rows(x: Tensor, features_last: bool) -> Tensor:
    """Return one vector a row: feature maps and sequences are averaged over their positions.

    Linear layers have the features on the last axis, convolutions on axis 1.
    """
    if x.ndim <= 2:
        return x
    return x.flatten(1, -2).mean(1) if features_last else x.flatten(2).mean(2)


def run_module(module: nn.Module, X: Any, device: torch.device) -> Any:
    """Run a bare module forward on samples as a net takes them."""
    x = to_tensor(X, device=device)
    return module(**x) if isinstance(x, dict) else module(x)
