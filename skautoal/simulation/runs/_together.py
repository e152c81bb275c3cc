"""Runs with several seeds side by side: they meet whenever each of them has a net to train.

Each run has a thread of its own, of which one works at a time. A net that is to be trained
waits until the other runs have one, too; then all are trained as one tensor program.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from ...nets._training import TRAINER, fit_alone
from ._batched_training import fit_nets

Result = TypeVar("Result")

_PATIENCE = 0.2  # seconds


def run_together(runs: Sequence[Callable[[], Result]]) -> list[Result | BaseException]:
    """Run functions in threads that train their nets together.

    Parameters
    ----------
    runs : sequence of callables
        Functions without arguments.

    Returns
    -------
    results : list
        What each of them returns, or the exception that it raises.

    """
    meeting = _Meeting(len(runs))
    results: list[Any] = [None] * len(runs)

    def work(number: int, run: Callable[[], Result]) -> None:
        TRAINER.set(meeting.train)
        with meeting.turn:
            try:
                results[number] = run()
            except BaseException as exc:
                results[number] = exc
            finally:
                meeting.leave()

    threads = [
        threading.Thread(target=work, args=pair, daemon=True, name=f"run {pair[0]}")
        for pair in enumerate(runs)
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(_PATIENCE)  # in steps, so that Ctrl-C is heard
    except BaseException:
        meeting.stop()
        raise
    return results


@dataclass
class _Wish:
    """A net to be trained, and how that ended."""

    net: Any
    X: Any
    codes: np.ndarray
    seed: int
    done: bool = False
    error: BaseException | None = None

    def kind(self) -> Hashable:
        """Return what nets must have in common to be trained together; None for no other."""
        if not isinstance(self.X, (np.ndarray, Tensor)):
            return None
        return len(self.codes), tuple(self.X.shape), str(self.X.dtype)


class _Meeting:
    """Meeting of the threads of several runs: each waits until all of them have a net to train.

    Attributes
    ----------
    turn : Lock
        Held by the thread that works.

    """

    def __init__(self, n_runs: int) -> None:
        self.turn = threading.Lock()
        self._n_working = n_runs
        self._waiting: list[_Wish] = []
        self._stopped = False
        self._met = threading.Condition(self.turn)

    def train(self, net: Any, X: Any, codes: np.ndarray, seed: int) -> None:
        """Train a net together with those of the other runs."""
        wish = _Wish(net, X, codes, seed)
        self._waiting.append(wish)
        self._part()
        while not wish.done and not self._stopped:
            self._met.wait()
        if self._stopped:
            raise InterruptedError("The comparison was interrupted.")
        if wish.error is not None:
            raise wish.error

    def stop(self) -> None:
        """End every run at the next net that it trains."""
        self._stopped = True
        with self.turn:
            self._met.notify_all()

    def leave(self) -> None:
        """End the run of the current thread."""
        self._part()

    def _part(self) -> None:
        """Count one thread less that works; if it was the last, train what is waited for."""
        self._n_working -= 1
        if self._n_working or not self._waiting or self._stopped:
            return
        wishes, self._waiting = self._waiting, []
        self._n_working = len(wishes)
        for group in _groups(wishes):
            _fulfil(group)
        self._met.notify_all()


def _groups(wishes: list[_Wish]) -> list[list[_Wish]]:
    groups: dict[Hashable, list[_Wish]] = {}
    for number, wish in enumerate(wishes):
        kind = wish.kind()
        groups.setdefault(("alone", number) if kind is None else kind, []).append(wish)
    return list(groups.values())


def _fulfil(group: list[_Wish]) -> None:
    try:
        if len(group) == 1:
            fit_alone(group[0].net, group[0].X, group[0].codes, group[0].seed)
        else:
            fit_nets(
                [wish.net for wish in group],
                [wish.X for wish in group],
                [wish.codes.astype(np.int64) for wish in group],
                [wish.seed for wish in group],
            )
    except BaseException as exc:
        for wish in group:
            wish.error = exc
    for wish in group:
        wish.done = True
