"""Checks of every chunk of a pool: numeric, finite, and shaped like the labelled samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from ._base import Chunk, map_leaves

Leaf: TypeAlias = np.ndarray | torch.Tensor

_SHOWN = 5  # rows listed in a message


@dataclass(frozen=True)
class ChunkCheck:
    """Converts raw chunks to arrays that a net takes, or raises an error that names the fault.

    Attributes
    ----------
    name : str
        Name of the argument in messages.
    integers : bool
        Keep integers, such as token ids, as int64 instead of converting them to float32.
    shape : tuple of int, dict of them, or None
        Shape of a sample if it is known.
    raw : bool
        Check shapes only and leave the values to the transformers of a pipeline.
    finite : bool
        Raise an error for NaN and infinity.

    """

    name: str
    integers: bool = False
    shape: object = None
    raw: bool = False
    finite: bool = True

    def __call__(self, chunk: Chunk, start: int) -> Chunk:
        """Return the checked rows, float32 or int64, in C order and writeable.

        ``start`` is the position of the first row in the pool.
        """
        chunk = map_leaves(as_array, chunk)
        if self.shape is not None and _shapes(chunk) != self.shape:
            raise ValueError(
                f"'{self.name}' has samples of shape {_shapes(chunk)} from row {start} on, but"
                f" fit saw shape {self.shape}. Give samples of the same shape."
            )
        if self.raw:
            return chunk
        chunk = map_leaves(self._convert, chunk)
        if self.finite:
            map_leaves(lambda leaf: check_finite(leaf, self.name, start), chunk)
        return chunk

    def _convert(self, leaf: Leaf) -> Leaf:
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
        with np.errstate(over="ignore"):  # too large for float32: reported as infinite below
            leaf = np.asarray(leaf, dtype=np.int64 if whole else np.float32, order="C")
        # torch warns about read-only arrays, such as a memmap opened for reading.
        return leaf if leaf.flags.writeable else leaf.copy()


def check_finite(leaf: Leaf, name: str, start: int = 0) -> None:
    """Raise a ValueError that lists the rows with NaN or infinity.

    ``start`` is the position of the first row in the pool.
    """
    if isinstance(leaf, np.ndarray):
        if leaf.dtype.kind != "f":
            return
        with np.errstate(over="ignore", invalid="ignore"):
            total = leaf.sum()
    elif leaf.is_floating_point():
        total = leaf.sum().item()
    else:
        return
    # A finite sum has finite terms, so each row is tested only if the sum is not finite.
    if np.isfinite(total):
        return
    bad = np.flatnonzero(~finite_rows(leaf))
    if len(bad):
        rows = (bad[:_SHOWN] + start).tolist()
        raise ValueError(
            f"Input {name} contains NaN or infinity, or values too large for float32:"
            f" the first such rows are {rows}. Impute or leave out such samples."
        )


def finite_rows(leaf: Leaf) -> np.ndarray:
    """Mark the rows of an array or a tensor, (n, ...), that are entirely finite, (n,) bool."""
    if isinstance(leaf, torch.Tensor):
        return torch.isfinite(leaf).flatten(1).all(1).cpu().numpy()
    return np.asarray(np.isfinite(leaf).reshape(len(leaf), -1).all(axis=1))


def as_array(leaf: Any) -> Leaf:
    """Return tensors as they are, and anything else as a NumPy array."""
    return leaf if isinstance(leaf, torch.Tensor) else np.asarray(leaf)


def _shapes(chunk: Chunk) -> object:
    if isinstance(chunk, dict):
        return {key: _shapes(part) for key, part in chunk.items()}
    return tuple(chunk.shape[1:])
