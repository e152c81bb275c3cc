"""Choosers that learn from the labels they asked for: which arm brought which sample.

Each pick of a batch is drawn by an arm of a bandit, a strategy. The query remembers who
brought what; ``teach`` finds these samples among the newly labelled ones by the hash of
their content, and pays the arms.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from sklearn.utils import _safe_indexing

from .._net import take_rows
from .._rng import derive_seed
from .._validation import is_dict, n_samples
from ._base import all_or_nothing
from ._composition import StrategiesSampler, rank_all
from ._explain import Opinions


class BanditSampler(StrategiesSampler):
    """Base of bandits over strategies.

    Subclasses implement ``_reset``, ``_draw_arms`` and ``_learn``.

    Parameters
    ----------
    estimator, strategies, n_instances, embedding_layer, n_passes, classes, prefit, random_state
        See :class:`~skautoal.AutoALSampler`.

    """

    last_query_: np.ndarray | None

    @abstractmethod
    def _reset(self) -> None:
        """Forget everything about the arms."""

    @abstractmethod
    def _draw_arms(self, n_draws: int, rng: np.random.RandomState) -> np.ndarray:
        """Arms of the picks of a batch, (n_draws,) integers below K."""

    @abstractmethod
    def _learn(self, draws: np.ndarray, rows: np.ndarray) -> None:
        """Pay the arms: ``draws`` of ``last_query_`` got the labels of ``rows``.

        The sampler is fitted on the new labels already; ``rows`` are positions in
        ``y_labeled_``. Both may be empty.
        """

    def fit(self, X, y):
        super().fit(X, y)
        self._reset()
        self.last_query_ = None
        return self

    def teach(self, X, y):
        """Pay the arms for newly labelled samples, add these and fit again on all.

        Parameters
        ----------
        X : array-like of shape (n_new, ...)
            Samples, in the container that ``fit`` was given. Those of the last query are
            recognised by their content, in any order; others pay no arm.
        y : array-like of shape (n_new,)
            Their labels; new classes are welcome.

        Returns
        -------
        self : object

        """
        if not hasattr(self, "estimator_"):
            return self.fit(X, y)
        draws, rows = self._answers(X)
        before, arms = len(self.y_labeled_), self._names
        # Labels that were kept while the arms were not paid would be taught twice.
        with all_or_nothing(self):
            super().teach(X, y)
            if self._names == arms:
                self._learn(draws, before + rows)
            else:  # set_params brought others, of which nothing is known
                self._reset()
            self.last_query_ = None
        return self

    def _pick(self, signals, n_instances, seed):
        rankings = rank_all(self._candidates, signals, n_instances, derive_seed(seed, "candidates"))
        rng = np.random.RandomState(derive_seed(seed, "arms"))
        arms = self._draw_arms(n_instances, rng)
        picks, offers = deal(rankings, arms)
        dealt = {
            int(pick): (arm, offer == pick)
            for pick, arm, offer in zip(picks, arms, offers, strict=True)
        }
        rows = torch.as_tensor(picks, device=signals.device)
        utilities = torch.zeros(signals.n_samples, device=signals.device)
        position = torch.arange(n_instances, device=signals.device)
        utilities[rows] = (1 - position / n_instances).float()
        return rows, utilities, dealt

    def _opinions(self, signals, n_instances, seed, answer):
        rankings = rank_all(self._candidates, signals, n_instances, derive_seed(seed, "candidates"))
        utilities = torch.zeros(signals.n_samples, len(rankings), device=signals.device)
        weights = torch.zeros_like(utilities)
        for arm, ranking in enumerate(rankings):
            position = torch.arange(len(ranking), device=signals.device)
            utilities[ranking, arm] = (1 - position / len(ranking)).float()
        for pick, (arm, _) in answer[2].items():
            weights[pick, arm] = 1.0
        return Opinions(self._names, utilities, weights)

    def _asked(self, X, indices, memo):
        K = len(self.strategies_)
        fields = [("row_hash", np.uint64), ("arm", np.int64), ("advice", bool, (K,))]
        # A budget may be filled up with samples that no arm brought.
        indices = indices[np.isin(indices, list(memo))]
        query = np.zeros(len(indices), dtype=fields)
        if len(indices):
            query["row_hash"] = self._row_keys(self._rows(X, indices))
            query["arm"] = [memo[pick][0] for pick in indices.tolist()]
            query["advice"] = [memo[pick][1] for pick in indices.tolist()]
        self.last_query_ = query
        self._note_weights("batch", torch.eye(K)[query["arm"].tolist()])

    def _answers(self, X) -> tuple[np.ndarray, np.ndarray]:
        """Draws of the last query that ``X`` holds, and where in it."""
        checked = self._check_samples(X, "X", self._template, reset=False)
        waiting: dict[int, list[int]] = {}
        if self.last_query_ is not None:
            for draw, key in enumerate(self.last_query_["row_hash"].tolist()):
                waiting.setdefault(key, []).append(draw)
        pairs = []
        if waiting:
            for row, key in enumerate(self._row_keys(checked).tolist()):
                # Samples of equal content are answered one after the other.
                if waiting.get(key):
                    pairs.append((waiting[key].pop(0), row))
        draws, rows = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return draws, rows

    def _row_keys(self, checked) -> np.ndarray:
        """Content hash of each row, the same whatever rows come with it."""
        if self._task.transformer is None:
            return self._hash(checked)
        # A transformer that multiplies matrices rounds differently for other numbers of
        # rows: each goes through it alone.
        rows = [self._rows(checked, [i]) for i in range(n_samples(checked))]
        return np.concatenate([self._hash(self._task.transform(row)) for row in rows])

    def _rows(self, checked, indices):
        """Some rows; transformers take containers that nets do not, frames and lists."""
        if self._task.transformer is None or is_dict(checked):
            return take_rows(checked, indices)
        return _safe_indexing(checked, indices)

    def _hash(self, X) -> np.ndarray:
        return self._task.net_signals(X, n_passes=self.n_passes, seed=0, labeled=False).row_hash


def deal(rankings: np.ndarray, arms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Let the drawn arms pick in turn, each the best of its samples that are left.

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
        What each arm would have picked at each draw.

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
