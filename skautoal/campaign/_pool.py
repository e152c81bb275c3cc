"""The pool of a campaign: its rows, features of them, and a fingerprint to know it by."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import _safe_indexing

from .._net import load_rows, take_rows
from .._validation import is_dataset, is_dict, n_samples, row_shape
from ..pools import is_sliceable

_HASHED_ROWS = 1024


def rows_of(X, indices, *, stacked: bool = False):
    """Some rows of a pool, in its container; ``stacked`` makes an array of a Dataset."""
    indices = np.asarray(indices, dtype=np.int64)
    if _is_on_disk(X):
        return _gathered(X, indices)
    if is_dataset(X) or is_dict(X) or isinstance(X, (np.ndarray, torch.Tensor)):
        return load_rows(X, indices) if stacked else take_rows(X, indices)
    return _safe_indexing(X.tocsr() if sparse.issparse(X) else X, indices)


def part_of(X, rows: np.ndarray):
    """A part of a pool to query, ``rows`` sorted: arrays on disk are read as they are needed."""
    if isinstance(X, np.memmap) or _is_on_disk(X):
        return _RowsOnDisk(X, rows)
    return rows_of(X, rows)


class _RowsOnDisk:
    """Some rows of an array on disk, for those who ask for slices.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        Gives slices of its rows.
    rows : ndarray of int of shape (m,)
        Sorted.

    """

    def __init__(self, X, rows: np.ndarray):
        self._X, self._rows = X, rows
        self.shape, self.dtype = (len(rows), *X.shape[1:]), X.dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, part: slice) -> np.ndarray:
        rows = self._rows[part]
        if len(rows) == 0:
            return np.asarray(self._X[:0])
        # Most of a pool is free: a slice that spans the rows holds little else.
        return np.asarray(self._X[int(rows[0]) : int(rows[-1]) + 1])[rows - rows[0]]


def _is_on_disk(X) -> bool:
    """Whether X is an array of zarr, HDF5 or the like: none of NumPy, torch or SciPy."""
    known = (np.ndarray, torch.Tensor)
    return not isinstance(X, known) and not sparse.issparse(X) and is_sliceable(X)


def _gathered(X, indices: np.ndarray) -> np.ndarray:
    """Rows in the order of ``indices``, read in the order of the file."""
    rows, back = np.unique(indices, return_inverse=True)
    if len(rows) == 0:
        return np.asarray(X[:0])
    return np.concatenate([np.asarray(X[row : row + 1]) for row in rows.tolist()])[back]


def fingerprint(X) -> dict:
    """Kind, size, shape and types of a pool, and the SHA-256 of up to 1,024 of its rows.

    The rows are the first, the last and others drawn at random, always the same; all of
    them in smaller pools. The samples of a Dataset may be made anew each time, so of them
    only the number counts.
    """
    n = n_samples(X)
    found = {"kind": _kind(X), "n_samples": n}
    if is_dataset(X):
        return found
    drawn = np.random.RandomState(0).choice(n, min(n, _HASHED_ROWS), replace=False)
    rows = np.union1d(drawn, [0, n - 1])
    return found | {"rows": _describe(X), "sha256": _digest(rows_of(X, rows))}


def differences(then: object, now: object, name: str) -> list[str]:
    """Where two descriptions made of dicts, lists and plain values differ, in words."""
    if isinstance(then, dict) and isinstance(now, dict) and then.keys() == now.keys():
        return [line for key in then for line in differences(then[key], now[key], f"{name}.{key}")]
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        pairs = enumerate(zip(then, now, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{name}[{i}]")]
    # JSON knows lists only, and no difference between 1 and 1.0 that would matter.
    if then == now:
        return []
    return [f"{name}: {_short(then)} then, {_short(now)} now"]


def flat_features(X, name: str) -> np.ndarray:
    """Rows as float32 vectors, each column of mean 0 and standard deviation 1 (or constant).

    Parameters
    ----------
    X : array-like, tensor or sparse matrix of shape (n, ...)
        Numbers, finite.
    name : str
        For messages.

    Returns
    -------
    features : ndarray of shape (n, d), dtype float32

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
            f"'{name}' contains NaN or infinity, first in row {row}. Impute or leave out such"
            " samples."
        )
    spread = flat.std(axis=0)
    return ((flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32)


def _no_features(X, name: str) -> TypeError:
    return TypeError(
        f"'{name}' is a {type(X).__name__} that has no vectors to compare before there are"
        " labels. Pass 'features', an array with a row for each sample (embeddings of a"
        " pre-trained net, a TF-IDF matrix), or tell the first labels yourself."
    )


def _kind(X) -> str:
    if is_dict(X):
        return "dict"
    if is_dataset(X):
        return "Dataset"
    # A memory map holds what the array holds.
    return "ndarray" if isinstance(X, np.ndarray) else type(X).__name__


def _describe(X) -> object:
    """Shape of a row and dtypes, as JSON."""
    if is_dict(X):
        return {str(key): _describe(part) for key, part in X.items()}
    if hasattr(X, "dtypes"):  # a frame
        return [[str(name), str(dtype)] for name, dtype in X.dtypes.items()]
    shape = row_shape(X)
    return {
        "shape": None if shape is None else [int(size) for size in shape],
        "dtype": str(getattr(X, "dtype", None)),
    }


def _digest(X) -> str:
    digest = hashlib.sha256()
    for part in _parts(X):
        digest.update(part)
    return digest.hexdigest()


def _parts(X):
    """Bytes that rows are known by."""
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
