"""Lists of named strategies: what they may be, and their nested parameters.

The parameters are those of scikit-learn's Pipeline: ``name`` and ``name__parameter``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from .._rng import derive_seed
from ..signals import Signals
from ..strategies import PAPER_CANDIDATES, Strategy, get_strategy
from ._base import BaseSampler
from ._explain import Opinions


class NamedListMixin(BaseEstimator):
    """Adds ``name`` and ``name__parameter`` of ``(name, object)`` pairs to the parameters.

    The class attribute ``_named_list`` says which parameter holds the list; a list that
    is not made of pairs adds nothing.
    """

    _named_list: str

    def get_params(self, deep: bool = True) -> dict:
        """Parameters of this object and, if ``deep``, of those in it.

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

    def set_params(self, **params):
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
        """Refuse names that ``set_params`` could not tell from other parameters."""
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
    estimator, strategies, n_instances, embedding_layer, n_passes, classes, prefit, random_state
        See :class:`~skautoal.AutoALSampler`.

    """

    _named_list = "strategies"
    _works_on_part = True

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "strategies": "no_validation",
    }

    def __init__(
        self,
        estimator=None,
        strategies="paper",
        *,
        n_instances=10,
        embedding_layer="auto",
        n_passes=10,
        classes=None,
        prefit=False,
        random_state=None,
    ):
        super().__init__(
            estimator,
            n_instances=n_instances,
            embedding_layer=embedding_layer,
            n_passes=n_passes,
            classes=classes,
            prefit=prefit,
            random_state=random_state,
        )
        self.strategies = strategies

    def _check_layout(self, layout):
        self._check_names()
        if isinstance(self.strategies, str) and self.strategies == "auto":
            return  # takes what the net allows
        for name, strategy in named_strategies(self.strategies):
            for signal in strategy.needs:
                layout.check(signal, f"Strategy {name}")

    def _needs(self):
        return super()._needs() | {"probabilities", "logits", "embeddings"}

    def _start(self, signals):
        self.strategies_ = named_strategies(self.strategies, signals.has)
        self.strategy_weights_ = {}

    def _asked(self, X, indices, memo):
        self._note_weights("batch", memo.weights[indices], memo.names)

    def _opinions(self, signals, n_instances, seed, answer) -> Opinions:
        return answer[2]

    def _note_weights(self, part: str, weights: Tensor, names: Sequence[str] | None = None) -> None:
        """Say in ``strategy_weights_`` what weights (n, K) some samples have on average."""
        if len(weights):
            if part == "batch":
                self._batch_weights = weights
            shares = mean_weights(weights, self._names if names is None else names)
            self.strategy_weights_ = self.strategy_weights_ | {part: shares}

    def _strategies_to_show(self):
        return named_strategies(self.strategies)

    @property
    def _names(self) -> list[str]:
        """Names of the candidates, in order."""
        return [name for name, _ in self.strategies_]

    @property
    def _candidates(self) -> list[Strategy]:
        """The candidates, in order."""
        return [strategy for _, strategy in self.strategies_]


def named_strategies(
    strategies, has: Callable[[str], bool] | None = None
) -> list[tuple[str, Strategy]]:
    """Candidates with distinct names, from whatever ``strategies`` may be.

    ``has`` says which signals there are: ``"auto"`` leaves out what needs others.
    """
    if isinstance(strategies, str):
        if strategies not in ("auto", "paper"):
            raise ValueError(
                f"'strategies' must be 'auto', 'paper' or a list; got {strategies!r}. For a"
                f" single strategy give a list, [{strategies!r}], or use StrategySampler."
            )
        can_be_had = has if strategies == "auto" and has is not None else lambda signal: True
        strategies = [
            strategy
            for strategy in map(get_strategy, PAPER_CANDIDATES)
            if all(can_be_had(signal) for signal in strategy.needs)
        ]
    if not isinstance(strategies, (list, tuple)):
        raise TypeError(
            "'strategies' must be 'auto', 'paper' or a list of strategies, names, functions or"
            f" (name, strategy) pairs; got {strategies!r:.100}."
        )
    if len(strategies) == 0:
        raise ValueError("'strategies' is empty; give at least one strategy.")
    named: list[tuple[str, Strategy]] = []
    for item in strategies:
        pair = isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
        strategy = get_strategy(item[1] if pair else item)
        base = item[0] if pair else strategy.name
        taken = {name for name, _ in named}
        if pair and base in taken:
            raise ValueError(f"'strategies' uses the name {base!r} twice; names must differ.")
        count = 2
        name = base
        while name in taken:
            name, count = f"{base}-{count}", count + 1
        named.append((name, strategy))
    return named


def rank_all(
    strategies: Sequence[Strategy], signals: Signals, n_instances: int, seed: int
) -> np.ndarray:
    """Picks of every strategy, best first, (K, n_instances); signals computed in one pass."""
    for strategy in strategies:
        signals.check_available(strategy.needs, strategy.name)
    signals.compute({name for strategy in strategies for name in strategy.needs})
    picks = [
        strategy.rank(signals, n_instances, derive_seed(seed, "candidate", position))
        for position, strategy in enumerate(strategies)
    ]
    return torch.stack(picks).cpu().numpy()


def mean_weights(weights: Tensor, names: Sequence[str]) -> dict[str, float]:
    """Mean weight of each strategy, of weights (n, K); a predicted loss comes last."""
    columns = utility_names(names, weights)
    return dict(zip(columns, weights.mean(dim=0).tolist(), strict=True))


def utility_names(names: Sequence[str], weights: Tensor) -> list[str]:
    """Names of the columns of weights (n, K); a predicted loss comes last."""
    return [*names, "predicted_loss"][: weights.shape[1]]
