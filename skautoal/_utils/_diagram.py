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
    kind : {"serial", "parallel", "single"}
        Layout: one below the other, side by side, or a box without anything inside.
    estimators : sequence of objects
        Estimators, strategies or other blocks.
    names, name_details : sequence of str or None, or str
        Title of each element and the text below it; None for blocks, one string for a box.
    dash_wrapped : bool
        If True, the block has a dashed border.
    name_caption, doc_link_label : None
        Read by scikit-learn for a box; not used here.

    """

    kind: str
    estimators: Sequence[object]
    names: Sequence[str | None] | str | None
    name_details: Sequence[str | None] | str | None
    dash_wrapped: bool = True
    name_caption: None = None
    doc_link_label: None = None

    def _sk_visual_block_(self) -> DiagramBlock:
        return self


def named_block(kind: str, items: Sequence[tuple[str, object]], **options: Any) -> DiagramBlock:
    """Return a block of objects titled ``name: Type``, or ``Type`` if the name is the type."""
    titles: list[str | None] = [
        type(item).__name__ if name == type(item).__name__ else f"{name}: {type(item).__name__}"
        for name, item in items
    ]
    details: list[str | None] = [str(item) for _, item in items]
    objects = [item for _, item in items]
    if kind == "parallel":
        # scikit-learn draws a title above each object, and the object's own box below it.
        # An object with nothing inside would be shown twice: its box carries the title.
        for i, item in enumerate(objects):
            if not hasattr(item, "_sk_visual_block_"):
                objects[i] = DiagramBlock("single", [item], titles[i], details[i])
                titles[i] = details[i] = None
    return DiagramBlock(kind, objects, titles, details, **options)


def _holds_strategy(strategy: Any) -> bool:
    return "strategy" in strategy.get_params(deep=False)


class WrapperDiagramMixin:
    """Mixin that shows the parameter ``strategy`` of a wrapper in HTML diagrams."""

    strategy: Any

    @available_if(_holds_strategy)
    def _sk_visual_block_(self) -> DiagramBlock:
        return named_block("parallel", [("strategy", self.strategy)])
