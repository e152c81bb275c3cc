"""Base classes of query strategies: they read signals and return picks and utilities.

A strategy has parameters, like a scikit-learn estimator. It keeps no state between
queries and reads only :class:`~skautoal.signals.Signals`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from .._utils._rng import derive_seed, draw_seed
from ..data._requests import check_n_instances
from ..exceptions import StrategyOutputError
from ..signals import Signals
from ..signals._task_signals import query_signals

__all__ = ["BatchStrategy", "FunctionStrategy", "ScoreStrategy", "Strategy"]


class Strategy(BaseEstimator):
    """Base of all query strategies; subclass ScoreStrategy or BatchStrategy instead.

    Attributes
    ----------
    needs : tuple of str
        Names of the signals that are read (see :data:`skautoal.signals.SIGNAL_NAMES`).
    cost : str
        Time complexity, in terms of n (pool), l (labelled samples), b (batch),
        C (classes), d (embedding) and T (passes).
    reads_whole_pool : bool
        False if the strategy computes its signals for a part of the pool only.
    row_wise : bool
        True if the score of a sample depends only on the signals of that sample. A pool
        whose signals exceed ``max_memory`` is then scored exactly, part by part.

    """

    needs: tuple[str, ...] = ()
    cost: str = ""
    reads_whole_pool: bool = True
    row_wise: bool = False

    def __sklearn_is_fitted__(self) -> bool:
        return True  # nothing is learned outside a query

    @property
    def name(self) -> str:
        """Name of the strategy in tables and messages."""
        return type(self).__name__

    @abstractmethod
    def evaluate(
        self, signals: Signals, n_instances: int, random_state: Any = None
    ) -> tuple[Tensor, Tensor]:
        """Return picks and utilities, as tensors on the device of the signals.

        Parameters
        ----------
        signals : Signals
            Signals of the pool.
        n_instances : int
            Size of the batch, between 1 and n.
        random_state : int, RandomState or None, default=None
            Controls tie-breaking and random draws.

        Returns
        -------
        picks : Tensor of shape (n_instances,), dtype int64
            Distinct rows, best first.
        utilities : Tensor of shape (n,)
            Higher is better. Scores of a score strategy; for a batch strategy,
            1 - position / b for the picks and 0 for all other samples.

        """

    def pick(self, signals: Signals, n_instances: int, random_state: Any = None) -> Tensor:
        """Return the picks of :meth:`evaluate`, best first, (n_instances,) int64."""
        return self.evaluate(signals, n_instances, random_state)[0]

    def select(self, signals: Signals, n_instances: int, random_state: Any = None) -> np.ndarray:
        """Pick the samples that should be labelled next, given their signals.

        Parameters
        ----------
        signals : Signals
            Signals of the pool; those in ``needs`` are computed if they are not held yet.
        n_instances : int
            Size of the batch b. Values larger than the pool are clipped with a warning.
        random_state : int, RandomState or None, default=None
            Controls tie-breaking and random draws.

        Returns
        -------
        indices : ndarray of shape (min(n_instances, n),), dtype int64
            Distinct rows, best first.

        """
        k = check_n_instances(n_instances, signals.n_samples)
        if k == 0:
            return np.empty(0, dtype=np.int64)
        return self.pick(signals, k, random_state).cpu().numpy()

    def query(
        self,
        net: Any,
        X_pool: Any,
        n_instances: int = 1,
        *,
        X_labeled: Any = None,
        y_labeled: Any = None,
        previous_net: Any = None,
        embedding_layer: str = "auto",
        max_memory: int | str | None = None,
        random_state: Any = None,
    ) -> np.ndarray:
        """Pick the samples of a pool that should be labelled next.

        Parameters
        ----------
        net : skorch classifier
            Trained net; not modified.
        X_pool : array of shape (n, ...)
            Unlabelled samples as the net takes them, in any container that ``query`` of a
            sampler accepts. Other floating-point dtypes are converted to float32.
        n_instances : int, default=1
            Size of the batch b.
        X_labeled : array of shape (n_labeled, ...), optional
            Labelled samples, for strategies that read their signals.
        y_labeled : array of shape (n_labeled,), optional
            Their labels.
        previous_net : skorch classifier, optional
            The net of the previous round, for strategies that compare the two.
        embedding_layer : str, default="auto"
            Submodule whose input is the embedding.
        max_memory : int, str or None, default=None
            Memory for the signals and the work on them, in bytes or as text like
            ``"2GB"``; see ``query`` of a sampler.
        random_state : int, RandomState or None, default=None
            Controls tie-breaking, random draws and dropout masks.

        Returns
        -------
        indices : ndarray of shape (min(n_instances, n),), dtype int64
            Distinct indices into ``X_pool``, best first.

        """
        seed = draw_seed(random_state)
        signals = query_signals(
            net,
            X_pool,
            X_labeled=X_labeled,
            y_labeled=y_labeled,
            previous_net=previous_net,
            embedding_layer=embedding_layer,
            max_memory=max_memory,
            seed=seed,
        )
        with closing(signals):
            signals.read(self.needs)
            return self.select(signals, n_instances, derive_seed(seed, "select"))


class ScoreStrategy(Strategy):
    """Base of strategies that score every sample; the batch has the highest scores.

    Subclasses implement ``_scores(signals, rng)``, which returns a tensor (n,); higher is
    better.
    """

    @abstractmethod
    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor: ...

    def scores(self, signals: Signals, random_state: Any = None) -> Tensor:
        """Return the checked scores of all samples, (n,); higher is better.

        Raises
        ------
        StrategyOutputError
            If the scores have another shape or contain NaN or infinity.

        """
        rng = _as_rng(random_state)
        if self.row_wise:
            return signals.map_rows(self.needs, lambda part: self._checked(part, rng), self.name)
        signals.require(self.needs, needed_by=self.name)
        return self._checked(signals, rng)

    def _checked(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        raw = self._scores(signals, rng)
        try:
            scores = torch.as_tensor(raw, device=signals.device)
        except (TypeError, ValueError, RuntimeError) as exc:
            raise StrategyOutputError(
                f"Strategy {self.name} returned {raw!r:.80}, not numbers. It must return"
                " one score per sample, an array of shape (n,)."
            ) from exc
        if scores.is_complex():
            raise StrategyOutputError(
                f"Strategy {self.name} returned complex scores ({scores.dtype}). They must be real."
            )
        if scores.shape != (signals.n_samples,):
            raise StrategyOutputError(
                f"Strategy {self.name} returned scores of shape {tuple(scores.shape)} for"
                f" {signals.n_samples} samples. It must return shape (n,)."
            )
        if not bool(torch.isfinite(scores).all()):
            bad = (~torch.isfinite(scores)).nonzero().flatten()
            raise StrategyOutputError(
                f"Strategy {self.name} returned NaN or infinity for {len(bad)} of"
                f" {len(scores)} samples, the first of them {bad[:5].tolist()}. Scores"
                " must be finite."
            )
        return scores if scores.is_floating_point() else scores.double()

    def evaluate(
        self, signals: Signals, n_instances: int, random_state: Any = None
    ) -> tuple[Tensor, Tensor]:
        rng = _as_rng(random_state)
        scores = self.scores(signals, rng)
        return signals.top(scores, n_instances, rng), scores


class BatchStrategy(Strategy):
    """Base of strategies that build a batch, in which each pick depends on earlier ones.

    Subclasses implement ``_pick(signals, n_instances, rng)``, which returns distinct
    indices, best first.
    """

    @abstractmethod
    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor: ...

    def evaluate(
        self, signals: Signals, n_instances: int, random_state: Any = None
    ) -> tuple[Tensor, Tensor]:
        rng = _as_rng(random_state)
        if signals.exceeds_memory(self.needs):
            rows, part = signals.manageable(self.needs, n_instances, draw_seed(rng))
            assert rows is not None  # the signals of all rows are too large
            picks, utilities = self.evaluate(part, n_instances, rng)
            return rows[picks], utilities.new_zeros(len(signals)).index_copy_(0, rows, utilities)
        signals.require(self.needs, needed_by=self.name)
        picks = self._pick(signals, n_instances, rng)
        picks = self._checked(picks, signals.n_samples, n_instances)
        utilities = torch.zeros(signals.n_samples, device=signals.device)
        position = torch.arange(len(picks), device=signals.device)
        utilities[picks] = (1 - position / len(picks)).float()
        return picks, utilities

    def _checked(self, picks: Any, n: int, k: int) -> Tensor:
        try:
            rows = torch.as_tensor(picks)
        except (TypeError, ValueError, RuntimeError):
            rows = torch.empty(0)
        whole = not (rows.is_floating_point() or rows.is_complex() or rows.dtype == torch.bool)
        if rows.shape != (k,) or not whole or not _are_distinct_rows(rows, n):
            given = picks.tolist() if hasattr(picks, "tolist") else picks
            raise StrategyOutputError(
                f"Strategy {self.name} returned {given!r:.80} for n_instances={k}"
                f" and {n} samples. It must return {k} distinct integers in 0..{n - 1}."
            )
        return rows.long()


class FunctionStrategy(ScoreStrategy):
    """Use a function as a strategy.

    Parameters
    ----------
    function : callable
        Takes the :class:`~skautoal.signals.Signals` of a pool and returns scores, an array
        or tensor of shape (n,); higher is better.
    needs : tuple of str, default=("probabilities",)
        Signals that the function reads. They are checked before any work and computed in
        one pass.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import FunctionStrategy
    >>> strategy = FunctionStrategy(lambda signals: -signals.probabilities[:, 0])
    >>> strategy.select(Signals(probabilities=[[0.9, 0.1], [0.3, 0.7]]), 1).tolist()
    [1]

    """

    cost = "that of the function"

    def __init__(
        self,
        function: Callable[[Signals], object],
        needs: tuple[str, ...] = ("probabilities",),
    ):
        self.function = function
        self.needs = needs

    @property
    def name(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Any:
        return self.function(signals)


def _are_distinct_rows(rows: Tensor, n: int) -> bool:
    inside = bool(((rows >= 0) & (rows < n)).all())
    return inside and len(torch.unique(rows)) == len(rows)


def _as_rng(random_state: Any) -> np.random.RandomState:
    if isinstance(random_state, np.random.RandomState):
        return random_state
    return np.random.RandomState(draw_seed(random_state))
