"""The signals that a sampler reads, its own and those of its strategies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from ..strategies import Strategy


class SignalNeeds:
    """Part of a sampler: its strategies by name, and the signals that they and it read."""

    strategies_: list[tuple[str, Strategy]]

    @abstractmethod
    def _named_strategies(
        self, has: Callable[[str], bool] | None = None
    ) -> list[tuple[str, Strategy]]:
        """Return the strategies that queries may use, with their names.

        ``has`` returns True for signals that the net can give; it is None as long as these
        are not known.
        """

    def _own_needs(self) -> dict[str, str]:
        """Return the signals that the sampler itself reads, mapped to what needs them."""
        return {}

    def required_signals(self) -> dict[str, str]:
        """Return the signals that the net must be able to give.

        Returns
        -------
        needs : dict of str to str
            Names of signals, each with the strategy or sampler that needs it. With
            ``strategies="auto"`` the strategies are not included, because those whose
            signals are missing are left out.

        Examples
        --------
        >>> from skautoal import StrategySampler
        >>> StrategySampler(strategy="badge").required_signals()
        {'gradient_factors': 'Strategy BADGE'}

        """
        needs = dict(self._own_needs())
        for name, strategy in self._named_strategies():
            for signal in strategy.needs:
                needs.setdefault(signal, f"Strategy {name}")
        return needs

    def _signals_to_read(self) -> set[str]:
        """Return the signals that a query may read; of iterators, these are kept."""
        asked = {signal for _, strategy in self.strategies_ for signal in strategy.needs}
        return asked | set(self._own_needs())
