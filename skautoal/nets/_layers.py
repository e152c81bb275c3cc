"""Read inputs and outputs of submodules during the forward pass of a torch module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from skorch.utils import to_tensor
from torch import Tensor, nn


def first_output(output: Any) -> Tensor:
    """Return the prediction, which is the first of several outputs by skorch's convention."""
    return output[0] if isinstance(output, tuple) else output


@contextmanager
def captured_input(module: nn.Module, layer: str | None) -> Iterator[list[Tensor]]:
    """Collect the input of a submodule at each forward pass as one vector per row."""
    seen: list[Tensor] = []
    if layer is None:
        yield seen
        return
    target = module.get_submodule(layer)

    def hook(_module: Any, args: Any) -> Any:
        seen.append(_flat_rows(args[0], features_last=isinstance(target, nn.Linear)))

    handle = target.register_forward_pre_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()


def block_features(module: nn.Module, X: Any, device: torch.device) -> list[Tensor]:
    """Return the outputs of the module's blocks in order, (n, d) each, differentiable.

    The blocks are the direct submodules of the outermost module that has several. Outputs
    that do not have one entry per row are omitted.
    """
    blocks = list(module.children())
    while len(blocks) == 1:
        blocks = list(blocks[0].children())
    seen: list[Tensor] = []

    def hook(block: Any, _args: Any, output: Any) -> Any:
        output = first_output(output)
        if isinstance(output, Tensor) and output.ndim > 1:
            # The features of a sequence are in the last dimension, except after convolutions.
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
    """Reduce each row to one vector by averaging feature maps and sequences over positions.

    Linear layers have the features in the last dimension, convolutions in the second.
    """
    if x.ndim <= 2:
        return x
    return x.flatten(1, -2).mean(1) if features_last else x.flatten(2).mean(2)


def run_module(module: nn.Module, X: Any, device: torch.device) -> Any:
    """Run the forward pass of a module on samples as a skorch net takes them."""
    x = to_tensor(X, device=device)
    return module(**x) if isinstance(x, dict) else module(x)
