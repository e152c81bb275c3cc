"""Check and convert each chunk of a pool: dtype, shape of the samples, finite values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..exceptions import InvalidSamplesError
from ._base import Chunk, map_leaves
from ._convert import as_net_input, writeable


@dataclass(frozen=True)
class ChunkCheck:
    """Converter from raw chunks to the arrays that a net takes.

    Attributes
    ----------
    name : str
        Name of the argument, for error messages.
    integers : bool
        If True, integers (token ids) become int64 instead of float32.
    shape : tuple of int, dict of them, or None
        Expected shape of a sample; None to accept any shape.
    raw : bool
        If True, only shapes are checked. The transformers of a pipeline take the samples
        as they are.
    finite : bool
        If True, raise an error for NaN and infinity.

    """

    name: str
    integers: bool = False
    shape: object = None
    raw: bool = False
    finite: bool = True

    def __call__(self, chunk: Chunk, start: int) -> Chunk:
        """Return the rows as float32 or int64, in C order and writeable.

        ``start`` is the position of the first row in the pool, for error messages.
        """
        chunk = map_leaves(as_array, chunk)
        if self.shape is not None and _shapes(chunk) != self.shape:
            raise InvalidSamplesError(
                f"'{self.name}' has samples of shape {_shapes(chunk)} from row {start} on, but"
                f" fit saw shape {self.shape}. Pass samples of the same shape."
            )
        if self.raw:
            return chunk
        return writeable(map_leaves(lambda leaf: self._convert(leaf, start), chunk))

    def _convert(self, leaf: Any, start: int) -> Any:
        return as_net_input(
            leaf, self.name, integers=self.integers, finite=self.finite, start=start
        )


def as_array(leaf: Any) -> Any:
    """Convert array-like objects to NumPy arrays; tensors stay tensors."""
    return leaf if isinstance(leaf, torch.Tensor) else np.asarray(leaf)


def _shapes(chunk: Chunk) -> Any:
    if isinstance(chunk, dict):
        return {key: _shapes(part) for key, part in chunk.items()}
    return tuple(chunk.shape[1:])
