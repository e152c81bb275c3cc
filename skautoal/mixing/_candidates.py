"""Candidates: named strategies that run together, their seeds, errors and shared signals."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from joblib import Parallel, delayed
from torch import Tensor

from .._utils._rng import derive_seed
from ..exceptions import InvalidSamplesError
from ..signals import Signals
from ..strategies import PAPER_CANDIDATES, Strategy, get_strategy
from ._failures import CandidatesFailed, named_error


class Candidates:
    """Named strategies that run on the same signals.

    All strategies of a sampler run through this class, so that checks, seeds and errors
    are the same everywhere.

    Parameters
    ----------
    pairs : iterable of (str, Strategy)
        Distinct names, each with its strategy.
    on_error : {"raise", "drop"}, default="raise"
        ``"raise"``: the first error is raised, with the name of its strategy. ``"drop"``:
        the errors of one call are raised together as CandidatesFailed, for
        :func:`without_failing`.
    n_jobs : int or None, default=None
        Threads that run the strategies side by side.

    Attributes
    ----------
    timings : dict of str to float
        Seconds that each strategy took, by name.

    """

    def __init__(
        self,
        pairs: Iterable[tuple[str, Strategy]],
        on_error: str = "raise",
        n_jobs: int | None = None,
    ):
        self.pairs = list(pairs)
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.timings: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def names(self) -> list[str]:
        """Names of the candidates, in order."""
        return [name for name, _ in self.pairs]

    @property
    def strategies(self) -> list[Strategy]:
        """The candidates, in order."""
        return [strategy for _, strategy in self.pairs]

    def seed(self, seed: int, k: int) -> int:
        """Return the seed of candidate k, derived from that of a call."""
        return derive_seed(seed, "candidate", k)

    def without(self, names: Collection[str]) -> Candidates:
        """Return the candidates that are not named."""
        pairs = [pair for pair in self.pairs if pair[0] not in names]
        return Candidates(pairs, self.on_error, self.n_jobs)

    def only(self, name: str) -> Candidates:
        """Return the candidate of that name alone."""
        return self.without(set(self.names) - {name})

    def compute(self, signals: Signals, also: Collection[str] = ()) -> None:
        """Check that the signals of all candidates are available; compute them in one pass.

        Parameters
        ----------
        signals : Signals
            Signals of the pool.
        also : collection of str, default=()
            Further signals to compute in the same pass.

        """
        errors: dict[str, Exception] = {}
        for name, strategy in self.pairs:
            check = partial(signals.check_available, strategy.needs, f"Strategy {name}")
            self._note(errors, name, _attempt(check)[1])
        self._settle(errors)
        whole = [strategy for strategy in self.strategies if strategy.reads_whole_pool]
        signals.compute({name for strategy in whole for name in strategy.needs} | set(also))

    def run(self, function: Callable[[int, Strategy], Any]) -> list[Any]:
        """Call ``function(k, strategy)`` for every candidate; return the answers in order.

        Raises
        ------
        StrategyError, StrategyOutputError, MissingSignalError
            The error of the first candidate that fails; the message names it.
        CandidatesFailed
            The errors of all that fail, with ``on_error="drop"``.

        """

        def timed(k: int, strategy: Strategy) -> tuple[Any, Exception | None, float]:
            start = time.perf_counter()
            answer, error = _attempt(partial(function, k, strategy))
            return answer, error, time.perf_counter() - start

        results = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(timed)(k, strategy) for k, strategy in enumerate(self.strategies)
        )
        errors: dict[str, Exception] = {}
        for name, (_, error, seconds) in zip(self.names, results, strict=True):
            self._note(errors, name, error)
            self.timings[name] = self.timings.get(name, 0.0) + seconds
        self._settle(errors)
        return [answer for answer, *_ in results]

    def evaluate_first(
        self, signals: Signals, n_instances: int, seed: int
    ) -> tuple[Tensor, Tensor]:
        """Return picks and utilities of the first candidate, as :meth:`Strategy.evaluate`."""
        first = self.only(self.names[0])

        def evaluate(_: int, strategy: Strategy) -> tuple[Tensor, Tensor]:
            signals.check_available(strategy.needs, f"Strategy {first.names[0]}")
            return strategy.evaluate(signals, n_instances, seed)

        answer = first.run(evaluate)[0]
        self.timings |= first.timings
        return answer

    def rankings(self, signals: Signals, n_instances: int, seed: int) -> list[Tensor]:
        """Return the picks of every candidate, best first: K tensors (n_instances,)."""
        self.compute(signals)
        return self.run(lambda k, strategy: strategy.pick(signals, n_instances, self.seed(seed, k)))

    def _note(self, errors: dict[str, Exception], name: str, error: Exception | None) -> None:
        if error is None:
            return
        if isinstance(error, InvalidSamplesError):
            raise error  # the samples are invalid, not the strategy that read them
        named = named_error(name, error)
        if self.on_error == "raise":
            raise named from (None if named is error else error)
        errors[name] = named

    def _settle(self, errors: dict[str, Exception]) -> None:
        if errors:
            raise CandidatesFailed(errors)


def _attempt(function: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return the answer of ``function``, or the error that it raised."""
    try:
        return function(), None
    except Exception as exc:
        return None, exc


def named_strategies(
    strategies: Any, has: Callable[[str], bool] | None = None
) -> list[tuple[str, Strategy]]:
    """Return candidates with distinct names from the parameter ``strategies``.

    Parameters
    ----------
    strategies : "auto", "paper" or list
        See :class:`~skautoal.AutoALSampler`.
    has : callable, optional
        Returns True for a signal that is available; ``"auto"`` leaves out strategies that
        need others.

    Returns
    -------
    pairs : list of (str, Strategy)

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
