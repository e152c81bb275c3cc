"""SelectALSampler: a removal experiment determines the budget regime and its strategy."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import Interval

from .._utils._rng import derive_seed
from ..data._rows import take_rows
from ..mixing import Candidates, named_strategies
from ..nets._net import trunk_learns
from ..nets._task import TaskModel
from ..nets._training import fit_net, fresh_net
from ..ops._distances import normalize_rows
from ..ops._neighbors import typicality
from ..ops._uncertainty import margin
from ..search import stratified_splits
from ..search._fit_net import HeadFitNet, batched_heads
from ..signals import SignalOptions, Signals
from ..signals._compute import signals_from_net
from ..strategies import RandomSampling, Strategy
from ._base import BaseSampler
from ._result import Answer

_REGIMES = ("low_budget", "mid_budget", "high_budget")  # the first of equal errors is taken
_NEIGHBORS = 20


class SelectALSampler(BaseSampler):
    """Choose between typical, random and uncertain samples by a removal experiment.

    In ``fit`` the labelled set is split into a half for training and a half for testing.
    From the first a share of each class is removed: its most typical samples, random ones,
    or its most uncertain ones. The removal that raises the test error most, averaged over
    the splits, determines the regime: typical samples matter most at a low budget,
    uncertain ones at a high budget. Queries use the strategy of the regime.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, FrozenEstimator or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    low_budget : Strategy, str or callable, default="typiclust"
        Strategy of the regime of few labels.
    high_budget : Strategy, str or callable, default="margin"
        Strategy of the regime of many labels. Between the two, samples are chosen at random.
    n_instances : int, default=10
        Size of a batch.
    removed_share : float, default=0.3
        Share of each class that is removed; one label of each class stays.
    n_splits : int, default=2
        Random halvings of the labelled set; each half is held out once.
    signals : SignalOptions or None, default=None
        How the signals are computed.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    on_nonfinite : {"raise", "skip"}, default="raise"
        How to treat samples of a pool that contain NaN or infinity.
    on_error : {"raise", "drop"}, default="raise"
        How to treat a strategy that fails; see :class:`~skautoal.AutoALSampler`.
    random_state : int, RandomState or None, default=None
        Controls training, splits, tie-breaking and random draws.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    strategies_ : list of (str, Strategy)
        The strategies of low, high and mid budget with their names.
    regime_ : {"low_budget", "mid_budget", "high_budget"}
        Result of the experiment; ``"low_budget"`` if every class has a single label.
    removal_errors_ : dict of str to float
        Held-out error rate after each removal; empty if every class has a single label.
    timings_ : dict of str to float
        Seconds of each stage.

    Notes
    -----
    The models of the experiment are linear heads on the embeddings of the task model, which
    takes a fraction of the time of a training; the paper trains whole nets. The embeddings
    were learned from all labels, so the effect of a removal on them is not measured.

    References
    ----------
    .. [1] Hacohen & Weinshall, "How to select which active learning strategy is best
       suited for your specific problem and budget", NeurIPS 2023, arXiv 2306.03543.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import SelectALSampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = SelectALSampler(random_state=0).fit(X[:12], y[:12])
    >>> sampler.regime_ == max(sampler.removal_errors_, key=sampler.removal_errors_.get)
    True
    >>> len(sampler.query(X[12:], n_instances=5))
    5

    """

    _strategy_parameters = ("low_budget", "high_budget")

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "low_budget": "no_validation",
        "high_budget": "no_validation",
        "removed_share": [Interval(Real, 0, 1, closed="neither")],
        "n_splits": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any = None,
        low_budget: Any = "typiclust",
        high_budget: Any = "margin",
        *,
        n_instances: int = 10,
        removed_share: float = 0.3,
        n_splits: int = 2,
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
        self.low_budget = low_budget
        self.high_budget = high_budget
        self.removed_share = removed_share
        self.n_splits = n_splits

    def _own_needs(self) -> dict[str, str]:
        return {"embeddings": "SelectALSampler"}

    def _named_strategies(
        self, has: Callable[[str], bool] | None = None
    ) -> list[tuple[str, Strategy]]:
        return named_strategies([self.low_budget, self.high_budget, RandomSampling()])

    def _start(self, signals: Signals, candidates: Candidates) -> None:
        errors = removal_errors(
            self._task,
            signals,
            share=self.removed_share,
            n_splits=self.n_splits,
            seed=self._round_seed("removal"),
        )
        self.removal_errors_ = {} if errors is None else dict(zip(_REGIMES, errors, strict=True))
        self.regime_ = max(
            self.removal_errors_, key=self.removal_errors_.__getitem__, default=_REGIMES[0]
        )

    def _candidates_to_ask(self) -> Candidates:
        candidates = super()._candidates_to_ask()
        first = {"low_budget": 0, "high_budget": 1, "mid_budget": 2}[self.regime_]
        # If the strategy of the regime is dropped, samples are chosen at random.
        candidates.pairs = [candidates.pairs[i] for i in dict.fromkeys([first, 2])]
        return candidates

    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        picks, utilities = candidates.evaluate_first(signals, n_instances, seed)
        return Answer.of_one(candidates.names[0], picks, utilities)


def removal_errors(
    task: TaskModel, signals: Signals, *, share: float, n_splits: int, seed: int
) -> list[float] | None:
    """Return held-out error rates after removing typical, random and uncertain samples.

    Parameters
    ----------
    task : TaskModel
        The task model with its labelled samples.
    signals : Signals
        Their signals.
    share : float
        Share of each class to remove, rounded up, but never the last sample.
    n_splits : int
        Random halvings; each half is held out once.
    seed : int
        Decides the halves and the random removal.

    Returns
    -------
    errors : list of three float, or None
        None where no sample can be held out.

    """
    rng = np.random.RandomState(derive_seed(seed, "splits"))
    splits = stratified_splits(task.codes, n_splits, rng)
    if not splits:
        return None
    if not trunk_learns(task.net, task.layout):
        return (
            errors_after_removal(signals, task.codes, splits, share, rng, seed)
            .mean(axis=1)
            .tolist()
        )
    if task.frozen:
        return None  # it may have been trained on these very labels
    errors = []
    for number, (T, V) in enumerate(splits):
        labels = task.codes[T]
        net = fit_net(
            fresh_net(task.net, labels),
            take_rows(task.X_labeled, T),
            labels,
            derive_seed(seed, "trunk", number),
        )
        unseen = signals_from_net(net, task.X_labeled, task.layout, seed=seed)
        errors.append(errors_after_removal(unseen, task.codes, [(T, V)], share, rng, seed))
    return np.concatenate(errors, axis=1).mean(axis=1).tolist()


def errors_after_removal(
    signals: Signals,
    codes: np.ndarray,
    splits: list[tuple[np.ndarray, np.ndarray]],
    share: float,
    rng: np.random.RandomState,
    seed: int,
) -> np.ndarray:
    """Error rates of heads on embeddings that have not seen V, (3, n_splits)."""
    targets = torch.as_tensor(codes, device=signals.device)
    heads_of_splits = HeadFitNet(signals, targets, splits, dropout_rate=0.0, n_passes=2, seed=seed)
    density = typicality(normalize_rows(signals.embeddings.float()), _NEIGHBORS).cpu().numpy()
    kept = heads_of_splits.train.float().repeat(len(_REGIMES), 1, 1)
    for split, (T, _) in enumerate(splits):
        P = (heads_of_splits.H[T] @ heads_of_splits.weights[split]).softmax(-1)
        scores = (density[T], rng.random_sample(len(T)), -margin(P).cpu().numpy())
        for regime, score in enumerate(scores):
            kept[regime, split, T[highest_of_each_class(score, codes[T], share)]] = 0
    heads = batched_heads(heads_of_splits.H, targets, kept.flatten(0, 1), signals.n_classes)
    errors = np.zeros((len(_REGIMES), len(splits)))
    for regime, weights in enumerate(heads.unflatten(0, kept.shape[:2])):
        for split, (_, V) in enumerate(splits):
            wrong = (heads_of_splits.H[V] @ weights[split]).argmax(dim=1) != targets[V]
            errors[regime, split] = float(wrong.float().mean())
    return errors


def highest_of_each_class(scores: np.ndarray, codes: np.ndarray, share: float) -> np.ndarray:
    """Return the positions of a share of each class with the highest scores, never all."""
    order = np.lexsort((-scores, codes))
    _, first, counts = np.unique(codes[order], return_index=True, return_counts=True)
    quota = np.minimum(np.ceil(share * counts).astype(int), counts - 1)
    rank = np.arange(len(codes)) - np.repeat(first, counts)
    return order[rank < np.repeat(quota, counts)]
