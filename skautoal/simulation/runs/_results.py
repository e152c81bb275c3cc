"""The results of a comparison: its runs as a table, and as arrays for statistics."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..._utils._frames import as_frame
from ._result import SimulationResult
from ._store import RunStore
from ._words import counted

#: Budget of the runs that train on the whole pool, for reference.
FULL = "full"


@dataclass(frozen=True)
class Setting:
    """A task with a budget: methods are compared within one setting.

    Attributes
    ----------
    task, budget : str
        Their names.

    """

    task: str
    budget: str

    def __str__(self) -> str:
        return f"{self.task} ({self.budget})"


class Results(Sequence[SimulationResult]):
    """The runs of a comparison, in a fixed order.

    Parameters
    ----------
    runs : iterable of SimulationResult
        The runs. Two runs of the same method, task, budget and seed are an error.

    Attributes
    ----------
    methods : list of str
        Methods in order of appearance.
    settings : list of Setting
        Tasks with budgets in order of appearance.
    seeds : list of int
        Seeds, sorted.

    """

    def __init__(self, runs: Iterable[SimulationResult]) -> None:
        self._runs = list(runs)
        self._by_name: dict[tuple[str, str, str, int | None], SimulationResult] = {}
        for run in self._runs:
            name = (run.method, run.task, run.budget, run.seed)
            if name in self._by_name:
                raise ValueError(
                    f"There are two different runs of {run.method!r} on {run.task!r}"
                    f" ({run.budget}) with seed {run.seed}: their configurations differ."
                    " Keep each study in a folder of its own, or give the methods names."
                )
            self._by_name[name] = run
        compared = [run for run in self._runs if run.budget != FULL]
        self.methods = list(dict.fromkeys(run.method for run in compared))
        self.settings = list(dict.fromkeys(Setting(run.task, run.budget) for run in compared))
        seeds = {run.seed for run in compared}
        self.seeds = sorted(seeds, key=lambda seed: -1 if seed is None else seed)

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, index: int) -> SimulationResult: ...
    @overload
    def __getitem__(self, index: slice) -> Results: ...
    def __getitem__(self, index: int | slice) -> SimulationResult | Results:
        return Results(self._runs[index]) if isinstance(index, slice) else self._runs[index]

    def __repr__(self) -> str:
        return (
            f"Results({counted(len(self), 'run')}: {counted(len(self.methods), 'method')},"
            f" {counted(len(self.settings), 'setting')}, {counted(len(self.seeds), 'seed')})"
        )

    def rows(self, *, seconds: bool = True) -> list[dict[str, Any]]:
        """Return one dict for each round of each run; see :meth:`SimulationResult.rows`.

        Parameters
        ----------
        seconds : bool, default=True
            Whether to include the times, the only columns that differ when a comparison
            is repeated or resumed.

        Returns
        -------
        rows : list of dict

        """
        return [row for run in self._runs for row in run.rows(seconds=seconds)]

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

    def select(
        self,
        methods: Iterable[str] | None = None,
        *,
        tasks: Iterable[str] | None = None,
        budgets: Iterable[str] | None = None,
    ) -> Results:
        """Return the runs of some methods, tasks or budgets.

        Parameters
        ----------
        methods, tasks, budgets : list of str, optional
            Names to keep; None keeps all. Methods come in the order given.

        Returns
        -------
        results : Results

        """
        order = self.methods if methods is None else list(methods)
        unknown = set(order) - set(self.methods)
        if unknown:
            raise ValueError(f"There are no runs of {sorted(unknown)}; there are {self.methods}.")
        kept_tasks = None if tasks is None else set(tasks)
        kept_budgets = None if budgets is None else set(budgets)
        kept = [
            run
            for run in self._runs
            if (kept_tasks is None or run.task in kept_tasks)
            and (kept_budgets is None or run.budget in kept_budgets)
        ]
        return Results(run for name in order for run in kept if run.method == name)

    def runs(self, method: str, setting: Setting) -> list[SimulationResult]:
        """Return the runs of a method in a setting, by seed.

        Parameters
        ----------
        method : str
            Name of the method.
        setting : Setting
            Task and budget.

        Returns
        -------
        runs : list of SimulationResult

        """
        names = [(method, setting.task, setting.budget, seed) for seed in self.seeds]
        return [self._by_name[name] for name in names if name in self._by_name]

    def aubc(self, metric: str = "accuracy") -> np.ndarray:
        """Compute the areas under the budget curves of all runs.

        Parameters
        ----------
        metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
            Metric of the curves.

        Returns
        -------
        areas : ndarray of shape (n_settings, n_methods, n_seeds)
            NaN where a run is missing.

        """
        areas = np.full((len(self.settings), len(self.methods), len(self.seeds)), np.nan)
        for s, setting in enumerate(self.settings):
            for m, method in enumerate(self.methods):
                for run in self.runs(method, setting):
                    areas[s, m, self.seeds.index(run.seed)] = run.aubc(metric)
        return areas

    def curves(
        self, setting: Setting, metric: str = "accuracy"
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the learning curves of all methods that ran in a setting.

        Parameters
        ----------
        setting : Setting
            Task and budget.
        metric : {"accuracy", "balanced_accuracy", "log_loss", "half_accuracy"}, default="accuracy"
            Metric of the curves.

        Returns
        -------
        n_labeled : ndarray of shape (n_rounds + 1,)
            Number of labels.
        curves : dict of str to ndarray of shape (n_seeds, n_rounds + 1)
            One row per seed for each method.

        """
        curves: dict[str, np.ndarray] = {}
        labels: list[int] | None = None
        for method in self.methods:
            runs = self.runs(method, setting)
            for run in runs:
                if labels is not None and run.n_labeled.tolist() != labels:
                    raise ValueError(f"Runs in {setting} have different budgets.")
                labels = run.n_labeled.tolist()
            if runs:
                curves[method] = np.stack([run.curve(metric) for run in runs])
        return np.array(labels), curves

    def full_accuracy(self, task: str) -> float | None:
        """Return the mean accuracy of nets trained on the whole pool of a task.

        Parameters
        ----------
        task : str
            Name of the task.

        Returns
        -------
        accuracy : float or None
            None if no such net was trained; see ``full_data`` of :func:`compare`.

        """
        values = [
            run.rounds[-1].accuracy for run in self._runs if run.budget == FULL and run.task == task
        ]
        return float(np.mean(values)) if values else None


def load_results(folder: str | os.PathLike[str]) -> Results:
    """Load the runs that :func:`compare` kept in a folder.

    Parameters
    ----------
    folder : path-like
        The ``out`` of :func:`compare`. Files that are not runs are skipped with a warning.

    Returns
    -------
    results : Results

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.

    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"There is no folder {str(folder)!r}. Run compare with out= first.")
    return Results(RunStore(folder).load())


def oracle_best(
    results: Results, candidates: Iterable[str] | None = None, *, name: str = "OracleBest"
) -> Results:
    """Add the best single candidate in hindsight as one more method.

    In each setting this is the candidate with the largest mean area under the budget
    curve over all seeds. It cannot be known beforehand. It shows what a perfect choice of
    a single strategy would reach, which makes it a reference for searches over strategies.

    Parameters
    ----------
    results : Results
        Runs of all candidates.
    candidates : list of str, optional
        Methods to choose from. By default all methods.
    name : str, default="OracleBest"
        Name of the added method.

    Returns
    -------
    results : Results
        The given runs, and copies of those of the best candidates under the new name.

    """
    chosen = results.select(candidates)
    means = np.nanmean(chosen.aubc(), axis=2)
    added = []
    for s, setting in enumerate(chosen.settings):
        best = chosen.methods[int(np.nanargmax(means[s]))]
        for run in chosen.runs(best, setting):
            run = copy.copy(run)
            run.method = name
            added.append(run)
    return Results([*results, *added])
