"""Mixing: run several strategies and build one batch from their utilities."""

from ._batch import Batch
from ._builders import BUILDERS, build_batch
from ._candidates import Candidates, named_strategies
from ._filter import progressive_filter
from ._utilities import candidate_utilities, equal_weights

__all__ = [
    "BUILDERS",
    "Batch",
    "Candidates",
    "build_batch",
    "candidate_utilities",
    "equal_weights",
    "named_strategies",
    "progressive_filter",
]
