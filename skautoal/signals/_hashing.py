"""Content hashes of samples and of signals, which random orders depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from .._utils._rng import combine_hashes, hash_rows
from ..data._convert import as_numpy
from ._names import row_axis


def hash_samples(X: Any) -> np.ndarray:
    """Hash the content of each sample, (n,) uint64."""
    if isinstance(X, dict):
        return combine_hashes([hash_samples(X[key]) for key in sorted(X)])
    if isinstance(X, (list, tuple)):
        return combine_hashes([hash_samples(part) for part in X])
    return hash_rows(as_numpy(X))


def hash_block(_shared: None, rows: Any, _start: int) -> np.ndarray:
    """Hash the samples of a block; run by the workers of a cluster."""
    return hash_samples(rows)


def hash_arrays(arrays: dict[str, Tensor]) -> np.ndarray:
    """Hash the rows of signals, (n,) uint64."""
    parts = [value.movedim(row_axis(name), 0) for name, value in sorted(arrays.items())]
    return combine_hashes([hash_rows(part.cpu().numpy()) for part in parts])
