"""Rows, features and fingerprint of the pool of a campaign."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import _safe_indexing

from .._net import load_rows, take_rows
from .._validation import is_dataset, is_dict, n_samples, row_shape
from ..pools import is_sliceable

#: Number of rows in a fingerprint. A large pool on disk is not read as a whole.
_HASHED_ROWS = 1024


def rows_of(X: Any, indices: Any, *, stacked: bool = False) -> Any:
    """Return rows of a pool in its container; with ``stacked``, a Dataset becomes a tensor."""
    indices = np.asarray(indices, dtype=np.int64)
    if _is_on_disk(X):
        return _gathered(X, indices)
    if is_dataset(X) or is_dict(X) or isinstance(X, (np.ndarray, torch.Tensor)):
        return load_rows(X, indices) if stacked else take_rows(X, indices)
    return _safe_indexing(X.tocsr() if sparse.issparse(X) else X, indices)


def part_of(X: Any, rows: np.ndarray) -> Any:
    """Return the sorted ``rows`` of a pool to query; arrays on disk are read on demand."""
    if isinstance(X, np.memmap) or _is_on_disk(X):
        return _RowsOnDisk(X, rows)
    return rows_of(X, rows)


class _RowsOnDisk:
    """Some rows of an array on disk, as an array that is read by slices.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        Array that supports slices of its rows.
    rows : ndarray of int of shape (m,)
        Sorted rows.

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
        # Most rows of a pool are free, so reading the whole span wastes little.
        return np.asarray(self._X[int(rows[0]) : int(rows[-1]) + 1])[rows - rows[0]]


def _is_on_disk(X: object) -> bool:
    """Return True for arrays of zarr, HDF5 and similar libraries, which support slices only."""
    known = (np.ndarray, torch.Tensor)
    return not isinstance(X, known) and not sparse.issparse(X) and is_sliceable(X)


def _gathered(X: Any, indices: np.ndarray) -> np.ndarray:
    """Return rows in the order of ``indices`` after reading them in the order of the file."""
    rows, back = np.unique(indices, return_inverse=True)
    if len(rows) == 0:
        return np.asarray(X[:0])
    return np.concatenate([np.asarray(X[row : row + 1]) for row in rows.tolist()])[back]


def fingerprint(X: Any) -> dict:
    """Describe a pool by its kind, size, shape, types and the SHA-256 of 1,024 of its rows.

    The rows are the first, the last and a fixed random choice of others. Smaller pools are
    hashed as a whole. The rows of a Dataset are not hashed, because a Dataset may return
    randomly transformed samples.
    """
    n = n_samples(X)
    found = {"kind": _kind(X), "n_samples": n}
    if is_dataset(X):
        return found
    drawn = np.random.RandomState(0).choice(n, min(n, _HASHED_ROWS), replace=False)
    rows = np.union1d(drawn, [0, n - 1])
    return found | {"rows": _describe(X), "sha256": _digest(rows_of(X, rows))}


def differences(then: object, now: object, name: str) -> list[str]:
    """List the differences of two descriptions made of dicts, lists and plain values."""
    if isinstance(then, dict) and isinstance(now, dict) and then.keys() == now.keys():
        return [line for key in then for line in differences(then[key], now[key], f"{name}.{key}")]
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        pairs = enumerate(zip(then, now, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{name}[{i}]")]
    if then == now:
        return []
    return [f"{name} was {_short(then)} and is {_short(now)}"]


def flat_features(X: Any, name: str) -> np.ndarray:
    """Flatten samples to vectors and standardise each column.

    Parameters
    ----------
    X : array-like, tensor or sparse matrix of shape (n, ...)
        Finite numbers.
    name : str
        Name of the argument, for error messages.

    Returns
    -------
    features : ndarray of shape (n, d), dtype float32
        Columns with mean 0 and standard deviation 1; constant columns are 0.

    """
    if is_dataset(X) or is_dict(X):
        raise _no_features(X, name)
    if isinstance(X, torch.Tensor):
        X = X.detach().cpu().numpy()
    if sparse.issparse(X):
        X = X.toarray()
    try:
        flat = np.asarray(X, dtype=np.float64).reshape(n_samples(X), -1)
    except (ValueError, TypeError) as exc:
        raise _no_features(X, name) from exc
    if not np.isfinite(flat).all():
        row = int(np.flatnonzero(~np.isfinite(flat).all(axis=1))[0])
        raise ValueError(
            f"'{name}' contains NaN or infinity, first in row {row}. Impute or remove such samples."
        )
    spread = flat.std(axis=0)
    return ((flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32)


def _no_features(X: object, name: str) -> TypeError:
    return TypeError(
        f"'{name}' of type {type(X).__name__} has no numeric vectors, which the cold start"
        " needs. Pass 'features', an array with one row per sample (such as embeddings of a"
        " pre-trained net or a TF-IDF matrix), or tell the first labels yourself."
    )


def _kind(X: object) -> str:
    if is_dict(X):
        return "dict"
    if is_dataset(X):
        return "Dataset"
    # A memory map may be replaced by an array with the same content, and vice versa.
    return "ndarray" if isinstance(X, np.ndarray) else type(X).__name__


def _describe(X: Any) -> object:
    """Return the shape of a row and the dtypes as values for JSON."""
    if is_dict(X):
        return {str(key): _describe(part) for key, part in X.items()}
    if hasattr(X, "dtypes"):  # a frame
        return [[str(name), str(dtype)] for name, dtype in X.dtypes.items()]
    shape = row_shape(X)
    return {
        "shape": None if shape is None else [int(size) for size in shape],
        "dtype": str(getattr(X, "dtype", None)),
    }


def _digest(X: Any) -> str:
    digest = hashlib.sha256()
    for part in _parts(X):
        digest.update(part)
    return digest.hexdigest()


def _parts(X: Any) -> Iterator[bytes]:
    """Yield the bytes of rows in a form that does not depend on the memory layout."""
    if is_dict(X):
        for key in sorted(X, key=str):
            yield from _parts(X[key])
    elif hasattr(X, "dtypes"):
        for position in range(X.shape[1]):
            yield from _parts(X.iloc[:, position].to_numpy())
    elif sparse.issparse(X):
        X = X.tocsr().sorted_indices()
        for part in (X.indptr.astype(np.int64), X.indices.astype(np.int64), X.data):
            yield np.ascontiguousarray(part).tobytes()
    else:
        array = X.detach().cpu().numpy() if isinstance(X, torch.Tensor) else X
        if isinstance(array, np.ndarray) and array.dtype.kind != "O":
            yield np.ascontiguousarray(array).tobytes()
        else:
            yield repr(list(array)).encode("utf-8", "backslashreplace")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
