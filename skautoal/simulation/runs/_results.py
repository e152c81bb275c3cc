"""The runs of a comparison: as a table, and as the arrays that statistics take."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..._utils._frames import as_frame
from ._result import SimulationResult
from ._store import RunStore

#: Budget of the runs that train on the whole pool, for reference.
FULL = "full"


@dataclass(frozen=True)
class Setting:
    """A task under a budget: what methods are compared on.

    Attributes
    ----------
    task, budget : str
        Their names.

    """

    task: str
    budget: str

    def __str__(self) -> str:
        return f"{self.task} ({self.budget})"


class Results(Sequence):
    """Runs of several methods, in a fixed order; a sequence of SimulationResult.

    Parameters
    ----------
    runs : iterable of SimulationResult
        The runs; two of the same method, task, budget and seed are an error.

    Attributes
    ----------
    methods : list of str
        Methods in order of appearance.
    settings : list of Setting
        Tasks under budgets in order of appearance.
    seeds : list of int
        Seeds, sorted.

    """

    def __init__(self, runs: Iterable[SimulationResult]):
        self._runs = list(runs)
        self._by_name: dict[tuple, SimulationResult] = {}
        for run in self._runs:
            name = (run.method, run.task, run.budget, run.seed)
            if name in self._by_name:
                raise ValueError(
                    f"There are two different runs of {run.method!r} on {run.task!r}"
                    f" ({run.budget}) with seed {run.seed}: their configurations differ."
                    " Keep studies in folders of their own, or give the methods names."
                )
            self._by_name[name] = run
        compared = [run for run in self._runs if run.budget != FULL]
        self.methods = list(dict.fromkeys(run.method for run in compared))
        self.settings = list(dict.fromkeys(Setting(run.task, run.budget) for run in compared))
        seeds = {run.seed for run in compared}
        self.seeds = sorted(seeds, key=lambda seed: -1 if seed is None else seed)

    def __len__(self) -> int:
        return len(self._runs)

    def __getitem__(self, index):
        return Results(self._runs[index]) if isinstance(index, slice) else self._runs[index]

    def __repr__(self) -> str:
        return (
            f"Results({len(self)} runs: {len(self.methods)} methods, {len(self.settings)}"
            f" settings, {len(self.seeds)} seeds)"
        )

    def rows(self, *, seconds: bool = True) -> list[dict]:
        """One dict for each round of each run; see :meth:`SimulationResult.rows`.

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

    def select(self, methods=None, *, tasks=None, budgets=None) -> Results:
        """The runs of some methods, tasks or budgets, methods in the order given.

        Parameters
        ----------
        methods, tasks, budgets : list of str, optional
            What to keep; None keeps all.

        Returns
        -------
        results : Results

        """
        order = self.methods if methods is None else list(methods)
        unknown = set(order) - set(self.methods)
        if unknown:
            raise ValueError(f"There are no runs of {sorted(unknown)}; there are {self.methods}.")
        kept = [
            run
            for run in self._runs
            if (tasks is None or run.task in tasks) and (budgets is None or run.budget in budgets)
        ]
        by_method = [run for name in order for run in kept if run.method == name]
        return Results(by_method)

    def runs(self, method: str, setting: Setting) -> list[SimulationResult]:
        """Runs of a method in a setting, by seed.

        Parameters
        ----------
        method : str
            Its name.
        setting : Setting
            Task and budget.

        Returns
        -------
        runs : list of SimulationResult

        """
        names = [(method, setting.task, setting.budget, seed) for seed in self.seeds]
        return [self._by_name[name] for name in names if name in self._by_name]

    def aubc(self, metric: str = "accuracy") -> np.ndarray:
        """Areas under the budget curves.

        Parameters
        ----------
        metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
            What the curves show.

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
        """Learning curves of all methods that ran in a setting.

        Parameters
        ----------
        setting : Setting
            Task and budget.
        metric : {"accuracy", "balanced_accuracy", "log_loss"}, default="accuracy"
            What the curves show.

        Returns
        -------
        n_labeled : ndarray of shape (n_rounds + 1,)
            Labels.
        curves : dict of str to ndarray of shape (n_seeds, n_rounds + 1)
            One row a seed for each method.

        """
        curves, labels = {}, None
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
        """Mean accuracy of nets trained on the whole pool of a task, if that was run.

        Parameters
        ----------
        task : str
            Its name.

        Returns
        -------
        accuracy : float or None

        """
        values = [
            run.rounds[-1].accuracy for run in self._runs if run.budget == FULL and run.task == task
        ]
        return float(np.mean(values)) if values else None


def load_results(folder) -> Results:
    """The runs that :func:`compare` left in a folder.

    Parameters
    ----------
    folder : path-like
        The ``out`` of :func:`compare`. Files that are no runs are left out with a warning.

    Returns
    -------
    results : Results

    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"There is no folder {str(folder)!r}. Run compare with out= first.")
    return Results(RunStore(folder).load())


def oracle_best(results: Results, candidates=None, *, name: str = "OracleBest") -> Results:
    """Add the best single candidate in hindsight as one more method.

    In each setting it is the candidate of the best mean area under the budget curve over
    all seeds. No method can know it beforehand: it is what a perfect choice of one
    strategy would reach, the yardstick of a search over strategies.

    Parameters
    ----------
    results : Results
        Runs of all candidates.
    candidates : list of str, optional
        Methods to choose from; all by default.
    name : str, default="OracleBest"
        Name of the added method.

    Returns
    -------
    results : Results
        The same runs, and those of the chosen under their new name.

    """
    candidates = results.select(candidates)
    means = np.nanmean(candidates.aubc(), axis=2)
    added = []
    for s, setting in enumerate(candidates.settings):
        best = candidates.methods[int(np.nanargmax(means[s]))]
        for run in candidates.runs(best, setting):
            run = copy.copy(run)
            run.method = name
            added.append(run)
    return Results([*results, *added])
