"""Samples as users bring them: checked, and converted to what a net takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.validation import validate_data
from skorch.dataset import get_len
from torch.utils.data import Dataset

from .pools import (
    ArrayPool,
    DaskPool,
    FinitePart,
    Pool,
    StreamPool,
    is_dask_array,
    is_sliceable,
    is_stream,
)
from .pools._checks import ChunkCheck, check_finite


def is_dataset(X) -> bool:
    """Whether samples come one at a time from a torch Dataset."""
    return isinstance(X, Dataset)


def is_dict(X) -> bool:
    """Whether samples are a dict of arrays; SciPy's DOK matrices are dicts too, but sparse."""
    return isinstance(X, Mapping) and not sparse.issparse(X)


def n_samples(X) -> int:
    """Number of samples in arrays, tensors, frames, lists, dicts of them, or a Dataset."""
    if is_dict(X):
        return get_len(X)
    return X.shape[0] if hasattr(X, "shape") else len(X)


def check_samples(
    estimator, X, name: str, *, reset: bool, integers: bool = False, transformed: bool = False
):
    """Check samples and convert them to what the net takes.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` (and feature names) when ``reset``, else is asked for it.
    X : array, DataFrame, tensor, dict of arrays, Dataset
        What the user gave; never modified.
    name : str
        Name of the argument, for messages.
    reset : bool
        Whether this is the first sight of such data.
    integers : bool, default=False
        Keep integers (token ids) as int64 instead of making them float32.
    transformed : bool, default=False
        The samples go through the transformers of a pipeline, which check them.

    Returns
    -------
    X : ndarray, tensor, dict or Dataset
        Floats as float32.

    """
    _refuse_empty(X, name)
    if is_dataset(X):
        if reset:
            _refuse_dataset(name)
        if transformed:
            raise TypeError(
                f"'{name}' is a torch Dataset, which the transformers of the pipeline in"
                " 'estimator' cannot take. Give an array, or put the transformation into"
                " the Dataset."
            )
        return X
    if is_dict(X):
        return {key: _check_part(value, f"{name}[{key!r}]", integers) for key, value in X.items()}
    if isinstance(X, torch.Tensor):
        if X.ndim < 2:
            refuse_shape(X.shape, name)
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        return _check_part(X, name, integers)
    if transformed:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        return X
    dtype = "numeric" if integers else np.float32
    try:
        # In C order whatever it was: matrix products round by the layout of memory.
        X = validate_data(
            estimator,
            X,
            reset=reset,
            dtype=dtype,
            order="C",
            allow_nd=True,
            ensure_all_finite=reset,  # in pools, the rows are named below
        )
    except ValueError as exc:
        if str(exc).startswith("Expected 2D"):
            refuse_shape(np.shape(X), name, exc)
        if "could not convert" not in str(exc):
            raise
        raise ValueError(
            f"'{name}' is not numeric: {exc}. Encode it first, or let an encoder do so in"
            " a Pipeline that ends in the net."
        ) from exc
    if integers:
        X = X.astype(np.int64 if X.dtype.kind in "iub" else np.float32, copy=False)
    check_finite(X, name)
    return X


def check_pool(
    estimator, X, name: str, *, integers: bool = False, transformed: bool = False, shape=None
):
    """Check the samples of a pool without reading or converting the whole of it.

    Parameters
    ----------
    estimator : estimator
        Asked for its ``n_features_in_`` and feature names.
    X : array-like, dict of them, Dataset, dask array, iterator or function
        What the user gave; never modified.
    name : str
        Name of the argument, for messages.
    integers : bool, default=False
        Keep integers (token ids) as int64 instead of making them float32.
    transformed : bool, default=False
        The samples go through the transformers of a pipeline, which check them.
    shape : tuple of int or dict of them, optional
        Shape of a labelled sample.

    Returns
    -------
    X : ndarray, tensor, dict, Dataset or Pool
        What the net takes already stays what it is; a Pool checks and converts each chunk
        when it is read.

    """
    pool = as_pool(X, name, integers=integers, transformed=transformed, shape=shape)
    if isinstance(pool, Pool):
        head = pool.head  # type: ignore[attr-defined]  # those of as_pool have one
        if not is_dict(head):
            validate_data(estimator, head, reset=False, skip_check_array=True)
        check_row_shape(head, shape, name)
        pool.first_row()  # a wrong dtype is told before any work
        return pool
    X = check_samples(estimator, X, name, reset=False, integers=integers, transformed=transformed)
    check_row_shape(X, shape, name)
    return X


def as_pool(X, name: str, *, integers: bool = False, transformed: bool = False, shape=None):
    """A Pool of what is to be read chunk by chunk; anything else as it is.

    The parameters are those of :func:`check_pool`.
    """
    check = ChunkCheck(name, integers, shape, raw=transformed)
    if is_stream(X):
        pool: StreamPool | DaskPool | ArrayPool = StreamPool(X, check)
    elif _read_by_slices(X, transformed):
        _refuse_empty(X, name)
        pool = (DaskPool if is_dask_array(X) else ArrayPool)(X, check)
    else:
        return X
    if not is_dict(pool.head) and pool.head.ndim < 2:
        raise ValueError(
            f"'{name}' must have at least 2 dimensions, samples first; got chunks of shape"
            f" {tuple(pool.head.shape)}. Reshape a single sample with X.reshape(1, -1)."
        )
    return pool


def finite_part(
    X, name: str, *, integers: bool = False, transformed: bool = False, shape=None
) -> FinitePart:
    """The samples of a pool that hold neither NaN nor infinity.

    The parameters are those of :func:`check_pool`.
    """
    if transformed:
        raise ValueError(
            "on_nonfinite='skip' cannot tell what the transformers of the pipeline in 'estimator'"
            " do with NaN. Put an imputer before the net, or leave such samples out yourself."
        )
    parts = list(X.values()) if is_dict(X) else [X]
    if sparse.issparse(X) or not parts or not all(map(_is_array, parts)):
        raise TypeError(
            f"on_nonfinite='skip' takes arrays, tensors, and dicts of them, in memory or on disk;"
            f" '{name}' is {type(X).__name__}. Convert it, or leave such samples out yourself."
        )
    _refuse_empty(X, name)
    check = ChunkCheck(name, integers, shape, finite=False)
    pool = (DaskPool if is_dask_array(X) else ArrayPool)(X, check)
    return FinitePart.of(pool, name)


def _read_by_slices(X, transformed: bool) -> bool:
    """Whether samples are to be read, checked and converted a chunk at a time.

    Not what comes as rows anyway (datasets, lists, frames), nor what only scikit-learn's
    checks can tell about, nor what a net takes as it is.
    """
    if is_dataset(X) or sparse.issparse(X):
        return False
    if is_dict(X):
        parts = list(X.values())
        return all(map(_is_array, parts)) and any(_read_by_slices(p, transformed) for p in parts)
    if not _is_array(X):
        return False
    if isinstance(X, np.ndarray):
        ready = X.dtype == np.float32 and X.dtype.isnative and X.flags.c_contiguous
        lazy = isinstance(X, np.memmap)
        # In memory, transformers are given all samples at once.
        return X.dtype.kind in "fiub" and X.ndim > 1 and (lazy or not (ready or transformed))
    if isinstance(X, torch.Tensor):
        ready = X.dtype == torch.float32 and X.is_contiguous()
        return X.ndim > 1 and not (ready or transformed or X.is_complex())
    return True


def _is_array(X) -> bool:
    return isinstance(X, (np.ndarray, torch.Tensor)) or is_sliceable(X)


def row_shape(X):
    """Shape of one sample, or of its parts in a dict; None for what has no shape."""
    if is_dict(X):
        return {key: row_shape(part) for key, part in X.items()}
    return tuple(X.shape[1:]) if hasattr(X, "shape") else None


def check_row_shape(X, expected, name: str) -> None:
    """Refuse rows of another shape than those of ``fit``; scikit-learn checks 2-D only."""
    shape = row_shape(X)
    if expected is not None and shape is not None and shape != expected:
        raise ValueError(
            f"'{name}' has samples of shape {shape}, but fit saw shape {expected}."
            " Give samples of the same shape."
        )


def concat_samples(A, B, name: str):
    """Rows of ``A`` followed by those of ``B``, in the container of ``A``."""
    if is_dataset(B):
        _refuse_dataset(name)
    if is_dict(A):
        if not is_dict(B) or set(A) != set(B):
            raise ValueError(f"'{name}' must be a dict with the keys {sorted(A)}, as in fit.")
        return {key: concat_samples(A[key], B[key], name) for key in A}
    if isinstance(A, torch.Tensor):
        return torch.cat([A, torch.as_tensor(B).to(A)])
    if hasattr(A, "iloc"):
        if not hasattr(B, "iloc"):
            raise TypeError(f"'{name}' must be a {type(A).__name__}, as in fit; got {type(B)}.")
        import pandas as pd  # the user's own container: pandas is there

        return pd.concat([A, B], ignore_index=True)
    if sparse.issparse(A):
        return sparse.vstack([A, B]).tocsr()
    if isinstance(A, list):
        return [*A, *B]
    return np.concatenate([A, np.asarray(B)])


def _check_part(X, name: str, integers: bool):
    """A tensor, or one array of a dict: floats to float32, refused if not finite."""
    if not isinstance(X, torch.Tensor):
        X = np.asarray(X, order="C")
        if X.dtype.kind not in "fiub":
            raise TypeError(f"'{name}' must be numeric; got dtype {X.dtype}. Encode it first.")
        if X.dtype.kind != "f":
            return X.astype(np.int64, copy=False)
        with np.errstate(over="ignore"):  # what float32 cannot hold is named as infinite
            X = X.astype(np.float32, copy=False)
    else:
        if X.is_complex():
            raise TypeError(f"'{name}' must be real; got dtype {X.dtype}.")
        X = X.detach().contiguous()
        if not X.is_floating_point():
            return X.long() if integers else X.float()
        X = X.float()
    check_finite(X, name)
    return X


def refuse_shape(shape, name: str, cause: Exception | None = None) -> NoReturn:
    """Say that samples need two dimensions, one of them for the samples."""
    raise ValueError(
        f"'{name}' must have at least 2 dimensions, samples first; got shape {tuple(shape)}."
        " Reshape your data with X.reshape(1, -1) if it is a single sample."
    ) from cause


def _refuse_dataset(name: str) -> None:
    raise TypeError(
        f"'{name}' is a torch Dataset, but labelled samples must be an array, a tensor or a"
        " dict of them; stack its samples. A pool to query may be a Dataset."
    )


def _refuse_empty(X, name: str) -> None:
    if is_dict(X):
        for key, value in X.items():
            if np.ndim(value) == 0:
                raise TypeError(
                    f"'{name}[{key!r}]' must be an array with a row for each sample; got"
                    f" {value!r:.80}."
                )
        lengths = {key: get_len(value) for key, value in X.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(
                f"'{name}' must be a dict of arrays with the same number of rows; got {lengths}."
            )
    try:
        n = n_samples(X)
    except (TypeError, IndexError):
        return  # a scalar or nothing like samples: check_array says what is wrong
    if n == 0:
        raise ValueError(
            f"'{name}' is empty: found array with 0 sample(s) while a minimum of 1 is required."
        )
