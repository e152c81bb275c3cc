"""Monte Carlo dropout with one mask per pass, shared by all rows.

A forward hook on each dropout module applies the masks while the net is in evaluation mode,
so that other layers, such as batch normalization, are not affected. With a shared mask, each
pass is one sample from the posterior over functions, which joint criteria such as BatchBALD
require (Kirsch et al. 2019, arXiv 1906.08158). It also makes the result of a row independent
of the rows in its batch. The layers before the first dropout are computed only once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from .._utils._rng import derive_seed, isolated_rng


def dropout_modules(module: nn.Module) -> list[_DropoutNd]:
    """Return the dropout modules with p > 0, in the order of registration."""
    return [m for m in module.modules() if isinstance(m, _DropoutNd) and m.p > 0]


def dropout_masks(
    module: _DropoutNd, like: Tensor, n_passes: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Draw masks as the slope and offset, (T, ...) each, of a dropout module on one row.

    For a given mask, every kind of dropout is an affine function of each element, including
    alpha and channel-wise dropout. Its values at zero and at one determine the function.
    """
    sampler = copy.copy(module)
    sampler.training = True
    sampler.inplace = False
    shape = (n_passes, *like.shape[1:])
    values = []
    for fill in (0.0, 1.0):
        # The same seed draws the same mask for both values.
        with isolated_rng(seed, like.device):
            values.append(sampler.forward(torch.full(shape, fill).to(like)))
    offset, at_one = values
    return at_one - offset, offset


def is_out_of_memory(exc: Exception) -> bool:
    """Return True if an error means that the memory of the host or accelerator is exhausted."""
    told = str(exc).lower()
    phrases = ("out of memory", "can't allocate memory", "not enough memory")
    said = isinstance(exc, RuntimeError) and any(phrase in told for phrase in phrases)
    return said or isinstance(exc, MemoryError)


class MCDropout:
    """Forward passes of a module under dropout masks that are drawn once.

    Parameters
    ----------
    module : Module
        Module with dropout, in evaluation mode.
    n_passes : int
        Number of passes T.
    seed : int
        Seed of the masks.

    """

    def __init__(self, module: nn.Module, n_passes: int, seed: int):
        self.module = module
        self.n_passes = n_passes
        self.seed = seed
        self._masks: dict[tuple, tuple[Tensor, Tensor]] = {}
        self._can_expand: bool | None = None

    def run(
        self, forward: Callable[[], tuple[Tensor, ...]], n_rows: int
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Compute the outputs without dropout and under each mask.

        Parameters
        ----------
        forward : callable
            Function that runs the module on one chunk and returns tensors of shape (n, ...).
        n_rows : int
            Number of rows n of the chunk.

        Returns
        -------
        plain : tuple of Tensor
            Outputs without dropout, (n, ...).
        passes : tuple of Tensor
            Outputs of the passes, (T, n, ...).

        """
        if self._can_expand is not False:
            try:
                expanded = self._expanded(forward, n_rows)
            except Exception as exc:
                if is_out_of_memory(exc):
                    raise
                # Some modules fail for T + 1 times the rows, for example those with a skip
                # connection past the first dropout or a view with a fixed batch size. They
                # are run pass by pass, which raises any other error again.
                expanded = None
            if self._can_expand is None:
                self._can_expand = expanded is not None and self._agrees(forward, expanded[1])
            if self._can_expand and expanded is not None:
                return expanded
        with self._hooked(lambda layer, call, x: None):
            plain = forward()
        singles = [self._single(forward, t) for t in range(self.n_passes)]
        return plain, tuple(torch.stack(parts) for parts in zip(*singles, strict=True))

    def reaches(self, forward: Callable[[], Tensor]) -> bool:
        """Return True if dropout changes the output of ``forward``."""
        with self._hooked(lambda layer, call, x: None):
            plain = forward()
        with self._hooked(lambda layer, call, x: torch.zeros_like(x)):
            return not torch.equal(forward(), plain)

    def _expanded(self, forward: Any, n_rows: int) -> Any:
        """Compute all passes in one call, or return None if the module cannot.

        The first dropout repeats its input T + 1 times, so that only the layers after it run
        on the larger batch.
        """
        total = (self.n_passes + 1) * n_rows

        def act(layer: int, call: int, x: Tensor) -> Tensor:
            slope, offset = self._mask(layer, call, x)
            if x.shape[0] == n_rows:
                x = x.unsqueeze(0)
            elif x.shape[0] == total:
                x = x.reshape(self.n_passes + 1, n_rows, *x.shape[1:])
            else:
                raise RuntimeError("dropout got neither the rows nor their T + 1 copies")
            masked = x[-self.n_passes :] * slope.unsqueeze(1) + offset.unsqueeze(1)
            return torch.cat([x[:1], masked]).flatten(0, 1)

        with self._hooked(act):
            outputs = forward()
        if outputs[0].shape[0] != total:
            return None
        split = [
            out.reshape(self.n_passes + 1, n_rows, *out.shape[1:])
            if out.shape[0] == total
            else out.unsqueeze(0).expand(self.n_passes + 1, *out.shape)
            for out in outputs
        ]
        return tuple(s[0] for s in split), tuple(s[1:] for s in split)

    def _single(self, forward: Any, t: int) -> tuple[Tensor, ...]:
        """Compute pass ``t`` alone."""

        def act(layer: int, call: int, x: Tensor) -> Tensor:
            slope, offset = self._mask(layer, call, x)
            return x * slope[t] + offset[t]

        with self._hooked(act):
            return forward()

    def _agrees(self, forward: Any, passes: tuple[Tensor, ...]) -> bool:
        """Return True if the last of the expanded passes equals the same pass computed alone.

        A module that mixes rows, by attention over the batch for example, can run on the
        copies without an error and yet give wrong results.
        """
        single = self._single(forward, self.n_passes - 1)
        return all(
            torch.allclose(one, many[-1], rtol=1e-3, atol=1e-5)
            for one, many in zip(single, passes, strict=True)
        )

    def _mask(self, layer: int, call: int, x: Tensor) -> tuple[Tensor, Tensor]:
        # A module may be called several times in a forward pass, with other shapes. Each call
        # has its own mask, which is the same for all chunks of a pool.
        key = (layer, call, tuple(x.shape[1:]))
        if key not in self._masks:
            module = dropout_modules(self.module)[layer]
            seed = derive_seed(self.seed, "dropout", layer, call)
            self._masks[key] = dropout_masks(module, x, self.n_passes, seed)
        return self._masks[key]

    @contextmanager
    def _hooked(self, act: Any) -> Iterator[None]:
        """Replace the output of each dropout module by ``act(layer, call, input)``."""
        calls: dict[int, int] = {}

        def hook_of(layer: int) -> Any:
            def hook(module: Any, args: Any, output: Any) -> Any:
                calls[layer] = calls.get(layer, -1) + 1
                return act(layer, calls[layer], args[0])

            return hook

        handles = [
            module.register_forward_hook(hook_of(layer))
            for layer, module in enumerate(dropout_modules(self.module))
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
