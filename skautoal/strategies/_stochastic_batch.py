"""Batches drawn at random in proportion to the scores of another strategy."""

from __future__ import annotations

import torch
from torch import Tensor

from .._diagram import WrapperDiagramMixin
from ..ops._ranking import average_ranks, top_k
from ._bald import BALD
from ._base import BatchStrategy, ScoreStrategy
from ._checks import check_choice, check_number
from ._margin import Margin


class StochasticBatch(WrapperDiagramMixin, BatchStrategy):
    """Sample b of n without replacement, with chances that grow with a strategy's score.

    Gumbel noise of scale 1 / beta is added to log s (``"power"``), to s (``"softmax"``)
    or to -log r (``"softrank"``, r = 1 for the best); the largest b sums are a sample
    without replacement with chances proportional to s^beta, exp(beta s) or r^-beta. The
    top b of a score resemble each other and make a poor batch; chance spreads them at no
    cost. Cost O(n log n) beyond the strategy.

    Parameters
    ----------
    strategy : ScoreStrategy
        Strategy that scores each sample.
    beta : float, default=1.0
        Inverse temperature: towards 0 the batch is uniform, large values give the top b.
    transform : {"power", "softmax", "softrank"}, default="power"
        What of the score the chances grow with. ``"power"`` needs scores of at least 0;
        samples of score 0 come after all others.

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
        """Those of the strategy."""
        return _check_scoring(self.strategy).needs

    @property
    def name(self) -> str:
        return f"{type(self).__name__}({_check_scoring(self.strategy).name})"

    def _raw_scores(self, signals, rng) -> Tensor:
        return _check_scoring(self.strategy).scores(signals, rng)

    def _pick(self, signals, n_instances, rng):
        check_number("beta", self.beta, above=0)
        check_choice("transform", self.transform, ("power", "softmax", "softrank"))
        scores = self._logits(self._raw_scores(signals, rng).double())
        order = signals.order(rng)
        # Noise drawn along the order belongs to the rows, wherever they stand.
        noise = torch.as_tensor(rng.gumbel(size=len(order)), device=scores.device)
        scores[order] += noise / self.beta
        return top_k(scores, n_instances, order)

    def _logits(self, scores: Tensor) -> Tensor:
        """What the noise is added to, in a tensor of its own; -inf is never drawn first."""
        if self.transform == "softmax":
            return scores.clone()
        if self.transform == "softrank":
            return -average_ranks(-scores).log()
        if bool((scores < 0).any()):
            raise ValueError(
                "'transform=\"power\"' takes logarithms, but strategy"
                f" {self.strategy.name} scores {float(scores.min()):.3g}. Take"
                " transform='softmax' or 'softrank', which allow scores below 0."
            )
        return scores.log()


class PowerBALD(StochasticBatch):
    """Sample a batch with chances proportional to BALD^beta.

    ``StochasticBatch(BALD(), beta)`` under a name of its own. Cost O(TnC).

    Parameters
    ----------
    beta : float, default=1.0
        Inverse temperature: towards 0 the batch is uniform, large values give the top b.

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

    def _raw_scores(self, signals, rng):
        return BALD().scores(signals, rng)


class PowerMargin(StochasticBatch):
    """Sample a batch with chances proportional to (1 - (p_1 - p_2))^beta.

    The margin is turned into an uncertainty between 0 and 1, of which a power can be
    taken. Cost O(nC).

    Parameters
    ----------
    beta : float, default=1.0
        Inverse temperature: towards 0 the batch is uniform, large values give the top b.

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

    def _raw_scores(self, signals, rng):
        return (1 + Margin().scores(signals, rng)).clamp_min(0)  # against rounding


def _check_scoring(strategy) -> ScoreStrategy:
    if not isinstance(strategy, ScoreStrategy):
        raise TypeError(
            "'strategy' must be an object of a strategy that scores each sample, such as"
            f" Entropy(); got {strategy!r:.100}. Strategies that build batches have no"
            " scores to sample by."
        )
    return strategy
