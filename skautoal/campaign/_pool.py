"""Features and fingerprint of the pool of a campaign."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy import sparse

from ..data._convert import as_numpy, standardized_vectors
from ..data._rows import (
    RowsOnDisk,
    is_dataset,
    is_dict,
    is_on_disk,
    n_samples,
    row_shape,
    take_rows,
)

#: Number of rows in a fingerprint. A large pool on disk is not read as a whole.
_HASHED_ROWS = 1024


def part_of(X: Any, rows: np.ndarray) -> Any:
    """Return the sorted ``rows`` of a pool to query; arrays on disk are read on demand."""
    if isinstance(X, np.memmap) or is_on_disk(X):
        return RowsOnDisk(X, rows)
    return take_rows(X, rows)


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
    return found | {"rows": _describe(X), "sha256": _digest(take_rows(X, rows))}


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
    """Flatten samples to vectors and standardize each column.

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
    try:
        numbers = np.asarray(as_numpy(X), dtype=np.float64)
    except (ValueError, TypeError) as exc:
        raise _no_features(X, name) from exc
    return standardized_vectors(numbers, name).astype(np.float32)


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
        array = as_numpy(X) if isinstance(X, torch.Tensor) else X
        if isinstance(array, np.ndarray) and array.dtype.kind != "O":
            yield np.ascontiguousarray(array).tobytes()
        else:
            yield repr(list(array)).encode("utf-8", "backslashreplace")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
