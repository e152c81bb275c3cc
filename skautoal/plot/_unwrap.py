"""The sampler that a plot is about, whatever it was wrapped in."""

from __future__ import annotations

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..samplers import BaseSampler


def fitted_sampler(sampler) -> BaseSampler:
    """The sampler itself, or the last step of a pipeline; refuses others, and unfitted ones."""
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


def transformed(sampler, X):
    """Samples as the sampler takes them, where pipelines stand before it."""
    while isinstance(sampler, Pipeline):
        X = sampler[:-1].transform(X) if len(sampler.steps) > 1 else X
        sampler = sampler.steps[-1][1]
    return X
