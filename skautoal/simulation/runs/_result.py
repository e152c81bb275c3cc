"""What a run leaves behind: one row a round, and the sums of a whole run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from ..._utils._frames import as_frame
from ._curves import aubc

#: Columns that say how good a net is.
METRICS = ("accuracy", "balanced_accuracy", "log_loss")

#: Columns that differ from one execution to the next.
SECONDS = ("seconds_train", "seconds_query")


@dataclass(frozen=True)
class Round:
    """A net trained on all labels so far.

    Attributes
    ----------
    n_labeled : int
        Labels it was trained on.
    accuracy, balanced_accuracy, log_loss : float
        On the test set.
    picked : list of int
        Rows of the pool whose labels this round brought; the first samples in round 0.
    class_histogram : list of int
        Labels of each class so far, in the order of the classes.
    strategy_weights : dict of str to float, or None
        How much the query trusted each candidate, for samplers that say so.

    """

    n_labeled: int
    accuracy: float
    balanced_accuracy: float
    log_loss: float
    picked: list[int]
    class_histogram: list[int]
    strategy_weights: dict[str, float] | None = None


@dataclass
class SimulationResult:
    """One run of one method.

    Attributes
    ----------
    method, task, budget : str
        Names of what was run.
    seed : int or None
        Seed of the run.
    rounds : list of Round
        One more than queries: the first is trained on the first samples alone.
    seconds_train, seconds_query : list of float
        Time of training in each round, and of the query that brought its labels (0 in
        round 0), a search included.

    """

    method: str
    task: str
    budget: str
    seed: int | None
    rounds: list[Round] = field(default_factory=list)
    seconds_train: list[float] = field(default_factory=list)
    seconds_query: list[float] = field(default_factory=list)

    @property
    def n_labeled(self) -> np.ndarray:
        """Labels in each round."""
        return np.array([row.n_labeled for row in self.rounds])

    @property
    def picked(self) -> np.ndarray:
        """Rows of the pool in the order in which they were labelled."""
        return np.concatenate([row.picked for row in self.rounds]).astype(np.int64)

    def curve(self, metric: str = "accuracy") -> np.ndarray:
        """Values of a metric, one a round.

        Parameters
        ----------
        metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
            Which.

        Returns
        -------
        values : ndarray of shape (n_rounds + 1,)

        """
        if metric not in METRICS:
            raise ValueError(f"'metric' must be one of {METRICS}; got {metric!r}.")
        return np.array([getattr(row, metric) for row in self.rounds])

    def aubc(self, metric: str = "accuracy") -> float:
        """Area under the budget curve; see :func:`aubc`.

        Parameters
        ----------
        metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
            Which.

        Returns
        -------
        area : float

        """
        return aubc(self.n_labeled, self.curve(metric))

    def rows(self, *, seconds: bool = True) -> list[dict]:
        """One dict a round, with the names of the run.

        Parameters
        ----------
        seconds : bool, default=True
            Whether to include the times, the only columns that differ when a run is
            repeated.

        Returns
        -------
        rows : list of dict

        """
        names = {key: getattr(self, key) for key in ("method", "task", "budget", "seed")}
        rows = []
        for number, row in enumerate(self.rounds):
            rows.append({**names, "round": number, **asdict(row)})
            if seconds:
                rows[-1] |= {column: getattr(self, column)[number] for column in SECONDS}
        return rows

    def to_frame(self, *, seconds: bool = True):
        """The rows as a pandas DataFrame; needs pandas (the extra ``data``).

        Parameters
        ----------
        seconds : bool, default=True
            Whether to include the times.

        Returns
        -------
        frame : DataFrame

        """
        return as_frame(self.rows(seconds=seconds))
