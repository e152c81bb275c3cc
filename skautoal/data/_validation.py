"""Check the samples that users pass to ``fit``, ``teach``, ``predict`` and ``query``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from ._arrays import ArrayPool, is_sliceable
from ._base import Pool
from ._checks import ChunkCheck
from ._convert import as_net_input
from ._dask import DaskPool, is_dask_array
from ._finite import FinitePart
from ._rows import is_dataset, is_dict, n_samples, refuse_dataset, row_shape
from ._streams import StreamPool, is_stream


def check_samples(
    estimator: BaseEstimator,
    X: Any,
    name: str,
    *,
    reset: bool,
    integers: bool = False,
    transformed: bool = False,
) -> Any:
    """Check samples and convert them to what the net takes.

    Parameters
    ----------
    estimator : estimator
        Estimator whose ``n_features_in_`` and feature names are set if ``reset``, and
        compared with the samples otherwise.
    X : array, DataFrame, tensor, dict of arrays, Dataset
        Samples from the user. They are not modified.
    name : str
        Name of the argument, for error messages.
    reset : bool
        True in ``fit``.
    integers : bool, default=False
        If True, integers (token ids) become int64 instead of float32.
    transformed : bool, default=False
        If True, the samples are left to the transformers of a pipeline.

    Returns
    -------
    X : ndarray, tensor, dict or Dataset
        Samples as float32 or int64.

    """
    _refuse_empty(X, name)
    if is_dataset(X):
        if reset:
            refuse_dataset(name)
        if transformed:
            raise TypeError(
                f"'{name}' is a torch Dataset, which the transformers of the pipeline in"
                " 'estimator' cannot take. Pass an array, or move the transformation into"
                " the Dataset."
            )
        return X
    if is_dict(X):
        # Integer arrays in a dict are kept: they are usually token ids or masks.
        return {
            key: as_net_input(
                value,
                f"{name}[{key!r}]",
                integers=integers or not isinstance(value, torch.Tensor),
            )
            for key, value in X.items()
        }
    if isinstance(X, torch.Tensor):
        if X.ndim < 2:
            refuse_shape(X.shape, name)
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        return as_net_input(X, name, integers=integers)
    if transformed:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        return X
    dtype = "numeric" if integers else np.float32
    try:
        X = validate_data(
            estimator,
            X,
            reset=reset,
            dtype=dtype,
            order="C",
            allow_nd=True,
            ensure_all_finite=reset,  # for a pool, as_net_input lists the rows
        )
    except ValueError as exc:
        if str(exc).startswith("Expected 2D"):
            refuse_shape(np.shape(X), name, exc)
        if "could not convert" not in str(exc):
            raise
        raise ValueError(
            f"'{name}' is not numeric: {exc}. Encode it first, or add an encoder before the"
            " net in a Pipeline."
        ) from exc
    return as_net_input(X, name, integers=integers)


def check_pool(
    estimator: BaseEstimator,
    X: Any,
    name: str,
    *,
    integers: bool = False,
    transformed: bool = False,
    shape: Any = None,
) -> Any:
    """Check the samples of a pool without reading or converting all of them.

    Parameters
    ----------
    estimator : estimator
        Estimator whose ``n_features_in_`` and feature names are compared with the samples.
    X : array-like, dict of them, Dataset, dask array, iterator or function
        Samples from the user. They are not modified.
    name : str
        Name of the argument, for error messages.
    integers : bool, default=False
        If True, integers (token ids) become int64 instead of float32.
    transformed : bool, default=False
        If True, the samples are left to the transformers of a pipeline.
    shape : tuple of int or dict of them, optional
        Shape of a labelled sample.

    Returns
    -------
    X : ndarray, tensor, dict, Dataset or Pool
        Samples that the net can take as they are, or a Pool that checks and converts each
        chunk when it is read.

    """
    pool = as_pool(X, name, integers=integers, transformed=transformed, shape=shape)
    if isinstance(pool, Pool):
        head = pool.head  # type: ignore[attr-defined]  # all pools of as_pool have one
        if not is_dict(head):
            validate_data(estimator, head, reset=False, skip_check_array=True)
        check_row_shape(head, shape, name)
        pool.first_row()  # raises for a wrong dtype, before any work
        return pool
    X = check_samples(estimator, X, name, reset=False, integers=integers, transformed=transformed)
    check_row_shape(X, shape, name)
    return X


def as_samples(X: Any, name: str) -> Any:
    """Convert lists and data frames to arrays, and return other containers as they are."""
    if not (is_stream(X) or is_dataset(X) or is_dict(X) or hasattr(X, "dtype")):
        X = np.asarray(X)
    if getattr(X, "ndim", 2) < 2:
        refuse_shape(X.shape, name)
    return X


def as_pool(
    X: Any, name: str, *, integers: bool = False, transformed: bool = False, shape: Any = None
) -> Any:
    """Return a Pool for samples that are read in chunks, and other samples as they are.

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
    X: Any, name: str, *, integers: bool = False, transformed: bool = False, shape: Any = None
) -> FinitePart:
    """Select the samples of a pool that contain neither NaN nor infinity.

    The parameters are those of :func:`check_pool`.
    """
    if transformed:
        raise ValueError(
            "on_nonfinite='skip' cannot be used with transformers before the net in 'estimator',"
            " because they may accept NaN. Add an imputer to the pipeline, or remove such samples"
            " before the query."
        )
    parts = list(X.values()) if is_dict(X) else [X]
    if sparse.issparse(X) or not parts or not all(map(_is_array, parts)):
        raise TypeError(
            f"on_nonfinite='skip' takes arrays, tensors, and dicts of them, in memory or on disk;"
            f" '{name}' is {type(X).__name__}. Convert it, or remove such samples before the query."
        )
    _refuse_empty(X, name)
    check = ChunkCheck(name, integers, shape, finite=False)
    pool = (DaskPool if is_dask_array(X) else ArrayPool)(X, check)
    return FinitePart.of(pool, name)


def _read_by_slices(X: Any, transformed: bool) -> bool:
    """Return True for samples that are checked and converted in chunks.

    Other samples are Datasets, which are loaded in batches, lists and data frames, which
    scikit-learn converts, and arrays that the net can take as they are.
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
        # Transformers get all samples at once if these are in memory.
        return X.dtype.kind in "fiub" and X.ndim > 1 and (lazy or not (ready or transformed))
    if isinstance(X, torch.Tensor):
        ready = X.dtype == torch.float32 and X.is_contiguous()
        return X.ndim > 1 and not (ready or transformed or X.is_complex())
    return True


def _is_array(X: object) -> bool:
    return isinstance(X, (np.ndarray, torch.Tensor)) or is_sliceable(X)


def check_row_shape(X: Any, expected: Any, name: str) -> None:
    """Raise an error for samples of another shape than in ``fit``.

    scikit-learn compares the shapes of 2-D arrays only.
    """
    shape = row_shape(X)
    if expected is not None and shape is not None and shape != expected:
        raise ValueError(
            f"'{name}' has samples of shape {shape}, but fit saw shape {expected}."
            " Pass samples of the same shape."
        )


def refuse_shape(shape: Iterable[int], name: str, cause: Exception | None = None) -> NoReturn:
    """Raise the error for samples without a second dimension."""
    raise ValueError(
        f"'{name}' must have at least 2 dimensions, samples first; got shape {tuple(shape)}."
        " Reshape your data with X.reshape(1, -1) if it is a single sample."
    ) from cause


def _refuse_empty(X: Any, name: str) -> None:
    """Raise an error for no samples, and for a dict with different numbers of rows."""
    if is_dict(X):
        for key, value in X.items():
            if np.ndim(value) == 0:
                raise TypeError(
                    f"'{name}[{key!r}]' must be an array with a row for each sample; got"
                    f" {value!r:.80}."
                )
        lengths = {key: n_samples(value) for key, value in X.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(
                f"'{name}' must be a dict of arrays with the same number of rows; got {lengths}."
            )
    try:
        n = n_samples(X)
    except (TypeError, IndexError):
        return  # check_array raises the error for scalars and other objects
    if n == 0:
        raise ValueError(
            f"'{name}' is empty: found array with 0 sample(s) while a minimum of 1 is required."
        )
