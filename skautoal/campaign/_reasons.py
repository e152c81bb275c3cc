"""Reasons of the picks of a round, as columns of the journal."""

from __future__ import annotations

from typing import Any

from ..samplers import BaseSampler, QueryResult


def reasons_of(sampler: BaseSampler, result: QueryResult) -> dict[str, Any]:
    """Return the opinion of model and sampler on each pick of a query.

    Parameters
    ----------
    sampler : BaseSampler
        The sampler that was queried.
    result : QueryResult
        Its answer.

    Returns
    -------
    reasons : dict
        ``by``, then columns of b items, one a pick: ``predicted``, ``probability``, and
        ``weights``, rows with a weight for each of ``strategies``.

    """
    explanation = result.explain()
    return {
        "by": _name(sampler),
        "predicted": explanation.predictions.tolist(),
        "probability": explanation.probabilities.tolist(),
        "strategies": list(explanation.strategies),
        "weights": explanation.weights.tolist(),
    }


def _name(sampler: BaseSampler) -> str:
    """Class of a sampler, and the phase or regime that it is in."""
    state = getattr(sampler, "phase_", None) or getattr(sampler, "regime_", None)
    name = type(sampler).__name__
    return name if state is None else f"{name}: {state}"
