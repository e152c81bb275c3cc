"""Finding the sampler inside what a plot is given."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..samplers import BaseSampler


def fitted_sampler(sampler: Any) -> BaseSampler:
    """Return the sampler itself, or the one at the end of a pipeline.

    Raises
    ------
    TypeError
        If there is no sampler of skautoal.
    NotFittedError
        If it is not fitted.

    """
    last = sampler
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    if not isinstance(last, BaseSampler):
        raise TypeError(
            "'sampler' must be a sampler of skautoal, or a Pipeline that ends in one; got"
            f" {type(last).__name__}."
        )
    check_is_fitted(last, "estimator_")
    return last


def transformed(sampler: Any, X: Any) -> Any:
    """Transform samples by the pipelines in front of the sampler."""
    while isinstance(sampler, Pipeline):
        X = sampler[:-1].transform(X) if len(sampler.steps) > 1 else X
        sampler = sampler.steps[-1][1]
    return X
