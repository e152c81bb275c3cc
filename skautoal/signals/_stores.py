"""Stores for the signals of a pass: tensors in memory, or files in a scratch folder."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data import Scratch
from ._names import row_axis


class MemoryStore:
    """Signals in memory: one tensor for each, allocated once if the number of rows is known.

    Parameters
    ----------
    n_samples : int or None
        Number of rows of the whole array; None if it is not known.

    """

    def __init__(self, n_samples: int | None):
        self.n_samples = n_samples
        self._whole: dict[str, Tensor] = {}
        self._parts: dict[str, list[Tensor]] = {}

    def add(self, name: str, start: int, part: Tensor) -> None:
        """Store the rows from ``start`` on."""
        axis = row_axis(name)
        # Half precision is too coarse for scores; double precision is kept as it is.
        if part.dtype != torch.float64:
            part = part.float()
        if self.n_samples is None:
            self._parts.setdefault(name, []).append(part)
            return
        if name not in self._whole:
            shape = list(part.shape)
            shape[axis] = self.n_samples
            self._whole[name] = torch.empty(shape, dtype=part.dtype, device=part.device)
        self._whole[name].narrow(axis, start, part.shape[axis]).copy_(part)

    def finish(self) -> dict[str, Tensor]:
        """Return the signals by name."""
        joined = {name: torch.cat(parts, row_axis(name)) for name, parts in self._parts.items()}
        return self._whole | joined


class ScratchStore:
    """Signals in files, which are mapped into memory when the pass is over.

    Parameters
    ----------
    scratch : Scratch
        Folder of the files.
    device : torch.device
        Device of the net.

    """

    def __init__(self, scratch: Scratch, device: torch.device):
        self.scratch, self.device = scratch, device
        self._names: list[str] = []

    def add(self, name: str, start: int, part: Tensor) -> None:
        """Append rows, which must come in order."""
        if start == 0:
            self._names.append(name)
        if part.dtype != torch.float64:
            part = part.float()
        self.scratch.append(name, part.movedim(row_axis(name), 0))

    def finish(self) -> dict[str, Tensor]:
        """Return the signals by name. Values are read from the files when they are used."""
        return {
            name: self.scratch.finish(name).movedim(0, row_axis(name)).to(self.device)
            for name in self._names
        }
