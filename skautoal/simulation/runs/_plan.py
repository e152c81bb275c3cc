"""The runs of a comparison, planned before the first of them starts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from numbers import Integral
from typing import Any

from ..._utils._fingerprint import describe
from ..tasks._budget import Budget
from ..tasks._loaders import load_task
from ..tasks._task import Task
from ._methods import as_sampler, named_methods
from ._result import SimulationResult
from ._results import FULL
from ._store import RunStore


@dataclass(frozen=True)
class Run:
    """One run: what to do, and its complete description in plain values."""

    name: str
    method: Any
    task: Task
    budget: Budget
    seed: int
    config: dict[str, Any]

    @property
    def title(self) -> str:
        """The run in words, for messages."""
        return f"{self.name!r} on {self.task.name!r} ({self.budget.name}, seed {self.seed})"


@dataclass(frozen=True)
class Plan:
    """The runs of a comparison, and the results of those that are finished.

    Attributes
    ----------
    jobs : list of Run
        All runs, in the order tasks, budgets, methods, seeds.
    finished : dict of int to SimulationResult
        Results by the place of their run in ``jobs``.
    store : RunStore or None
        Folder that finished runs are kept in.

    """

    jobs: list[Run]
    finished: dict[int, SimulationResult]
    store: RunStore | None

    @property
    def todo(self) -> list[Run]:
        """Runs that are not finished."""
        return [job for number, job in enumerate(self.jobs) if number not in self.finished]


def plan_runs(
    methods: Any,
    tasks: Any,
    *,
    seeds: Any,
    budgets: Any,
    full_data: bool,
    out: str | os.PathLike[str] | None,
) -> Plan:
    """Plan the runs of a comparison; the parameters are those of :func:`compare`."""
    jobs = _jobs(methods, tasks, seeds, budgets, full_data)
    if out is None:
        return Plan(jobs, {}, None)
    store = RunStore(out)
    found = ((number, store.get(job.config)) for number, job in enumerate(jobs))
    finished = {number: result for number, result in found if result is not None}
    store.warn_of_differences()
    return Plan(jobs, finished, store)


def _jobs(methods: Any, tasks: Any, seeds: Any, budgets: Any, full_data: bool) -> list[Run]:
    named, numbers = named_methods(methods), _as_seeds(seeds)
    configs = {name: describe(as_sampler(method)) for name, method in named.items()}
    jobs = []
    for task in _as_tasks(tasks):
        runs = [
            (name, method, configs[name], budget, seed)
            for budget in _as_budgets(budgets, task)
            for name, method in named.items()
            for seed in numbers
        ]
        if full_data:
            everything = Budget(FULL, len(task.y_train), 1, 0)
            config = describe(as_sampler("random"))
            runs.append(("random", "random", config, everything, numbers[0]))
        task_config = _describe_task(task)  # hashes the data: once per task
        for name, method, method_config, budget, seed in runs:
            config = {
                "name": name,
                "method": method_config,
                "task": task_config,
                "budget": asdict(budget),
                "seed": seed,
            }
            jobs.append(Run(name, method, task, budget, seed, config))
    return jobs


def _describe_task(task: Task) -> dict[str, Any]:
    parts = {field: getattr(task, field) for field in ("X_train", "y_train", "X_test", "y_test")}
    return {
        "name": task.name,
        "initial": task.initial,
        "net": describe(task.build_net()),
        **{field: describe(part) for field, part in parts.items()},
    }


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _as_tasks(tasks: Any) -> list[Task]:
    loaded = [task if isinstance(task, Task) else load_task(task) for task in _as_list(tasks)]
    names = [task.name for task in loaded]
    if len(set(names)) != len(names) or not names:
        raise ValueError(f"'tasks' must hold tasks with distinct names; got {names}.")
    return loaded


def _as_seeds(seeds: int | Iterable[int]) -> list[int]:
    if isinstance(seeds, Integral) and not isinstance(seeds, bool):
        seeds = range(seeds)
    numbers: list[Any] = list(seeds)  # type: ignore[arg-type]  # a bool is refused below
    fine = all(isinstance(seed, Integral) and int(seed) >= 0 for seed in numbers)
    if not fine or not numbers or len(set(numbers)) != len(numbers):
        raise ValueError(
            f"'seeds' must be a number of seeds >= 1 or distinct integers >= 0; got {numbers}."
        )
    return [int(seed) for seed in numbers]


def _as_budgets(budgets: Any, task: Task) -> list[Budget]:
    found = [b if isinstance(b, Budget) else task.budget(b) for b in _as_list(budgets)]
    names = [budget.name for budget in found]
    if len(set(names)) != len(names) or FULL in names or not names:
        raise ValueError(f"'budgets' must have distinct names other than {FULL!r}; got {names}.")
    return found
