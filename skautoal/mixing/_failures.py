"""Failing strategies: raise an error that names them, or continue without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._utils._warnings import warn_caller
from ..exceptions import SkautoalError, StrategyDroppedWarning, StrategyError

if TYPE_CHECKING:
    from ._candidates import Candidates


class CandidatesFailed(Exception):
    """Candidates to be dropped; carries their errors by name."""

    def __init__(self, errors: dict[str, Exception]):
        super().__init__(errors)
        self.errors = errors


def named_error(name: str, error: Exception) -> Exception:
    """Return an error whose message begins with the strategy.

    The messages of skautoal's own errors name it already.
    """
    if isinstance(error, SkautoalError) or str(error).startswith(f"Strategy {name}"):
        return error
    return StrategyError(f"Strategy {name} raised {type(error).__name__}: {error}")


def without_failing(
    candidates: Candidates, work: Callable[[Candidates], Any]
) -> tuple[Any, Candidates, dict[str, str]]:
    """Call ``work(candidates)``, and repeat it without the candidates that fail.

    Parameters
    ----------
    candidates : Candidates
        All candidates. With ``on_error="raise"`` their errors pass through.
    work : callable
        Takes candidates; raises CandidatesFailed.

    Returns
    -------
    answer : object
        The value that ``work`` returned.
    candidates : Candidates
        Candidates that did not fail.
    dropped : dict of str to str
        Names of the others, with the reason.

    Raises
    ------
    StrategyError
        If no candidate is left.

    """
    dropped: dict[str, str] = {}
    while True:
        try:
            return work(candidates), candidates, dropped
        except CandidatesFailed as failed:
            errors = failed.errors
        dropped |= {name: str(error) for name, error in errors.items()}
        candidates = candidates.without(errors)
        if len(candidates) == 0:
            raise StrategyError(
                f"All strategies failed: {dropped}. Use on_error='raise' to see the traceback"
                " of the first error."
            ) from next(iter(errors.values()))
        for name, error in errors.items():
            warn_caller(
                f"Strategy {name!r} is left out (on_error='drop'): {error}",
                StrategyDroppedWarning,
            )
