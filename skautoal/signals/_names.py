"""Names of the signals, what they are made of, and how their arrays lie."""

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

#: Every signal a strategy may declare in ``needs``: arrays with a row for each sample;
#: ``"gradient_factors"`` and ``"head"``, made from them; ``"labeled"``, the same of the
#: labelled samples with their codes; ``"network"``, the net and the raw samples.
SIGNAL_NAMES = (*ARRAYS, *_PARTS)


def parts_of(names: Collection[str]) -> set[str]:
    """The arrays that ``names`` are made of."""
    return {part for name in names for part in _PARTS.get(name, {name})}


def row_axis(name: str) -> int:
    """Axis of a signal along which the samples lie."""
    return 1 if name in STACKED else 0
