"""Names of the signals, the arrays they consist of, and the axis of the samples."""

from __future__ import annotations

from collections.abc import Collection

ARRAYS = (
    "probabilities",
    "logits",
    "embeddings",
    "mc_probabilities",
    "ensemble_probabilities",
    "previous_probabilities",
)
STACKED = ("mc_probabilities", "ensemble_probabilities")  # (passes, n, C)
_PARTS = {
    "gradient_factors": {"probabilities", "embeddings"},
    "head": {"embeddings"},
    "labeled": set(),
    "network": set(),
}

#: Every signal that a strategy may list in ``needs``: arrays with one row for each sample;
#: ``"gradient_factors"`` and ``"head"``, which are made from them; ``"labeled"``, the signals
#: and class codes of the labelled samples; ``"network"``, the net and the raw samples.
SIGNAL_NAMES = (*ARRAYS, *_PARTS)


def parts_of(names: Collection[str]) -> set[str]:
    """Return the names of the arrays that the signals ``names`` consist of."""
    return {part for name in names for part in _PARTS.get(name, {name})}


def row_axis(name: str) -> int:
    """Return the axis of a signal along which the samples lie."""
    return 1 if name in STACKED else 0
