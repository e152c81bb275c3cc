"""Asker: answers ``ask`` by the cold start, or by the sampler fitted on the labels so far."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._utils._rng import derive_seed
from ..data._rows import take_rows
from ._cold_start import Costs, diverse_picks
from ._files import CampaignFiles
from ._learner import Learner, Round
from ._pool import part_of
from ._reasons import reasons_of
from ._state import CampaignState, encoded

_COLD = "cold start: "


class Asker:
    """Chooses samples from what a campaign knows, as a function of its steps alone.

    Parameters
    ----------
    sampler : BaseSampler
        Not fitted.
    X : array-like of shape (n_pool, ...)
        The pool.
    features : array-like of shape (n_pool, d) or None
        For the cold start.
    files : CampaignFiles
        Where earlier rounds are written down.
    stopping : list of StoppingCriterion
        They may want predictions watched.

    """

    def __init__(
        self, sampler: Any, X: Any, features: Any, files: CampaignFiles, stopping: list
    ) -> None:
        self._sampler, self._X, self._features = sampler, X, features
        self._files = files
        self._n_watched = max((criterion.n_watched for criterion in stopping), default=0)
        self._forget()

    def _forget(self) -> None:
        self._learner = Learner(self._sampler, self._X, self._files.seed)
        self._is_repeated = False

    def sampler(self, state: CampaignState, *, copied: bool = False) -> Any:
        """The sampler fitted on all labels, or None while there is but one class.

        With ``copied``, one that may be queried without a trace.
        """
        if len(set(state.labels.values())) < 2:
            return None
        if not self._is_repeated:
            self._learner.repeat(lambda: self._rounds(state.n_pool))
            self._is_repeated = True
        sampler = self._learner.at(state.labels)
        return copy.deepcopy(sampler) if copied and self._learner.memory else sampler

    @contextmanager
    def question(
        self, state: CampaignState, free: np.ndarray, n: int, costs: Costs | None = None
    ) -> Iterator[dict]:
        """Give the step that asks for ``n`` of the free samples; the block has to write it."""
        try:
            sampler = self.sampler(state)
            yield self._question(state, sampler, free, n, costs)
            if sampler is not None:
                self._learner.note_asked()
        except BaseException:
            # A sampler that remembers may have noted a question that was never asked.
            self._forget()
            raise

    def _question(
        self, state: CampaignState, sampler: Any, free: np.ndarray, n: int, costs: Costs | None
    ) -> dict:
        start = time.perf_counter()
        if sampler is None or self._learner.lacks_comparison:
            picks = self._diverse(state, free, n, costs)
            columns = ("predicted", "probability", "strategies", "weights")
            reasons = {"by": _COLD + self._files.cold_start, **dict.fromkeys(columns)}
        else:
            limits = {} if costs is None else costs.of(free)
            result = sampler.query(part_of(self._X, free), n, return_result=True, **limits)
            picks, reasons = free[result.indices], reasons_of(sampler, result)
        return {
            "kind": "ask",
            "round": state.n_rounds,
            "indices": picks.tolist(),
            "fitted": sampler is not None,
            "n_labeled": len(state.labels),
            **reasons,
            "watched": self._watched(state, sampler),
            **self._recorded(sampler, free, costs),
            "seconds": time.perf_counter() - start,
        }

    def _recorded(self, sampler: Any, free: np.ndarray, costs: Costs | None) -> dict:
        """Costs that are needed to repeat the round, for samplers that learn from rounds."""
        if costs is None or sampler is None or self._learner.memory < np.inf:
            return {}
        limits = costs.of(free)
        return {"costs": limits["costs"].tolist(), "budget": limits["budget"]}

    def _diverse(
        self, state: CampaignState, free: np.ndarray, n: int, costs: Costs | None
    ) -> np.ndarray:
        taken = np.array([*state.labels, *state.pending, *state.refused], dtype=np.int64)
        return diverse_picks(
            self._files.cold_start,
            self._sampler,
            self._X,
            self._features,
            free,
            np.sort(taken),
            n,
            derive_seed(self._files.seed, "cold start", state.n_rounds),
            costs,
        )

    def _watched(self, state: CampaignState, sampler: Any) -> dict | None:
        """Predictions of samples that are always the same, if the labels are new."""
        n = min(self._n_watched, state.n_pool)
        if n == 0 or sampler is None or state.watched_version == state.version:
            return None
        rng = np.random.RandomState(derive_seed(self._files.seed, "watched"))
        rows = np.sort(rng.choice(state.n_pool, n, replace=False))
        return encoded(sampler.predict(take_rows(self._X, rows)).tolist())

    def _rounds(self, n_pool: int) -> Iterator[Round]:
        """Rounds of the sampler as it is now, from the journal."""
        state = CampaignState(n_pool)
        for number, step in enumerate(self._files.steps()):
            if step["kind"] == "ask" and step["fitted"] and number >= self._files.last_change:
                picks = [] if step["by"].startswith(_COLD) else step["indices"]
                limits = {key: step[key] for key in ("costs", "budget") if key in step}
                yield Round(state.labels, state.free(), picks, limits)
            state.apply(step)
