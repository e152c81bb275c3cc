"""Pools in dask arrays, read block by block."""

from __future__ import annotations

from ._arrays import ArrayPool


def is_dask_array(X) -> bool:
    """Whether this is a dask array; dask itself is not imported for it."""
    return hasattr(X, "__dask_graph__") and hasattr(X, "blocks") and hasattr(X, "dtype")


class DaskPool(ArrayPool):
    """Samples in a dask array."""
