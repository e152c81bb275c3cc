"""The HTML diagram of a sampler: its model above its strategies."""

from __future__ import annotations

from sklearn.base import BaseEstimator

from .._utils._diagram import DiagramBlock, named_block
from ..strategies import Strategy, get_strategy


class DiagramMixin(BaseEstimator):
    """Adds strategies to the diagram that scikit-learn draws of a sampler."""

    #: Parameters that hold one strategy each.
    _strategy_parameters: tuple[str, ...] = ()

    def _sk_visual_block_(self) -> DiagramBlock:
        """Return a block with the estimator, if one is given, above the strategies."""
        parameters = self.get_params(deep=False)
        estimator = parameters["estimator"]
        upper = named_block("serial", [] if estimator is None else [("estimator", estimator)])
        lower = named_block("parallel", self._strategies_to_show(), dash_wrapped=False)
        return DiagramBlock(
            "serial",
            [*upper.estimators, lower],
            [*(upper.names or ()), None],
            [*(upper.name_details or ()), None],
        )

    def _strategies_to_show(self) -> list[tuple[str, Strategy]]:
        """Return the strategies with the names of their parameters."""
        parameters = self.get_params(deep=False)
        return [(name, get_strategy(parameters[name])) for name in self._strategy_parameters]
