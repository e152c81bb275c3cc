"""MC dropout with one mask a pass, shared by all rows.

A forward hook on each dropout module applies the masks while the net stays in
evaluation mode, so nothing else (batch norm above all) can notice. Sharing the mask
among the rows makes a pass one draw from the posterior over functions, which joint
criteria such as BatchBALD require (Kirsch et al. 2019, arXiv 1906.08158), and makes the
output of a row independent of the rows it is computed with. What lies before the first
dropout runs once for all passes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from ._rng import derive_seed, isolated_rng

_Outputs = tuple[Tensor, ...]
_Forward = Callable[[], _Outputs]
_Act = Callable[[int, int, Tensor], Tensor | None]  # layer, call, input -> new output


def dropout_modules(module: nn.Module) -> list[_DropoutNd]:
    """Return the dropout modules with a positive rate, in order of registration."""
    return [m for m in module.modules() if isinstance(m, _DropoutNd) and m.p > 0]


def dropout_masks(
    module: _DropoutNd, like: Tensor, n_passes: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Return slope and offset, (T, ...) each, of a dropout module's action on one row.

    Given its mask, every kind of dropout is affine in each element, alpha and channel-wise
    dropout included, so its values at zero and at one determine it.
    """
    sampler = copy.copy(module)
    sampler.training = True
    sampler.inplace = False
    shape = (n_passes, *like.shape[1:])
    values = []
    for fill in (0.0, 1.0):
        with isolated_rng(seed, like.device):
            values.append(sampler.forward(torch.full(shape, fill).to(like)))
    offset, at_one = values
    return at_one - offset, offset


def is_out_of_memory(exc: Exception) -> bool:
    """Return True if the exception says that memory ran out, on the host or an accelerator."""
    told = str(exc).lower()
    phrases = ("out of memory", "can't allocate memory", "not enough memory")
    said = isinstance(exc, RuntimeError) and any(phrase in told for phrase in phrases)
    return said or isinstance(exc, MemoryError)


class MCDropout:
    """Apply the masks of ``n_passes`` passes to the dropout modules of one module."""

    def __init__(self, module: nn.Module, n_passes: int, seed: int) -> None:
        self.module = module
        self.n_passes = n_passes
        self.seed = seed
        self._masks: dict[tuple, tuple[Tensor, Tensor]] = {}
        self._can_expand: bool | None = None

    def run(self, forward: _Forward, n_rows: int) -> tuple[_Outputs, _Outputs]:
        """Compute the deterministic outputs and those of every pass.

        Parameters
        ----------
        forward : callable
            Runs the module on one chunk; returns tensors whose first axis is rows.
        n_rows : int
            Rows of the chunk.

        Returns
        -------
        plain : tuple of Tensor
            Outputs of ``forward`` without dropout.
        passes : tuple of Tensor
            The same under each mask, stacked in front: (T, n, ...).

        """
        if self._can_expand is not False:
            try:
                expanded = self._expanded(forward, n_rows)
            except Exception as exc:
                if is_out_of_memory(exc):
                    raise
                # A skip connection past the first dropout, or a view with the batch
                # size spelled out, cannot meet T + 1 times the rows. An error of the
                # module itself comes again below.
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
        """Return True if dropping everything changes the output of ``forward``."""
        with self._hooked(lambda layer, call, x: None):
            plain = forward()
        with self._hooked(lambda layer, call, x: torch.zeros_like(x)):
            return not torch.equal(forward(), plain)

    def _expanded(self, forward: _Forward, n_rows: int) -> tuple[_Outputs, _Outputs] | None:
        """Run all passes in one call: the first dropout hands T + 1 copies downstream."""
        total = (self.n_passes + 1) * n_rows

        def act(layer: int, call: int, x: Tensor) -> Tensor:
            slope, offset = self._mask(layer, call, x)
            if x.shape[0] == n_rows:
                x = x.unsqueeze(0)
            elif x.shape[0] == total:
                x = x.reshape(self.n_passes + 1, n_rows, *x.shape[1:])
            else:
                raise RuntimeError("dropout sees neither the rows nor their copies")
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

    def _single(self, forward: _Forward, t: int) -> _Outputs:
        def act(layer: int, call: int, x: Tensor) -> Tensor:
            slope, offset = self._mask(layer, call, x)
            return x * slope[t] + offset[t]

        with self._hooked(act):
            return forward()

    def _agrees(self, forward: _Forward, passes: _Outputs) -> bool:
        """Return True if the last pass of the copies equals that pass run alone."""
        single = self._single(forward, self.n_passes - 1)
        return all(
            torch.allclose(one, many[-1], rtol=1e-3, atol=1e-5)
            for one, many in zip(single, passes, strict=True)
        )

    def _mask(self, layer: int, call: int, x: Tensor) -> tuple[Tensor, Tensor]:
        # A module that is called several times in one forward draws a mask for each call.
        key = (layer, call, tuple(x.shape[1:]))
        if key not in self._masks:
            module = dropout_modules(self.module)[layer]
            seed = derive_seed(self.seed, "dropout", layer, call)
            self._masks[key] = dropout_masks(module, x, self.n_passes, seed)
        return self._masks[key]

    @contextmanager
    def _hooked(self, act: _Act) -> Iterator[None]:
        calls: dict[int, int] = {}

        def hook_of(layer: int) -> Callable:
            def hook(module: nn.Module, args: tuple, output: Tensor) -> Tensor | None:
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
