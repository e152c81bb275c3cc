"""StrategiesSampler: base of samplers with a list of strategies, and its nested parameters.

The parameters are those of scikit-learn's Pipeline: ``name`` and ``name__parameter``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator

from ..mixing import named_strategies
from ..signals import SignalOptions
from ..strategies import Strategy
from ._base import BaseSampler


class NamedListMixin(BaseEstimator):
    """Adds ``name`` and ``name__parameter`` of ``(name, object)`` pairs to the parameters.

    The class attribute ``_named_list`` is the name of the parameter with the list. A list
    that is not made of pairs adds nothing.
    """

    _named_list: str

    def get_params(self, deep: bool = True) -> dict:
        """Return the parameters of this object and, if ``deep``, of the objects in the list.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include nested parameters.

        Returns
        -------
        params : dict of str to object

        """
        params = super().get_params(deep=deep)
        for name, item in self._pairs() if deep else ():
            params[name] = item
            if hasattr(item, "get_params") and not isinstance(item, type):
                nested = item.get_params(deep=True)
                params |= {f"{name}__{key}": value for key, value in nested.items()}
        return params

    def set_params(self, **params: Any) -> NamedListMixin:
        """Set parameters, nested ones as ``name__parameter``, whole items as ``name``.

        Parameters
        ----------
        **params : dict
            New values.

        Returns
        -------
        self : object

        """
        if self._named_list in params:
            setattr(self, self._named_list, params.pop(self._named_list))
        replaced = {name: params.pop(name) for name, _ in self._pairs() if name in params}
        if replaced:
            pairs = [(name, replaced.get(name, item)) for name, item in self._pairs()]
            setattr(self, self._named_list, pairs)
        return super().set_params(**params)

    def _check_names(self) -> None:
        """Raise an error for names that ``set_params`` would take for other parameters."""
        parameters = super().get_params(deep=False)
        for name, _ in self._pairs():
            if name in parameters or "__" in name:
                why = "is a parameter of the sampler" if name in parameters else "holds '__'"
                raise ValueError(
                    f"'{self._named_list}' uses the name {name!r}, which {why}; rename it."
                )

    def _pairs(self) -> list[tuple[str, object]]:
        items = getattr(self, self._named_list)
        if not isinstance(items, (list, tuple)):
            return []
        if not all(isinstance(i, tuple) and len(i) == 2 and isinstance(i[0], str) for i in items):
            return []
        return list(items)


class StrategiesSampler(NamedListMixin, BaseSampler):
    """Base of samplers that choose among, or mix, the strategies of a list.

    Parameters
    ----------
    estimator, strategies, n_instances, signals, classes, on_nonfinite, on_error, random_state
        See :class:`~skautoal.AutoALSampler`.

    """

    _named_list = "strategies"
    _works_on_part = True

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "strategies": "no_validation",  # named_strategies checks it
    }

    def __init__(
        self,
        estimator: Any = None,
        strategies: Any = "auto",
        *,
        n_instances: int = 10,
        signals: SignalOptions | None = None,
        classes: Any = None,
        on_nonfinite: str = "raise",
        on_error: str = "raise",
        random_state: Any = None,
    ):
        super().__init__(
            estimator,
            n_instances=n_instances,
            signals=signals,
            classes=classes,
            on_nonfinite=on_nonfinite,
            on_error=on_error,
            random_state=random_state,
        )
        self.strategies = strategies

    def _named_strategies(
        self, has: Callable[[str], bool] | None = None
    ) -> list[tuple[str, Strategy]]:
        self._check_names()
        if has is None and isinstance(self.strategies, str) and self.strategies == "auto":
            return []  # depends on the signals of the net
        return named_strategies(self.strategies, has)

    def _signals_to_read(self) -> set[str]:
        return super()._signals_to_read() | {"probabilities", "logits", "embeddings"}

    def _strategies_to_show(self) -> list[tuple[str, Strategy]]:
        return named_strategies(self.strategies)
