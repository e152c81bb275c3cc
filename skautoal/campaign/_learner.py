"""The sampler of each round of a campaign, fitted from the labels when it is needed.

The answer of a sampler depends on the labels that it is fitted on and, for some samplers,
on earlier rounds: bandits are rewarded for their queries, a search learns from the labels of
the last rounds, and some strategies compare a net with that of the previous round. For
these, earlier rounds are repeated from the journal when a campaign is loaded.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone

from .._utils._rng import derive_seed
from .._utils._warnings import warn_caller
from ..data._rows import load_rows
from ..exceptions import SkautoalWarning
from ..samplers._rounds import PreviousRound, compares_rounds
from ._pool import part_of


@dataclass(frozen=True)
class Round:
    """A round of a sampler, as the journal tells it.

    Attributes
    ----------
    labels : dict of int to label
        The labels at the time; valid until the next round is looked at.
    candidates : ndarray of int
        What could be asked for.
    picks : list of int
        What was asked for.
    limits : dict
        ``costs`` of the candidates and ``budget``, if there were any.

    """

    labels: dict
    candidates: np.ndarray
    picks: list[int]
    limits: dict = field(default_factory=dict)


class Learner:
    """Fits a sampler on the labels of a campaign, with what it has to know of before.

    Parameters
    ----------
    sampler : BaseSampler
        Copied, never fitted itself.
    X : array-like of shape (n_pool, ...)
        The pool.
    seed : int
        That of the campaign.

    Attributes
    ----------
    compares : bool
        True if a strategy compares the net with that of the previous round.
    memory : float
        Number of earlier rounds with new labels that the sampler looks back to, or infinity.

    """

    def __init__(self, sampler: Any, X: Any, seed: int) -> None:
        self.compares = compares_rounds(sampler)
        # The net of the oldest of these rounds is compared with that of the round before.
        self.memory = sampler._n_rounds_remembered + self.compares
        self._sampler, self._X, self._seed = clone(sampler), X, seed
        self._fitted: Any = None
        self._labels: Any = None
        # As it was in the last round: order of the labels, the labels, the sampler.
        self._order: list[int] = []
        self._before: dict | None = None
        self._asked: Any = None

    @property
    def lacks_comparison(self) -> bool:
        """True if a strategy needs an earlier net and there is none yet."""
        return self.compares and self._asked is None

    def at(self, labels: dict) -> Any:
        """The sampler for these labels: the same, whenever and how often it is asked for."""
        if self._labels != labels:
            if self._asked is None:
                fitted = self._fresh(labels)
            elif self._before == labels:
                fitted = self._asked
            else:
                fitted = self._taught(labels)
            self._fitted, self._labels = fitted, dict(labels)
        return self._fitted

    def note_asked(self) -> None:
        """The sampler of the last :meth:`at` took part in a round: later ones build on it."""
        if self.memory:
            self._order = self._order_of(self._labels)
            self._before, self._asked = self._labels, self._fitted

    def repeat(self, rounds: Callable[[], Iterator[Round]]) -> None:
        """Go through earlier rounds again, as far as the sampler looks back."""
        if not self.memory:
            return
        first = self._first_needed([hash(frozenset(done.labels)) for done in rounds()])
        for number, done in enumerate(rounds()):
            if number < first:
                self._order, self._before = self._order_of(done.labels), None
                continue
            sampler = self.at(done.labels)
            if self.memory == np.inf and done.picks:
                part = part_of(self._X, done.candidates)
                found = sampler.query(part, len(done.picks), **done.limits)
                _compare(done.candidates[found], done.picks)
            self.note_asked()

    def _first_needed(self, keys: list[int]) -> int:
        """First round to repeat, by what is labelled in each.

        That is the last set of labelled samples, and as many before it as are remembered. A
        round in which labels were only corrected brings a sampler nothing to remember.
        """
        first, n_sets = len(keys), 0
        while first > 0:
            is_new = first == len(keys) or keys[first - 1] != keys[first]
            if is_new and n_sets > self.memory:
                break
            n_sets += is_new
            first -= 1
        return first

    def _order_of(self, labels: dict) -> list[int]:
        """Samples in the order of their rounds, those of one round sorted."""
        known = set(self._order)
        return self._order + sorted(index for index in labels if index not in known)

    def _fresh(self, labels: dict) -> Any:
        order = self._order_of(labels)
        sampler = clone(self._sampler).set_params(random_state=self._seed_of(labels))
        return sampler.fit(self._rows(order), _as_array(labels, order))

    def _taught(self, labels: dict) -> Any:
        """A copy of the last round's sampler that has learned what was told since."""
        order, n_known = self._order_of(labels), len(self._order)
        sampler = copy.deepcopy(self._asked).set_params(random_state=self._seed_of(labels))
        y = _as_array(labels, order)
        if len(order) == n_known:  # corrections only: nothing to teach, all to fit again
            previous = PreviousRound.of(sampler)
            return sampler._fit(self._rows(order), y, previous, keeps_rounds=True)
        sampler.y_labeled_ = y[:n_known]
        return sampler.teach(self._rows(order[n_known:]), y[n_known:])

    def _rows(self, order: list[int]) -> Any:
        return load_rows(self._X, order)

    def _seed_of(self, labels: dict) -> int:
        # Nets of different rounds start from different weights: chance averages out.
        return derive_seed(self._seed, "campaign fit", len(labels))


def _as_array(labels: dict, order: list[int]) -> np.ndarray:
    return np.array([labels[index] for index in order])


def _compare(found: np.ndarray, picks: list[int]) -> None:
    if found.tolist() != picks:
        warn_caller(
            "A round of this campaign, repeated, picks other samples than recorded: the sampler,"
            " the machine or the software differs. The labels are not affected; what the"
            " sampler learned from its rounds may be.",
            SkautoalWarning,
        )
