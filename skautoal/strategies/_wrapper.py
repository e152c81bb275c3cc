"""Base of the strategies that change how another one picks."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .._utils._diagram import WrapperDiagramMixin
from ._base import BatchStrategy, Strategy


class Wrapper(WrapperDiagramMixin, BatchStrategy):
    """Takes its needs and its name from the strategy in its parameter ``strategy``."""

    strategy: Strategy

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the strategy."""
        return self._wrapped().needs

    @property
    def name(self) -> str:
        return f"{type(self).__name__}({self._wrapped().name})"

    def _wrapped(self) -> Strategy:
        if isinstance(self.strategy, Strategy):
            return self.strategy
        raise TypeError(
            f"'strategy' must be a strategy object; got {self.strategy!r:.100}. Names and"
            " functions become one by get_strategy(...)."
        )

    def _checked(self, picks: Any, n: int, k: int) -> Tensor:
        # A batch may be cut short where labels have a price.
        return super()._checked(picks, n, min(k, len(picks)))
