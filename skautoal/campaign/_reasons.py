"""Why a sampler picked what it picked, in the words of a journal."""

from __future__ import annotations

import numpy as np


def reasons_of(sampler, X) -> dict:
    """What model and sampler thought of the picks of the last query.

    Parameters
    ----------
    sampler : BaseSampler
        Just queried.
    X : array-like of shape (b, ...)
        The picks, in order.

    Returns
    -------
    reasons : dict
        ``by``, then columns of b items, or None: ``predicted``, ``probability``, and
        ``weights``, rows with a weight for each of ``strategies``.

    """
    P = sampler.predict_proba(X)
    names, weights = _weights(sampler, len(P))
    return {
        "by": _name(sampler),
        "predicted": sampler.classes_[P.argmax(axis=1)].tolist(),
        "probability": P.max(axis=1).astype(np.float64).tolist(),
        "strategies": names,
        "weights": weights,
    }


def _weights(sampler, n: int) -> tuple[list[str] | None, list[list[float]] | None]:
    """Trust in each strategy for each pick: of its own, or that of all picks."""
    shares = getattr(sampler, "strategy_weights_", {}).get("batch")
    if shares is None:
        return None, None
    weights = getattr(sampler, "_batch_weights", None)
    if weights is None:
        return list(shares), [list(shares.values())] * n
    return list(shares), weights.detach().cpu().double().numpy().tolist()


def _name(sampler) -> str:
    """Class of a sampler, and the phase or regime it is in."""
    state = getattr(sampler, "phase_", None) or getattr(sampler, "regime_", None)
    name = type(sampler).__name__
    return name if state is None else f"{name}: {state}"
