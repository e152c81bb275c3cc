"""Blocks of scikit-learn's HTML diagrams for strategies, which it leaves out by itself.

scikit-learn shows objects that have ``fit``; strategies have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.utils.metaestimators import available_if


@dataclass(frozen=True)
class DiagramBlock:
    """Block of scikit-learn's diagram, whose own class is private and has moved.

    Attributes
    ----------
    kind : {"serial", "parallel"}
        Whether the parts are shown one below the other, or side by side.
    estimators : sequence of objects
        Estimators, strategies, or other blocks.
    names, name_details : sequence of str or None
        Titles of the parts, and the text under each; None for blocks.
    dash_wrapped : bool
        Whether a dashed line goes round the block.

    """

    kind: str
    estimators: Sequence[object]
    names: Sequence[str | None]
    name_details: Sequence[str | None]
    dash_wrapped: bool = True

    def _sk_visual_block_(self) -> DiagramBlock:
        return self


def named_block(kind: str, items: Sequence[tuple[str, object]], **options: Any) -> DiagramBlock:
    """Return a block of named objects titled ``name: Type``, or ``Type`` if that is the name."""
    names = [
        type(item).__name__ if name == type(item).__name__ else f"{name}: {type(item).__name__}"
        for name, item in items
    ]
    objects = [item for _, item in items]
    return DiagramBlock(kind, objects, names, [str(item) for item in objects], **options)


def _holds_strategy(strategy: Any) -> bool:
    return "strategy" in strategy.get_params(deep=False)


class WrapperDiagramMixin:
    """Mixin that shows the strategy inside another one, its parameter ``strategy``."""

    strategy: Any

    @available_if(_holds_strategy)
    def _sk_visual_block_(self) -> DiagramBlock:
        return named_block("parallel", [("strategy", self.strategy)])
