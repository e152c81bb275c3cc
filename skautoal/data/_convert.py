"""Convert samples to what a net takes: float32 or int64, in C order, finite.

All conversions of samples are in this module, so that a rule about dtypes has one place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..exceptions import InvalidSamplesError
from ._base import map_leaves

_SHOWN = 5  # number of rows listed in an error message


def as_net_input(X: Any, name: str, *, integers: bool, finite: bool = True, start: int = 0) -> Any:
    """Convert one array or tensor to the dtype and memory layout that a net takes.

    Parameters
    ----------
    X : array-like or tensor of shape (n, ...)
        Numbers. The object is not modified.
    name : str
        Name of the argument, for error messages.
    integers : bool
        If True, integers and booleans become int64, which embedding layers need. If False,
        they become float32.
    finite : bool, default=True
        If True, raise an error for NaN and infinity.
    start : int, default=0
        Position of the first row in the pool, for error messages.

    Returns
    -------
    X : ndarray or tensor of shape (n, ...)
        float32 or int64, contiguous. An array of that kind is returned without a copy.

    Raises
    ------
    TypeError
        If ``X`` is complex, or does not contain numbers.
    ValueError
        If ``X`` contains NaN or infinity, or values too large for float32.

    """
    if isinstance(X, Tensor):
        if X.is_complex():
            raise TypeError(f"'{name}' must be real; got dtype {X.dtype}.")
        whole = integers and not X.is_floating_point()
        X = X.detach().to(torch.int64 if whole else torch.float32).contiguous()
    else:
        X = np.asarray(X)
        if X.dtype.kind not in "fiub":
            raise TypeError(
                f"'{name}' must be numeric; got dtype {X.dtype}. Encode it first, or add an"
                " encoder before the net in a Pipeline."
            )
        whole = integers and X.dtype.kind in "iub"
        with np.errstate(over="ignore"):  # values too large for float32 become infinite
            # C order, because matrix products round differently for other memory layouts.
            X = np.asarray(X, dtype=np.int64 if whole else np.float32, order="C")
    if finite:
        check_finite(X, name, start)
    return X


def from_transformer(X: Any) -> np.ndarray:
    """Convert the output of a user's transformer to the float32 array that a net takes."""
    X = as_numpy(X)
    if X.dtype.kind not in "fiub":
        raise TypeError(
            "The transformers of the pipeline in 'estimator' must return numbers; got"
            f" dtype {X.dtype} for {len(X)} samples. Add an encoder before the net."
        )
    X = as_net_input(X, "X", integers=False, finite=False)
    if not np.isfinite(X).all():
        raise ValueError(
            "The transformers of the pipeline in 'estimator' return NaN or infinity. Add"
            " an imputer before the net."
        )
    return X


def as_numpy(X: Any) -> np.ndarray:
    """Convert tensors, sparse matrices, data frames and lists to a dense NumPy array."""
    if isinstance(X, Tensor):
        return X.detach().cpu().numpy()
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


def writeable(X: Any) -> Any:
    """Copy read-only NumPy arrays, about which torch warns; return anything else as it is."""
    return map_leaves(
        lambda leaf: (
            leaf.copy() if isinstance(leaf, np.ndarray) and not leaf.flags.writeable else leaf
        ),
        X,
    )


def standardized_vectors(X: Any, name: str) -> np.ndarray:
    """Flatten samples to vectors and standardize each column.

    Parameters
    ----------
    X : array-like, tensor or sparse matrix of shape (n, ...)
        Finite numbers.
    name : str
        Name of the argument, for error messages.

    Returns
    -------
    vectors : ndarray of shape (n, d), dtype float64
        Columns with mean 0 and standard deviation 1; constant columns are 0.

    Raises
    ------
    TypeError, ValueError
        If ``X`` cannot be converted to numbers, or contains NaN or infinity.

    """
    X = np.asarray(as_numpy(X), dtype=np.float64)
    flat = X.reshape(len(X), -1)
    if not np.isfinite(flat).all():
        row = int(np.flatnonzero(~finite_rows(flat))[0])
        raise ValueError(
            f"'{name}' contains NaN or infinity, first in row {row}. Impute or remove such samples."
        )
    spread = flat.std(axis=0)
    return (flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1)


def check_finite(leaf: np.ndarray | Tensor, name: str, start: int = 0) -> None:
    """Raise an InvalidSamplesError that lists the first rows with NaN or infinity.

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
        raise InvalidSamplesError(
            f"Input {name} contains NaN or infinity, or values too large for float32:"
            f" the first such rows are {rows}. Impute or remove these samples."
        )


def finite_rows(leaf: np.ndarray | Tensor) -> np.ndarray:
    """Return for each row of (n, ...) whether all of its values are finite, (n,) bool."""
    if isinstance(leaf, Tensor):
        return torch.isfinite(leaf).flatten(1).all(1).cpu().numpy()
    return np.isfinite(leaf).reshape(len(leaf), -1).all(axis=1)
