"""Blocks for scikit-learn's HTML diagrams, which omit strategies because they have no ``fit``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.utils.metaestimators import available_if


@dataclass(frozen=True)
class DiagramBlock:
    """Block of an HTML diagram with the attributes that scikit-learn reads.

    scikit-learn's own class is private and its location differs between versions.

    Attributes
    ----------
    kind : {"serial", "parallel"}
        Layout: one below the other, or side by side.
    estimators : sequence of objects
        Estimators, strategies or other blocks.
    names, name_details : sequence of str or None
        Title of each element and the text below it; None for blocks.
    dash_wrapped : bool
        If True, the block has a dashed border.

    """

    kind: str
    estimators: Sequence[object]
    names: Sequence[str | None]
    name_details: Sequence[str | None]
    dash_wrapped: bool = True

    def _sk_visual_block_(self) -> DiagramBlock:
        return self


def named_block(kind: str, items: Sequence[tuple[str, object]], **options) -> DiagramBlock:
    """Return a block of objects titled ``name: Type``, or ``Type`` if the name is the type."""
    names = [
        type(item).__name__ if name == type(item).__name__ else f"{name}: {type(item).__name__}"
        for name, item in items
    ]
    objects = [item for _, item in items]
    return DiagramBlock(kind, objects, names, [str(item) for item in objects], **options)


def _holds_strategy(strategy) -> bool:
    return "strategy" in strategy.get_params(deep=False)


class WrapperDiagramMixin:
    """Mixin that shows the parameter ``strategy`` of a wrapper in HTML diagrams."""

    strategy: Any

    @available_if(_holds_strategy)
    def _sk_visual_block_(self) -> DiagramBlock:
        return named_block("parallel", [("strategy", self.strategy)])
