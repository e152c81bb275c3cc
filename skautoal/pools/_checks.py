"""What is asked of every chunk of a pool: numbers, the shape of the labelled samples, finite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..exceptions import InvalidSamplesError
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
    finite : bool
        Refuse NaN and infinity.

    """

    name: str
    integers: bool = False
    shape: object = None
    raw: bool = False
    finite: bool = True

    def __call__(self, chunk: Chunk, start: int) -> Chunk:
        """Checked rows, float32 or int64, in C order and writeable; ``start`` is the first's."""
        chunk = map_leaves(as_array, chunk)
        if self.shape is not None and _shapes(chunk) != self.shape:
            raise InvalidSamplesError(
                f"'{self.name}' has samples of shape {_shapes(chunk)} from row {start} on, but"
                f" fit saw shape {self.shape}. Give samples of the same shape."
            )
        if self.raw:
            return chunk
        chunk = map_leaves(self._convert, chunk)
        if self.finite:
            map_leaves(lambda leaf: check_finite(leaf, self.name, start), chunk)
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


def check_finite(leaf, name: str, start: int = 0) -> None:
    """Refuse rows that hold NaN or infinity, and say which; ``start`` is the first's."""
    if isinstance(leaf, np.ndarray):
        if leaf.dtype.kind != "f":
            return
        with np.errstate(over="ignore", invalid="ignore"):
            total = leaf.sum()
    elif leaf.is_floating_point():
        total = leaf.sum().item()
    else:
        return
    # A finite sum has finite terms; only a sum that is not needs a look at each.
    if np.isfinite(total):
        return
    bad = np.flatnonzero(~finite_rows(leaf))
    if len(bad):
        rows = (bad[:_SHOWN] + start).tolist()
        raise InvalidSamplesError(
            f"Input {name} contains NaN or infinity, or values too large for float32:"
            f" the first such rows are {rows}. Impute or leave out such samples."
        )


def finite_rows(leaf) -> np.ndarray:
    """Whether each row of an array or a tensor, (n, ...), is finite throughout, (n,) bool."""
    if isinstance(leaf, torch.Tensor):
        return torch.isfinite(leaf).flatten(1).all(1).cpu().numpy()
    return np.isfinite(leaf).reshape(len(leaf), -1).all(axis=1)


def as_array(leaf):
    return leaf if isinstance(leaf, torch.Tensor) else np.asarray(leaf)


def _shapes(chunk: Chunk):
    if isinstance(chunk, dict):
        return {key: _shapes(part) for key, part in chunk.items()}
    return tuple(chunk.shape[1:])
