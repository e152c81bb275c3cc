"""Candidates that fail or never end: the error names them, or the work goes on without them."""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any

from .._rng import PROCESS_LOCK
from ..exceptions import SkautoalError, StrategyDroppedWarning, StrategyError
from ..strategies import Strategy


class CandidatesFailed(Exception):
    """Some candidates failed and are to be dropped; carries their errors by position."""

    def __init__(self, errors: dict[int, Exception]):
        super().__init__(errors)
        self.errors = errors


class Faults:
    """Errors of the candidates in one piece of work.

    Parameters
    ----------
    strategies : sequence of Strategy
        The candidates.
    on_error : {"raise", "drop"}
        ``"raise"``: an error ends the work. ``"drop"``: errors are kept for ``settle``.
    timeout : float or None
        Seconds after which a candidate counts as one that never ends.

    """

    def __init__(self, strategies: Sequence[Strategy], on_error: str, timeout: float | None):
        self.strategies, self.on_error, self.timeout = strategies, on_error, timeout
        self.errors: dict[int, Exception] = {}

    def attempt(self, position: int, function: Callable[[], Any]) -> tuple[Any, Exception | None]:
        """What ``function`` returns, or the error it raised."""
        name = self.strategies[position].name
        try:
            return (function() if self.timeout is None else self._in_time(name, function)), None
        except Exception as exc:
            return None, exc

    def note(self, position: int, error: Exception | None) -> None:
        """Raise an error of a candidate, under its name, or keep it."""
        if error is None:
            return
        named = _named(self.strategies[position].name, error)
        if self.on_error == "raise" or isinstance(error, _CannotGoOn):
            raise named from (None if named is error else error)
        self.errors[position] = named

    def settle(self) -> None:
        """Raise what was kept."""
        if self.errors:
            raise CandidatesFailed(self.errors)

    def _in_time(self, name: str, function: Callable[[], Any]):
        # A thread cannot be stopped from outside: one that never ends is left behind, as
        # a daemon, so that the program can end.
        answers: queue.SimpleQueue = queue.SimpleQueue()

        def work():
            try:
                answers.put((function(), None))
            except BaseException as exc:
                answers.put((None, exc))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            answer, error = answers.get(timeout=self.timeout)
        except queue.Empty:
            message = f"Strategy {name} did not end within {self.timeout:g} s (strategy_timeout)."
            if PROCESS_LOCK.owner == thread.ident:
                raise _CannotGoOn(
                    f"{message} It trains a net or borrows the global random generators, which"
                    " nothing else can use before it ends. Start the process again without it."
                ) from None
            raise StrategyError(message) from None
        if error is not None:
            raise error
        return answer


class _CannotGoOn(StrategyError):
    """A candidate that never ends holds what all others need."""


def _named(name: str, error: Exception) -> Exception:
    """The error itself if it says which strategy it is about, else one that does."""
    if isinstance(error, SkautoalError) or str(error).startswith(f"{name} "):
        return error
    return StrategyError(f"Strategy {name} raised {type(error).__name__}: {error}")


def without_failing(search, work: Callable[[Any], Any], stacklevel: int):
    """Do ``work(search)``; candidates that fail are left out, and it is done again.

    Parameters
    ----------
    search : AdaptiveSearch
        With all candidates.
    work : callable
        Takes a search; raises CandidatesFailed.
    stacklevel : int
        Frame that warnings point at, counted from here.

    Returns
    -------
    answer : object
        What ``work`` returned.
    search : AdaptiveSearch
        With the candidates that are left.
    dropped : dict of str to str
        Names of the others, and why.

    """
    dropped: dict[str, str] = {}
    while True:
        try:
            return work(search), search, dropped
        except CandidatesFailed as failed:
            errors = {search.names[position]: exc for position, exc in failed.errors.items()}
        dropped |= {name: str(error) for name, error in errors.items()}
        if len(errors) == len(search.names):
            raise StrategyError(
                f"All strategies failed: {dropped}. With on_error='raise' the first error has"
                " its traceback."
            ) from next(iter(errors.values()))
        for name, error in errors.items():
            warnings.warn(
                f"Strategy {name!r} is left out (on_error='drop'): {error}",
                StrategyDroppedWarning,
                stacklevel=stacklevel,
            )
        search = search.without(errors)


def kept(pairs: Sequence[tuple[str, Strategy]], dropped: Collection[str]):
    """Pairs of name and strategy whose names are not in ``dropped``."""
    return [(name, strategy) for name, strategy in pairs if name not in dropped]
