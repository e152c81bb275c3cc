"""Check and convert each chunk of a pool: dtype, shape of the samples, finite values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ._base import Chunk, map_leaves

_SHOWN = 5  # number of rows listed in an error message


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
            raise ValueError(
                f"'{self.name}' has samples of shape {_shapes(chunk)} from row {start} on, but"
                f" fit saw shape {self.shape}. Pass samples of the same shape."
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
                f"'{self.name}' must be numeric; got dtype {leaf.dtype}. Encode it first, or add"
                " an encoder before the net in a Pipeline."
            )
        whole = self.integers and leaf.dtype.kind in "iub"
        with np.errstate(over="ignore"):  # values too large for float32 become infinite
            leaf = np.asarray(leaf, dtype=np.int64 if whole else np.float32, order="C")
        # torch warns about read-only memory, such as a memmap opened for reading.
        return leaf if leaf.flags.writeable else leaf.copy()


def check_finite(leaf, name: str, start: int = 0) -> None:
    """Raise a ValueError that lists the first rows with NaN or infinity.

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
    # A finite sum has finite terms, and a sum is much cheaper than a test of each element.
    # A sum of finite terms may overflow, so a sum that is not finite proves nothing.
    if np.isfinite(total):
        return
    bad = np.flatnonzero(~finite_rows(leaf))
    if len(bad):
        rows = (bad[:_SHOWN] + start).tolist()
        raise ValueError(
            f"Input {name} contains NaN or infinity, or values too large for float32:"
            f" the first such rows are {rows}. Impute or remove these samples."
        )


def finite_rows(leaf) -> np.ndarray:
    """Return for each row of (n, ...) whether all of its values are finite, (n,) bool."""
    if isinstance(leaf, torch.Tensor):
        return torch.isfinite(leaf).flatten(1).all(1).cpu().numpy()
    return np.isfinite(leaf).reshape(len(leaf), -1).all(axis=1)


def as_array(leaf):
    """Convert array-like objects to NumPy arrays; tensors stay tensors."""
    return leaf if isinstance(leaf, torch.Tensor) else np.asarray(leaf)


def _shapes(chunk: Chunk):
    if isinstance(chunk, dict):
        return {key: _shapes(part) for key, part in chunk.items()}
    return tuple(chunk.shape[1:])
