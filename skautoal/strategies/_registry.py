"""Registry of the strategies: find one by its name, and list all of them."""

from __future__ import annotations

import difflib
from typing import Any

from ._adversarial_bim import AdversarialBIM
from ._adversarial_deepfool import AdversarialDeepFool
from ._alfa_mix import AlfaMix
from ._badge import BADGE
from ._bait import BAIT
from ._bald import BALD
from ._base import FunctionStrategy, Strategy
from ._batch_bald import BatchBALD
from ._ceal import CEAL
from ._clue import Clue
from ._cluster_margin import ClusterMargin
from ._contrastive_al import ContrastiveAL
from ._ddu import DDU
from ._discriminative_al import DiscriminativeAL
from ._dropquery import DropQuery
from ._ensemble_variation_ratio import EnsembleVariationRatio
from ._entropy import Entropy, EntropyDropout
from ._epig import EPIG
from ._falcun import Falcun
from ._glister import Glister
from ._kcenter_greedy import KCenterGreedy
from ._kmeans import KMeans
from ._learning_loss import LearningLoss
from ._least_confidence import LeastConfidence, LeastConfidenceDropout
from ._margin import Margin, MarginDropout
from ._max_herding import MaxHerding
from ._mean_std import MeanSTD
from ._mqnet import MQNet
from ._probcover import ProbCover
from ._random import RandomSampling
from ._stochastic_batch import PowerBALD, PowerMargin
from ._temporal_output_discrepancy import TemporalOutputDiscrepancy
from ._typiclust import TypiClust
from ._uncertainty_herding import UncertaintyHerding
from ._vaal import VAAL
from ._variation_ratio import VariationRatio
from ._waal import WAAL

STRATEGIES: dict[str, type[Strategy]] = {
    "random": RandomSampling,
    "least_confidence": LeastConfidence,
    "margin": Margin,
    "entropy": Entropy,
    "least_confidence_dropout": LeastConfidenceDropout,
    "margin_dropout": MarginDropout,
    "entropy_dropout": EntropyDropout,
    "bald": BALD,
    "variation_ratio": VariationRatio,
    "mean_std": MeanSTD,
    "kmeans": KMeans,
    "kcenter_greedy": KCenterGreedy,
    "badge": BADGE,
    "typiclust": TypiClust,
    "max_herding": MaxHerding,
    "uncertainty_herding": UncertaintyHerding,
    "contrastive_al": ContrastiveAL,
    "falcun": Falcun,
    "clue": Clue,
    "cluster_margin": ClusterMargin,
    "dropquery": DropQuery,
    "alfa_mix": AlfaMix,
    "probcover": ProbCover,
    "ensemble_variation_ratio": EnsembleVariationRatio,
    "temporal_output_discrepancy": TemporalOutputDiscrepancy,
    "ceal": CEAL,
    "power_bald": PowerBALD,
    "power_margin": PowerMargin,
    "batch_bald": BatchBALD,
    "epig": EPIG,
    "ddu": DDU,
    "glister": Glister,
    "discriminative_al": DiscriminativeAL,
    "learning_loss": LearningLoss,
    "vaal": VAAL,
    "waal": WAAL,
    "bait": BAIT,
    "adversarial_bim": AdversarialBIM,
    "adversarial_deepfool": AdversarialDeepFool,
    "mqnet": MQNet,
}

#: AutoAL's candidates (Wang et al. 2025, section 4).
PAPER_CANDIDATES = (
    "entropy",
    "margin",
    "least_confidence",
    "kmeans",
    "bald",
    "variation_ratio",
    "mean_std",
)


def get_strategy(strategy: Any) -> Strategy:
    """Return a strategy object, given its name, the object itself or a function.

    Parameters
    ----------
    strategy : str, Strategy or callable
        A name as :func:`list_strategies` prints it, or the name of a class; only its
        letters and digits count, in any case. A strategy is returned as it is. A function
        of the signals becomes a :class:`FunctionStrategy`.

    Returns
    -------
    strategy : Strategy

    Raises
    ------
    ValueError
        If no strategy has that name; the message suggests the nearest one.
    TypeError
        If ``strategy`` is a class or of any other type.

    Examples
    --------
    >>> from skautoal.strategies import get_strategy
    >>> get_strategy("margin")
    Margin()
    >>> get_strategy("K-Center Greedy")
    KCenterGreedy()

    """
    if isinstance(strategy, Strategy):
        return strategy
    if isinstance(strategy, str):
        if strategy in STRATEGIES:
            return STRATEGIES[strategy]()
        by_key = {_key(name): cls for name, cls in STRATEGIES.items()}
        by_key |= {_key(cls.__name__): cls for cls in STRATEGIES.values()}
        if _key(strategy) in by_key:
            return by_key[_key(strategy)]()
        near = difflib.get_close_matches(_key(strategy), by_key, n=1)
        names = {_key(name): name for name in STRATEGIES}
        names |= {_key(cls.__name__): name for name, cls in STRATEGIES.items()}
        hint = f" Did you mean {names[near[0]]!r}?" if near else ""
        raise ValueError(
            f"'strategies' holds the unknown name {strategy!r}.{hint} Known are"
            f" {sorted(STRATEGIES)}."
        )
    if isinstance(strategy, type):
        raise TypeError(
            f"'strategies' holds the class {strategy.__name__}; give an object:"
            f" {strategy.__name__}()."
        )
    if callable(strategy):
        return FunctionStrategy(strategy)
    raise TypeError(
        "'strategies' must hold strategy objects, their names or functions of the"
        f" signals; got {strategy!r:.100}."
    )


class StrategyTable(list):
    """List of dicts that prints as a table."""

    def __repr__(self) -> str:
        columns = list(self[0]) if self else []
        rows = [columns, *([row[column] for column in columns] for row in self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)


def list_strategies() -> StrategyTable:
    """List name, class, needed signals and cost of every registered strategy.

    Returns
    -------
    strategies : list of dict
        Prints as a table.

    Examples
    --------
    >>> from skautoal.strategies import list_strategies
    >>> strategies = list_strategies()
    >>> print(strategies)  # doctest: +ELLIPSIS
    name                         class                   needs ...
    random                       RandomSampling          - ...
    >>> next(row for row in strategies if row["name"] == "badge")["needs"]
    'gradient_factors'

    """
    return StrategyTable(
        {
            "name": name,
            "class": cls.__name__,
            "needs": ", ".join(cls().needs) or "-",
            "cost": cls().cost,
        }
        for name, cls in STRATEGIES.items()
    )


def _key(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())
