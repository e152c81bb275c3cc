"""Plots of what a sampler did; they need matplotlib (the extra ``plot``).

Plots of whole comparisons are in :mod:`skautoal.simulation`.
"""

from ._explanation import explanation
from ._picks import picks
from ._search import search_history, strategy_weights

__all__ = ["explanation", "picks", "search_history", "strategy_weights"]
