"""The result of one run: a row for each round, and summaries of the whole run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..._utils._frames import as_frame
from ._curves import aubc

#: Columns that measure the quality of a net.
METRICS = ("accuracy", "balanced_accuracy", "log_loss", "half_accuracy")

#: Columns that differ between two executions of the same run.
SECONDS = ("seconds_train", "seconds_query")


@dataclass(frozen=True)
class Round:
    """One round of a run: a net trained on all labels so far.

    Attributes
    ----------
    n_labeled : int
        Number of labels that the net was trained on.
    accuracy, balanced_accuracy, log_loss : float
        Scores on the test set; of an oracle, on half of it.
    half_accuracy : float
        Accuracy on the half of the test set that an oracle of the same seed is scored on:
        what to compare with it.
    picked : list of int
        Rows of the pool labelled in this round; the first samples in round 0.
    class_histogram : list of int
        Number of labels of each class so far, in the order of the classes.
    strategy_weights : dict of str to float, or None
        Weight that the query gave to each strategy. None for samplers without weights.

    """

    n_labeled: int
    accuracy: float
    balanced_accuracy: float
    log_loss: float
    half_accuracy: float
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
        One more than there are queries: the first net is trained on the first samples
        alone.
    seconds_train, seconds_query : list of float
        Seconds of the training in each round, and of the query before it (0 in round 0),
        including a search.
    config : dict or None
        Complete description of method, task, net, budget and seed in plain values. None
        if the run was not made by :func:`compare`.
    software : dict of str to str, or None
        Versions that the run was computed with. None if it was not made by
        :func:`compare`.

    """

    method: str
    task: str
    budget: str
    seed: int | None
    rounds: list[Round] = field(default_factory=list)
    seconds_train: list[float] = field(default_factory=list)
    seconds_query: list[float] = field(default_factory=list)
    config: dict[str, Any] | None = field(default=None, repr=False)
    software: dict[str, str] | None = field(default=None, repr=False)

    @property
    def n_labeled(self) -> np.ndarray:
        """Number of labels in each round."""
        return np.array([row.n_labeled for row in self.rounds])

    @property
    def picked(self) -> np.ndarray:
        """Rows of the pool in the order in which they were labelled."""
        return np.concatenate([row.picked for row in self.rounds]).astype(np.int64)

    def curve(self, metric: str = "accuracy") -> np.ndarray:
        """Return the value of a metric in each round.

        Parameters
        ----------
        metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
            Name of the metric.

        Returns
        -------
        values : ndarray of shape (n_rounds + 1,)

        """
        if metric not in METRICS:
            raise ValueError(f"'metric' must be one of {METRICS}; got {metric!r}.")
        return np.array([getattr(row, metric) for row in self.rounds])

    def aubc(self, metric: str = "accuracy") -> float:
        """Compute the area under the budget curve; see :func:`aubc`.

        Parameters
        ----------
        metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
            Name of the metric.

        Returns
        -------
        area : float

        """
        return aubc(self.n_labeled, self.curve(metric))

    def rows(self, *, seconds: bool = True) -> list[dict[str, Any]]:
        """Return one dict for each round, with the names of the run.

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

    def to_frame(self, *, seconds: bool = True) -> Any:
        """Return the rows as a pandas DataFrame; needs pandas (the extra ``data``).

        Parameters
        ----------
        seconds : bool, default=True
            Whether to include the times.

        Returns
        -------
        frame : DataFrame

        """
        return as_frame(self.rows(seconds=seconds))
