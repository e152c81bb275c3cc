"""BanditSampler: base of samplers that learn from the labels of their picks.

For each pick of a batch the bandit draws an arm, which is a strategy. The query records the
arm of each sample. ``teach`` finds these samples among the newly labelled ones by the hash
of their content, and updates the arms.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch

from .._utils._atomic import all_or_nothing
from .._utils._rng import derive_seed
from ..data._rows import n_samples, take_rows
from ..mixing import Candidates
from ..signals import Signals
from ..signals._task_signals import task_signals
from ._composition import StrategiesSampler
from ._result import Answer


class BanditSampler(StrategiesSampler):
    """Base of bandits over strategies.

    Subclasses implement ``_reset_arms``, ``_draw_arms`` and ``_update``. Arms are identified
    by the names of their strategies, so that a query that drops a strategy draws among the
    others.

    Parameters
    ----------
    estimator, strategies, n_instances, signals, classes, on_nonfinite, on_error, random_state
        See :class:`~skautoal.AutoALSampler`.

    """

    last_query_: np.ndarray | None

    @abstractmethod
    def _reset_arms(self) -> None:
        """Forget everything about the arms."""

    @abstractmethod
    def _draw_arms(self, arms: np.ndarray, n_draws: int, rng: np.random.RandomState) -> np.ndarray:
        """Draw the arms of a batch from ``arms``, (n_draws,) integers below K."""

    @abstractmethod
    def _update(self, draws: np.ndarray, rows: np.ndarray) -> None:
        """Update the arms after ``draws`` of ``last_query_`` have been labelled.

        The sampler is already fitted on the new labels. ``rows`` are the positions of the
        draws in ``y_labeled_``. Both may be empty.
        """

    def _probabilities(self) -> dict[str, float] | None:
        """Return the probability of each arm, if it is known before the draw."""
        return None

    @property
    def _n_rounds_remembered(self) -> float:
        return np.inf

    def _reset(self) -> None:
        self._arms = [name for name, _ in self.strategies_]
        self._reset_arms()
        self.last_query_ = None

    def teach(self, X: Any, y: Any) -> BanditSampler:
        """Add newly labelled samples, fit again on all, and update the arms.

        Parameters
        ----------
        X : array-like of shape (n_new, ...)
            Samples, in the container that ``fit`` was given. Those of the last query are
            recognized by their content, in any order; others do not update an arm.
        y : array-like of shape (n_new,)
            Their labels, which may include new classes.

        Returns
        -------
        self : object

        """
        if not hasattr(self, "estimator_"):
            return self.fit(X, y)
        draws, rows = self._answers(X)
        before = len(self.y_labeled_)
        # If the update fails, the labels are removed too: a second call would add them twice.
        with all_or_nothing(self):
            super().teach(X, y)
            if self._arms == [name for name, _ in self.strategies_]:
                self._update(draws, before + rows)
                self.last_query_ = None
            else:  # set_params has changed the strategies
                self._reset()
        return self

    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        rankings = candidates.rankings(signals, n_instances, derive_seed(seed, "candidates"))
        rng = np.random.RandomState(derive_seed(seed, "arms"))
        among = np.array([self._arms.index(name) for name in candidates.names])
        arms = self._draw_arms(among, n_instances, rng)
        picks, offers = deal(torch.stack(rankings).cpu().numpy(), np.searchsorted(among, arms))
        rows = torch.as_tensor(picks, device=signals.device)
        position = torch.arange(n_instances, device=signals.device)
        by_place = (1 - position / n_instances).float()
        scores = torch.zeros(signals.n_samples, device=signals.device)
        scores[rows] = by_place
        utilities = scores.new_zeros(signals.n_samples, len(candidates))
        for column, ranking in enumerate(rankings):
            utilities[ranking, column] = by_place
        weights = torch.zeros_like(utilities)
        weights[rows, torch.as_tensor(np.searchsorted(among, arms), device=rows.device)] = 1.0
        advice = np.zeros((n_instances, len(self._arms)), dtype=bool)
        advice[:, among] = offers == picks[:, None]
        memo = {int(row): (int(arms[i]), advice[i]) for i, row in enumerate(picks)}
        shares = np.bincount(arms, minlength=len(self._arms)) / n_instances
        reported = {"batch": dict(zip(self._arms, shares.tolist(), strict=True))}
        probabilities = self._probabilities()
        if probabilities is not None:
            reported = {"pool": probabilities, **reported}
        return Answer(rows, scores, candidates.names, utilities, weights, reported, memo=memo)

    def _remember(self, X: Any, indices: np.ndarray, memo: Any) -> None:
        fields = [("row_hash", np.uint64), ("arm", np.int64), ("advice", bool, (len(self._arms),))]
        # With a budget, the rest of a batch may be samples that no arm picked.
        indices = indices[np.isin(indices, list(memo))]
        query = np.zeros(len(indices), dtype=fields)
        if len(indices):
            query["row_hash"] = self._row_keys(take_rows(X, indices))
            query["arm"] = [memo[pick][0] for pick in indices.tolist()]
            query["advice"] = [memo[pick][1] for pick in indices.tolist()]
        self.last_query_ = query

    def _answers(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Find the draws of the last query in ``X``; return them and their rows."""
        checked = self._check_samples(X, "X", self._template, reset=False)
        waiting: dict[int, list[int]] = {}
        if self.last_query_ is not None:
            for draw, key in enumerate(self.last_query_["row_hash"].tolist()):
                waiting.setdefault(key, []).append(draw)
        pairs = []
        if waiting:
            for row, key in enumerate(self._row_keys(checked).tolist()):
                # Samples of equal content are matched one after the other.
                if waiting.get(key):
                    pairs.append((waiting[key].pop(0), row))
        draws, rows = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return draws, rows

    def _row_keys(self, checked: Any) -> np.ndarray:
        """Hash the content of each row, independently of the other rows."""
        if self._task.transformer is None:
            return self._hash(checked)
        # A transformer that multiplies matrices rounds differently for other numbers of
        # rows, so each row is transformed separately.
        rows = [take_rows(checked, [i]) for i in range(n_samples(checked))]
        return np.concatenate([self._hash(self._task.transform(row)) for row in rows])

    def _hash(self, X: Any) -> np.ndarray:
        return task_signals(self._task, X, seed=0, labeled=False).row_hash


def deal(rankings: np.ndarray, arms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Let the drawn arms pick in turn; each picks the best of its samples that are left.

    Parameters
    ----------
    rankings : ndarray of shape (K, m)
        Distinct samples of each arm, best first; m is at least the number of draws.
    arms : ndarray of shape (b,)
        The arm of each draw.

    Returns
    -------
    picks : ndarray of shape (b,)
        Distinct samples.
    offers : ndarray of shape (b, K)
        Sample that each arm would have picked at each draw.

    """
    K = len(rankings)
    taken: set[int] = set()
    position = np.zeros(K, dtype=np.int64)
    offers = np.empty((len(arms), K), dtype=np.int64)
    for draw, arm in enumerate(arms):
        for k in range(K):
            while rankings[k, position[k]] in taken:
                position[k] += 1
            offers[draw, k] = rankings[k, position[k]]
        taken.add(int(offers[draw, arm]))
    return offers[np.arange(len(arms)), arms], offers
