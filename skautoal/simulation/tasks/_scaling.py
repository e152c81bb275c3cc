"""Scaling of inputs with statistics of the pool, as the standard nets take them."""

from __future__ import annotations

import numpy as np


def scale_images(X_train: np.ndarray, X_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardize images channel by channel with the mean and deviation of the pool.

    Parameters
    ----------
    X_train, X_test : ndarray of shape (n, channels, height, width)
        Images of the pool and of the test set.

    Returns
    -------
    X_train, X_test : ndarray of the same shapes, dtype float32

    """
    # NumPy would make a float64 copy of a whole pool of bytes; a channel at a time is less.
    channels = range(X_train.shape[1])
    mean = np.array([X_train[:, c].mean(dtype=np.float64) for c in channels])
    std = np.array([X_train[:, c].std(dtype=np.float64) for c in channels])
    std[std == 0] = 1.0
    mean, std = (m.astype(np.float32).reshape(1, -1, 1, 1) for m in (mean, std))
    return (X_train.astype(np.float32) - mean) / std, (X_test.astype(np.float32) - mean) / std


def scale_inputs(X_train: np.ndarray, X_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardize inputs with statistics of the pool.

    Parameters
    ----------
    X_train, X_test : ndarray of shape (n, ...)
        Images (3 or 4 dimensions) are scaled by channel, other arrays by column.

    Returns
    -------
    X_train, X_test : ndarray, dtype float32
        Images have the shape (n, channels, height, width).

    Raises
    ------
    TypeError
        If the arrays do not hold numbers.
    ValueError
        If their shapes do not match, they are empty, or contain NaN or infinity.

    """
    for name, X in (("X_train", X_train), ("X_test", X_test)):
        if X.dtype.kind not in "fiub":
            raise TypeError(f"'{name}' must hold numbers; got dtype {X.dtype}.")
        if X.ndim not in (2, 3, 4) or X.shape[1:] != X_train.shape[1:] or len(X) == 0:
            raise ValueError(
                f"'{name}' must have samples of shape {X_train.shape[1:]}, in 2 to 4"
                f" dimensions; got {X.shape}."
            )
        if not np.isfinite(X).all():
            raise ValueError(
                f"'{name}' contains NaN or infinity. Impute such values or leave the samples out."
            )
    if X_train.ndim > 2:
        return scale_images(_channels_first(X_train), _channels_first(X_test))
    mean = X_train.mean(axis=0, dtype=np.float64)
    std = X_train.std(axis=0, dtype=np.float64)
    std[std == 0] = 1.0
    return ((X_train - mean) / std).astype(np.float32), ((X_test - mean) / std).astype(np.float32)


def _channels_first(X: np.ndarray) -> np.ndarray:
    if X.ndim == 3:
        return X[:, None]
    if X.shape[1] in (1, 3):
        return X
    if X.shape[3] in (1, 3):
        return np.ascontiguousarray(X.transpose(0, 3, 1, 2))
    raise ValueError(
        f"Images must have 1 or 3 channels, first or last; got samples of shape {X.shape[1:]}."
    )
