"""Stochastic batches: sampling in proportion to the scores of another strategy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .._utils._diagram import WrapperDiagramMixin
from ..ops._ranking import average_ranks, top_k
from ..signals import Signals
from ._bald import BALD
from ._base import BatchStrategy, ScoreStrategy
from ._checks import check_choice, check_number
from ._margin import Margin


class StochasticBatch(WrapperDiagramMixin, BatchStrategy):
    """Stochastic batch acquisition: sample b of n by the scores of a strategy.

    Gumbel noise of scale 1 / beta is added to log s (``"power"``), to s (``"softmax"``) or to
    -log r (``"softrank"``, with rank r = 1 for the best). The b largest sums are a sample
    without replacement with probabilities proportional to s^beta, exp(beta s) or r^-beta. The
    samples of highest score often resemble each other and make a redundant batch. Sampling
    makes the batch more diverse at almost no cost: O(n log n) beyond that of the strategy.

    Parameters
    ----------
    strategy : ScoreStrategy
        Strategy that scores each sample.
    beta : float, default=1.0
        Positive inverse temperature. Values near 0 give a uniform batch, large values the b
        highest scores.
    transform : {"power", "softmax", "softrank"}, default="power"
        Quantity that determines the probabilities. ``"power"`` requires scores of at least
        0; samples of score 0 come after all others.

    References
    ----------
    Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron & Gal, "Stochastic batch
    acquisition: a simple baseline for deep active learning", TMLR 2023, arXiv 2106.12059.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import Entropy, StochasticBatch
    >>> signals = Signals(probabilities=[[1.0, 0.0], [0.5, 0.5], [0.6, 0.4], [1.0, 0.0]])
    >>> picks = StochasticBatch(Entropy()).select(signals, 2, random_state=0)
    >>> sorted(picks.tolist())
    [1, 2]

    """

    cost = "that of the strategy + O(n log n)"

    def __init__(self, strategy: ScoreStrategy, beta: float = 1.0, transform: str = "power"):
        self.strategy = strategy
        self.beta = beta
        self.transform = transform

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Signals of the strategy."""
        return _check_scoring(self.strategy).needs

    @property
    def name(self) -> str:
        return f"{type(self).__name__}({_check_scoring(self.strategy).name})"

    def _raw_scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return _check_scoring(self.strategy).scores(signals, rng)

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_number("beta", self.beta, above=0)
        check_choice("transform", self.transform, ("power", "softmax", "softrank"))
        scores = self._logits(self._raw_scores(signals, rng).double())
        order = signals.order(rng)
        # The Gumbel-top-k trick. Drawn along ``order``, the noise of a row does not depend
        # on its position in the pool.
        noise = torch.as_tensor(rng.gumbel(size=len(order)), device=scores.device)
        scores[order] += noise / self.beta
        return top_k(scores, n_instances, order)

    def _logits(self, scores: Tensor) -> Tensor:
        """Return the values to which the noise is added, as a new tensor; -inf is drawn last."""
        if self.transform == "softmax":
            return scores.clone()
        if self.transform == "softrank":
            return -average_ranks(-scores).log()
        if bool((scores < 0).any()):
            raise ValueError(
                "transform='power' requires scores of at least 0, but strategy"
                f" {self.strategy.name} returned {float(scores.min()):.3g}. Use"
                " transform='softmax' or transform='softrank', which allow negative scores."
            )
        return scores.log()


class PowerBALD(StochasticBatch):
    """PowerBALD: a random batch that prefers high BALD scores.

    The same as ``StochasticBatch(BALD(), beta)``: probabilities are proportional to BALD^beta.
    Cost O(TnC).

    Parameters
    ----------
    beta : float, default=1.0
        Positive inverse temperature. Values near 0 give a uniform batch, large values the b
        highest scores.

    References
    ----------
    Kirsch et al., "Stochastic batch acquisition: a simple baseline for deep active
    learning", TMLR 2023, arXiv 2106.12059.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import PowerBALD
    >>> passes = [[[0.5, 0.5], [0.9, 0.1]], [[0.5, 0.5], [0.1, 0.9]]]  # (T, n, C)
    >>> signals = Signals(mc_probabilities=passes)
    >>> PowerBALD().select(signals, 1, random_state=0).tolist()
    [1]

    """

    needs = BALD.needs
    cost = "O(TnC + n log n)"
    name = "PowerBALD"
    transform = "power"

    def __init__(self, beta: float = 1.0):
        self.beta = beta

    def _raw_scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return BALD().scores(signals, rng)


class PowerMargin(StochasticBatch):
    """PowerMargin: a random batch that prefers small margins.

    Probabilities are proportional to (1 - (p_1 - p_2))^beta. One minus the margin is an
    uncertainty between 0 and 1, as a power requires. Cost O(nC).

    Parameters
    ----------
    beta : float, default=1.0
        Positive inverse temperature. Values near 0 give a uniform batch, large values the b
        highest scores.

    References
    ----------
    Kirsch et al., "Stochastic batch acquisition: a simple baseline for deep active
    learning", TMLR 2023, arXiv 2106.12059.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import PowerMargin
    >>> signals = Signals(probabilities=[[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> PowerMargin().select(signals, 1, random_state=0).tolist()
    [1]

    """

    needs = Margin.needs
    cost = "O(nC + n log n)"
    name = "PowerMargin"
    transform = "power"

    def __init__(self, beta: float = 1.0):
        self.beta = beta

    def _raw_scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        return (1 + Margin().scores(signals, rng)).clamp_min(0)  # rounding may give < 0


def _check_scoring(strategy: object) -> ScoreStrategy:
    """Return the strategy; raise a TypeError if it does not score each sample."""
    if not isinstance(strategy, ScoreStrategy):
        raise TypeError(
            "'strategy' must be a strategy object that scores each sample, such as Entropy();"
            f" got {strategy!r:.100}. A strategy that builds batches has no scores to sample"
            " from."
        )
    return strategy
