"""Training of several nets at once, as one tensor program with the nets along its first axis.

Small nets leave most of a step to the overhead of its calls. Nets of the same module that
train on equally many samples share these calls: their parameters are stacked, and each step
goes through :func:`torch.func.vmap`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from sklearn.base import clone
from torch import Tensor, nn
from torch.func import functional_call

from ..._utils._rng import isolated_rng
from ...nets._net import NeuralNetClassifier
from ...nets._training import avoid_single_row_batch, initialize_net
from ..tasks._nets import ShuffledBatches

#: Layers that do the same to each sample, whatever other samples are in the minibatch.
_LAYERS = (nn.Linear, nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Flatten, nn.Dropout, nn.LayerNorm)

#: Optimizers that treat each parameter on its own, so that stacking changes nothing.
_OPTIMIZERS = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop)


def why_not_batched(net: Any) -> str | None:
    """Return what keeps a net from being trained together with others; None if nothing does.

    Parameters
    ----------
    net : skorch classifier
        The net, not necessarily initialized.

    Returns
    -------
    reason : str or None

    """
    if type(net) is not NeuralNetClassifier:
        return f"it is a {type(net).__name__}, which may train in its own way"
    if net.iterator_train is not ShuffledBatches:
        return "its 'iterator_train' is not that of standard_net"
    if net.train_split is not None or net.callbacks:
        return "it has callbacks or a 'train_split'"
    if net.optimizer not in _OPTIMIZERS:
        return f"its optimizer is none of {[cls.__name__ for cls in _OPTIMIZERS]}"
    if "optimizer__param_groups" in net.get_params(deep=False):
        return "its optimizer has parameter groups"
    if net.criterion is not nn.CrossEntropyLoss:
        return "its criterion is not CrossEntropyLoss"
    module = initialize_net(clone(net), 0).module_
    for layer in module.modules():
        if next(layer.children(), None) is None and type(layer) not in _LAYERS:
            return f"its module holds a {type(layer).__name__}"
    return None


def fit_nets(nets: Sequence[Any], X: Sequence[Any], y: Sequence[Any], seeds: Sequence[int]) -> None:
    """Train nets from scratch, each as its own ``fit`` would with its seed, within rounding.

    Initial weights, the order of the minibatches, and the masks of dropout are those that
    each net would draw by itself; on a GPU, which draws masks from a generator of its own,
    the masks are others.

    Parameters
    ----------
    nets : sequence of skorch classifiers
        Nets with equal parameters for which :func:`why_not_batched` returns None. They are
        initialized and trained in place; their histories stay empty.
    X : sequence of arrays of shape (n, ...)
        The samples of each net, equally many.
    y : sequence of arrays of shape (n,)
        Their label codes.
    seeds : sequence of int
        Seed of each net.

    """
    net = nets[0]
    generators = [_initialize(*job) for job in zip(nets, X, y, seeds, strict=True)]
    device = next(net.module_.parameters()).device
    samples = torch.stack([torch.as_tensor(part, device=device) for part in X])
    labels = torch.stack([torch.as_tensor(part, device=device) for part in y])
    program = _Program([n.module_ for n in nets], net.criterion_)
    _, options = net.get_params_for_optimizer("optimizer", net.module_.named_parameters())
    optimizer = net.optimizer(program.trained(), **options)
    n, along = samples.shape[1], torch.arange(len(nets), device=device)[:, None]
    for _ in range(net.max_epochs):
        orders = torch.stack([torch.randperm(n, generator=g) for g in generators]).to(device)
        for rows in orders.split(net.batch_size, dim=1):
            optimizer.zero_grad()
            program.loss(samples[along, rows], labels[along, rows], generators).backward()
            optimizer.step()
    program.hand_back([n.module_ for n in nets])


def _initialize(net: Any, X: Any, y: Any, seed: int) -> torch.Generator:
    """Initialize a net as its ``fit`` does; return a generator for all that it draws later."""
    with isolated_rng(seed, net.device or "cpu"):
        avoid_single_row_batch(net, len(y))  # initializes, as a fit of its own does twice
        net.initialize()
        net.check_data(X, y)
        state = torch.get_rng_state()
    return torch.Generator().set_state(state)


class _Mask(nn.Module):
    """Dropout with a mask that is given."""

    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask


class _Program:
    """Modules as one: the loss of all, and their stacked parameters.

    Attributes
    ----------
    parameters : dict of str to Tensor of shape (n_nets, ...)
        Their parameters by name.

    """

    def __init__(self, modules: Sequence[nn.Module], criterion: nn.Module) -> None:
        named = [dict(module.named_parameters()) for module in modules]
        self.parameters = {
            name: torch.stack([params[name].detach() for params in named]).requires_grad_(
                first.requires_grad
            )
            for name, first in named[0].items()
        }
        self._module = copy.deepcopy(modules[0]).train()
        self._drops = {
            name: layer.p
            for name, layer in self._module.named_modules()
            if isinstance(layer, nn.Dropout)
        }
        for name in self._drops:
            parent, _, child = name.rpartition(".")
            setattr(self._module.get_submodule(parent), child, _Mask())
        self._criterion = criterion
        self._shapes: dict[int, list[tuple[str, torch.Size]]] = {}
        self._losses = torch.func.vmap(self._loss)

    def trained(self) -> list[Tensor]:
        """Return the stacked parameters that training changes."""
        return [value for value in self.parameters.values() if value.requires_grad]

    def loss(self, x: Tensor, y: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Return the sum of the losses of all nets, of minibatches (n_nets, size, ...)."""
        return self._losses(self.parameters, self._masks(x, generators), x, y).sum()

    def _loss(
        self, parameters: dict[str, Tensor], masks: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> Tensor:
        output = functional_call(self._module, (parameters, masks), (x,))
        return self._criterion(output, y)

    def _masks(self, x: Tensor, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        size = x.shape[1]
        if size not in self._shapes:
            self._shapes[size] = self._shapes_of_drops(x[0])
        masks = {}
        for name, shape in self._shapes[size]:
            keep = 1 - self._drops[name]
            drawn = torch.empty(len(generators), *shape)
            for mask, generator in zip(drawn, generators, strict=True):
                mask.bernoulli_(keep, generator=generator)
            masks[f"{name}.mask"] = drawn.div_(keep).to(x.device)
        return masks

    @torch.no_grad()
    def _shapes_of_drops(self, x: Tensor) -> list[tuple[str, torch.Size]]:
        """Return names and shapes of what is dropped, in the order of the forward pass."""
        found: list[tuple[str, torch.Size]] = []
        hooks = [
            self._module.get_submodule(name).register_forward_pre_hook(
                lambda _, inputs, name=name: found.append((name, inputs[0].shape))
            )
            for name in self._drops
        ]
        try:
            self._module(x)
        finally:
            for hook in hooks:
                hook.remove()
        return found

    @torch.no_grad()
    def hand_back(self, modules: Sequence[nn.Module]) -> None:
        """Copy the parameters into the modules."""
        for i, module in enumerate(modules):
            for name, parameter in module.named_parameters():
                parameter.copy_(self.parameters[name][i])
