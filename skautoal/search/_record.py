"""The record: held-out sets of earlier rounds, which cost no training.

Labels that ``teach`` brings were unknown to the net before. What this net and the
candidates say of them is asked before the net is trained again, and kept for later rounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ._held_out import HeldOut

#: Rounds that are remembered; a campaign repeats so many when it is loaded.
MAX_ROUNDS = 8
_FADING = 0.9  # weight of a set against that of the round after it


@dataclass(frozen=True)
class Record:
    """Held-out sets of the last rounds, the oldest first."""

    sets: tuple[HeldOut, ...] = field(default=())

    def with_round(self, held_out: HeldOut) -> Record:
        """Return the record with the set of one more round, without those too old."""
        return Record((*self.sets, held_out)[-MAX_ROUNDS:])

    def usable(self, names: list[str]) -> tuple[list[HeldOut], list[float]]:
        """Return the sets that know just these candidates, and how much each counts.

        A set whose candidates differ has utilities of other strategies and is left out.
        """
        known, importance = [], []
        for age, held_out in enumerate(reversed(self.sets)):
            if held_out.names == tuple(names):
                known.append(held_out)
                importance.append(_FADING**age)
        return known[::-1], importance[::-1]

    @property
    def n_labels(self) -> int:
        """Number of labels in all sets."""
        return len(np.unique(np.concatenate([s.rows for s in self.sets]))) if self.sets else 0
