"""Base of wrappers: strategies that change how another strategy picks."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .._utils._diagram import WrapperDiagramMixin
from ._base import BatchStrategy, Strategy


class Wrapper(WrapperDiagramMixin, BatchStrategy):
    """Base of wrappers; needs and name are those of the parameter ``strategy``."""

    strategy: Strategy

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the signals that the wrapped strategy reads."""
        return self._wrapped().needs

    @property
    def name(self) -> str:
        return f"{type(self).__name__}({self._wrapped().name})"

    def _wrapped(self) -> Strategy:
        if isinstance(self.strategy, Strategy):
            return self.strategy
        raise TypeError(
            f"'strategy' must be a strategy object; got {self.strategy!r:.100}. Convert names"
            " and functions with get_strategy(...)."
        )

    def _checked(self, picks: Any, n: int, k: int) -> Tensor:
        # With a budget the batch may be smaller than asked for.
        return super()._checked(picks, n, min(k, len(picks)))
