"""Checks of what a campaign is made of, before anything is written."""

from __future__ import annotations

from typing import Any

from ..data import is_stream
from ..data._rows import n_samples
from ..samplers import BaseSampler


def check_inputs(sampler: Any, X: Any, features: Any) -> None:
    """Raise an error unless a campaign can be made of a sampler, a pool and its features."""
    if not isinstance(sampler, BaseSampler):
        raise TypeError(
            "'sampler' must be a sampler of skautoal, such as AutoALSampler() or"
            f" StrategySampler('margin'); got {sampler!r:.100}."
        )
    sampler._validate_params()
    if is_stream(X):
        raise TypeError(
            f"'X' must be a pool that can be read several times; got {type(X).__name__}."
            " Write the samples to a file and pass a memory map."
        )
    n_pool = n_samples(X)
    if n_pool == 0:
        raise ValueError("'X' is empty. A campaign needs at least one sample.")
    if features is not None and n_samples(features) != n_pool:
        raise ValueError(
            f"'features' has {n_samples(features)} rows, but 'X' has {n_pool} samples."
            " Pass one row per sample."
        )
