"""Rows of samples in any container: count them, take some of them, append others.

A container is what users pass as samples: an array, tensor, sparse matrix, data frame, list,
dict of these, torch Dataset, pool, or array on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import _safe_indexing
from torch import Tensor
from torch.utils.data import Dataset, Subset, default_collate

from ._arrays import is_sliceable
from ._base import Pool, SubPool, map_leaves


def is_dataset(X: object) -> bool:
    """Return True for torch Datasets, which return one sample at a time."""
    return isinstance(X, Dataset)


def is_dict(X: object) -> bool:
    """Return True for a dict of arrays. SciPy's DOK matrices are dicts too, but sparse."""
    return isinstance(X, Mapping) and not sparse.issparse(X)


def is_on_disk(X: object) -> bool:
    """Return True for arrays of zarr, HDF5 and similar libraries, which support slices only."""
    return not isinstance(X, (np.ndarray, Tensor)) and not sparse.issparse(X) and is_sliceable(X)


def n_samples(X: Any) -> int:
    """Return the number of samples in a container.

    Raises
    ------
    ValueError
        If the parts of a dict have different numbers of rows.

    """
    if is_dict(X) or _is_multiple_input(X):
        lengths = [n_samples(part) for part in (X.values() if is_dict(X) else X)]
        if len(set(lengths)) != 1:
            raise ValueError(f"The inputs must have the same number of rows; got {lengths}.")
        return lengths[0]
    return X.shape[0] if hasattr(X, "shape") else len(X)  # NaN for some dask arrays


def row_shape(X: Any) -> Any:
    """Return the shape of one sample, a dict of shapes for a dict, or None without a shape."""
    if is_dict(X):
        return {key: row_shape(part) for key, part in X.items()}
    return tuple(X.shape[1:]) if hasattr(X, "shape") else None


def take_rows(X: Any, indices: Any) -> Any:
    """Select rows of samples, in a container of the same kind.

    Parameters
    ----------
    X : container
        Samples. A list contains one sample per item. A tuple of tensors contains the inputs
        of a net that takes several.
    indices : slice or array-like of int or bool
        Rows to select, in the order of the result.

    Returns
    -------
    rows : container
        A Dataset or a pool is not read: the result is a Subset or a SubPool. Rows of arrays
        on disk are read.

    """
    if not isinstance(indices, slice):
        indices = np.asarray(indices)
        # An empty list becomes a float array, which is not valid as an index.
        indices = indices if indices.dtype == bool else indices.astype(np.int64, copy=False)
    if isinstance(X, Pool):
        return SubPool(X, indices)
    if is_dataset(X):
        return Subset(X, np.arange(len(X))[indices].tolist())
    if is_dict(X):
        return {key: take_rows(part, indices) for key, part in X.items()}
    if _is_multiple_input(X):
        return tuple(take_rows(part, indices) for part in X)
    if isinstance(X, Tensor):
        return X[indices if isinstance(indices, slice) else torch.tensor(indices)]
    if isinstance(X, np.ndarray):
        return X[indices]
    if sparse.issparse(X):
        return X.tocsr()[indices]
    if is_on_disk(X):
        return _read_rows(X, np.arange(n_samples(X))[indices])
    return _safe_indexing(X, indices)  # lists and data frames


def load_rows(X: Any, indices: Any) -> Any:
    """Select rows as :func:`take_rows` does, and read them from Datasets and pools."""
    if isinstance(X, Pool):
        # The length of a stream is unknown until it has been read.
        return X.take(indices if X.n_samples is None else np.arange(len(X))[indices])
    rows = take_rows(X, indices)
    if not is_dataset(rows):
        return rows
    if len(rows) == 0:
        return take_rows(load_rows(X, [0]), [])
    # The collated list of several inputs becomes a tuple; a list would be one of samples.
    return map_leaves(lambda leaf: leaf, default_collate([rows[i][0] for i in range(len(rows))]))


def concat_samples(A: Any, B: Any, name: str) -> Any:
    """Append the rows of ``B`` to those of ``A``, in the container of ``A``.

    ``name`` is the name of the argument ``B``, for error messages.
    """
    if is_dataset(B):
        refuse_dataset(name)
    if is_dict(A):
        if not is_dict(B) or set(A) != set(B):
            raise ValueError(f"'{name}' must be a dict with the keys {sorted(A)}, as in fit.")
        return {key: concat_samples(A[key], B[key], name) for key in A}
    if isinstance(A, Tensor):
        return torch.cat([A, torch.as_tensor(B).to(A)])
    if hasattr(A, "iloc"):
        if not hasattr(B, "iloc"):
            raise TypeError(f"'{name}' must be a {type(A).__name__}, as in fit; got {type(B)}.")
        import pandas as pd  # A is a pandas object, so pandas is installed

        return pd.concat([A, B], ignore_index=True)
    if sparse.issparse(A):
        return sparse.vstack([A, B]).tocsr()
    if isinstance(A, list):
        return [*A, *B]
    return np.concatenate([A, np.asarray(B)])


def refuse_dataset(name: str) -> NoReturn:
    """Raise the error for labelled samples that are given as a Dataset."""
    raise TypeError(
        f"'{name}' is a torch Dataset, but labelled samples must be an array, a tensor or a"
        " dict of them; stack its samples. A pool to query may be a Dataset."
    )


class RowsOnDisk:
    """Selected rows of an array on disk, as an array that is read by slices.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        Array that supports slices of its rows.
    rows : ndarray of int of shape (m,)
        Rows to select, sorted.

    """

    def __init__(self, X: Any, rows: np.ndarray) -> None:
        self._X, self._rows = X, rows
        self.shape, self.dtype = (len(rows), *X.shape[1:]), X.dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, part: slice) -> np.ndarray:
        rows = self._rows[part]
        if len(rows) == 0:
            return np.asarray(self._X[:0])
        # Selections are dense: most of a pool is unlabelled. Reading the whole span of the
        # rows therefore wastes little.
        return np.asarray(self._X[int(rows[0]) : int(rows[-1]) + 1])[rows - rows[0]]


def _is_multiple_input(X: object) -> bool:
    """Return True for a tuple of the inputs of a net, which a Dataset of tuples gives.

    Tuples of other things are sequences of samples, as lists are.
    """
    return (
        isinstance(X, tuple)
        and len(X) > 0
        and all(isinstance(part, Tensor) or is_dict(part) or _is_multiple_input(part) for part in X)
    )


def _read_rows(X: Any, indices: np.ndarray) -> np.ndarray:
    """Return rows in the order of ``indices`` after reading them in the order of the file."""
    rows, back = np.unique(indices, return_inverse=True)
    if len(rows) == 0:
        return np.asarray(X[:0])
    return np.concatenate([np.asarray(X[row : row + 1]) for row in rows.tolist()])[back]
