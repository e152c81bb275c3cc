"""What is asked of every chunk of a pool: numbers, the shape of the labelled samples, finite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ._base import Chunk, map_leaves

_SHOWN = 5  # rows that a message names


@dataclass(frozen=True)
class ChunkCheck:
    """Turns raw chunks into what a net takes, or says what is wrong with them.

    Attributes
    ----------
    name : str
        Name of the argument, for messages.
    integers : bool
        Keep integers (token ids) as int64 instead of making them float32.
    shape : tuple of int, dict of them, or None
        Shape of a sample, where it is known.
    raw : bool
        Leave the numbers to the transformers of a pipeline; only shapes are checked.

    """

    name: str
    integers: bool = False
    shape: object = None
    raw: bool = False

    def __call__(self, chunk: Chunk, start: int) -> Chunk:
        """Checked rows, float32 or int64, in C order and writeable; ``start`` is the first's."""
        chunk = map_leaves(as_array, chunk)
        if self.shape is not None and _shapes(chunk) != self.shape:
            raise ValueError(
                f"'{self.name}' has samples of shape {_shapes(chunk)} from row {start} on, but"
                f" fit saw shape {self.shape}. Give samples of the same shape."
            )
        if self.raw:
            return chunk
        chunk = map_leaves(self._convert, chunk)
        map_leaves(lambda leaf: self._check_finite(leaf, start), chunk)
        return chunk

    def _convert(self, leaf):
        if isinstance(leaf, torch.Tensor):
            if leaf.is_complex():
                raise TypeError(f"'{self.name}' must be real; got dtype {leaf.dtype}.")
            whole = self.integers and not leaf.is_floating_point()
            return leaf.detach().to(torch.int64 if whole else torch.float32).contiguous()
        if leaf.dtype.kind not in "fiub":
            raise TypeError(
                f"'{self.name}' must be numeric; got dtype {leaf.dtype}. Encode it first, or let"
                " an encoder do so in a Pipeline that ends in the net."
            )
        whole = self.integers and leaf.dtype.kind in "iub"
        with np.errstate(over="ignore"):  # what float32 cannot hold is named as infinite
            leaf = np.asarray(leaf, dtype=np.int64 if whole else np.float32, order="C")
        # torch warns about memory that must not be written to; a memmap opened for reading is.
        return leaf if leaf.flags.writeable else leaf.copy()

    def _check_finite(self, leaf, start: int) -> None:
        tensor = torch.as_tensor(leaf)
        # A finite sum has finite terms; only a sum that is not needs a look at each.
        if not tensor.is_floating_point() or bool(tensor.sum().isfinite()):
            return
        bad = (~torch.isfinite(tensor)).flatten(1).any(1).nonzero().flatten()
        if len(bad):
            rows = (bad[:_SHOWN] + start).tolist()
            raise ValueError(
                f"Input {self.name} contains NaN or infinity, or values too large for float32:"
                f" the first such rows are {rows}. Impute or leave out such samples."
            )


def as_array(leaf):
    return leaf if isinstance(leaf, torch.Tensor) else np.asarray(leaf)


def _shapes(chunk: Chunk):
    if isinstance(chunk, dict):
        return {key: _shapes(part) for key, part in chunk.items()}
    return tuple(chunk.shape[1:])
