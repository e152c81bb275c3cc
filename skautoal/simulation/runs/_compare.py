"""Many runs: methods x tasks x seeds, side by side, resumable."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from numbers import Integral

import torch
from joblib import Parallel, delayed, effective_n_jobs
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from ..._utils._fingerprint import describe
from ...exceptions import SimulationError, SkautoalWarning
from ..tasks._loaders import load_task
from ..tasks._task import Budget, Task
from ._methods import as_sampler, named_methods
from ._result import SimulationResult
from ._results import FULL, Results
from ._simulate import simulate
from ._store import RunStore


def compare(
    methods,
    tasks,
    *,
    seeds=10,
    budgets=("low", "mid"),
    full_data=False,
    out=None,
    n_jobs=None,
    on_error="raise",
    verbose=1,
) -> Results:
    """Run methods on tasks with several seeds and gather the results.

    Runs go through joblib: a backend registered with :func:`joblib.parallel_config`
    (threads, dask, ray) carries them wherever it reaches. With ``out`` each finished run
    is written at once, and a later call with the same arguments does only what is
    missing; its table is the same to the last bit as that of one uninterrupted call,
    times excepted. Every run computes in one thread, so that the number of processes
    does not change a digit.

    Parameters
    ----------
    methods : str, strategy, sampler, list or dict of them
        Names (see :func:`list_methods`), strategies, functions of signals, samplers; a
        dict gives them names of your own.
    tasks : Task, str, or list of them
        Tasks, or names that :func:`load_task` knows.
    seeds : int or list of int, default=10
        Seeds, or how many: 0, 1, 2, ... Runs of one seed are paired: same first samples,
        same weights of the nets at the start of each round.
    budgets : str, Budget, or list of them, default=("low", "mid")
        Budgets; see :meth:`Task.budget`.
    full_data : bool, default=False
        Whether to train on each whole pool as well, with the first seed: the reference
        of :func:`labels_saved`.
    out : path-like, optional
        Folder of finished runs.
    n_jobs : int, optional
        Runs at a time, as in joblib. Nets defined in a notebook cannot go to other
        processes: put their classes into a file.
    on_error : {"raise", "warn"}, default="raise"
        What to do when a run fails: stop, or warn and go on with the others.
    verbose : int, default=1
        1 shows a progress bar.

    Returns
    -------
    results : Results
        In the order tasks, budgets, methods, seeds.

    Examples
    --------
    >>> from skautoal.simulation import Budget, compare, load_task
    >>> task = load_task("digits").subset(200, 100)
    >>> results = compare(["random", "margin"], task, seeds=2, verbose=0,
    ...                   budgets=Budget("tiny", 20, 10, 2))
    >>> results
    Results(4 runs: 2 methods, 1 settings, 2 seeds)

    """
    if on_error not in ("raise", "warn"):
        raise ValueError(f"'on_error' must be 'raise' or 'warn'; got {on_error!r}.")
    plan = plan_runs(methods, tasks, seeds=seeds, budgets=budgets, full_data=full_data, out=out)
    return run_plan(plan, n_jobs=n_jobs, on_error=on_error, verbose=verbose)


@dataclass(frozen=True)
class Run:
    """One run: what to do, and its complete description."""

    name: str
    method: object
    task: Task
    budget: Budget
    seed: int
    config: dict


@dataclass(frozen=True)
class Plan:
    """All runs of a comparison, and the results of those that are finished, by number."""

    jobs: list[Run]
    finished: dict[int, SimulationResult]
    store: RunStore | None

    @property
    def todo(self) -> list[Run]:
        """Runs that are not finished."""
        return [job for number, job in enumerate(self.jobs) if number not in self.finished]


def plan_runs(methods, tasks, *, seeds, budgets, full_data, out) -> Plan:
    """Return what :func:`compare` will do; parameters as there."""
    jobs = _jobs(
        named_methods(methods), _as_tasks(tasks), _as_seeds(seeds), _as_list(budgets), full_data
    )
    store = None if out is None else RunStore(out)
    finished: dict[int, SimulationResult] = {}
    if store is not None:
        found = ((number, store.get(job.config)) for number, job in enumerate(jobs))
        finished = {number: result for number, result in found if result is not None}
        store.warn_of_differences()
    return Plan(jobs, finished, store)


def run_plan(plan: Plan, *, n_jobs, on_error, verbose) -> Results:
    """Do the runs of a plan that are missing; parameters as those of :func:`compare`."""
    jobs, finished, store = plan.jobs, dict(plan.finished), plan.store
    todo = [(number, job) for number, job in enumerate(jobs) if number not in finished]
    bar = tqdm(total=len(jobs), initial=len(finished), desc="runs", disable=not verbose)
    # Here for runs in this process; workers of another process limit their own.
    with bar, one_thread():
        for number, result in _stream(todo, n_jobs):
            if isinstance(result, _Failure):
                _report(result, on_error)
            else:
                finished[number] = result
                if store is not None:
                    store.put(jobs[number].config, result)
            bar.update()
    return Results(finished[number] for number in sorted(finished))


@dataclass(frozen=True)
class _Failure:
    """A run that raised; text, because exceptions do not always survive a process."""

    job: str
    error: str
    trace: str


def _jobs(methods, tasks, seeds, budgets, full_data) -> list[Run]:
    configs = {name: describe(as_sampler(method)) for name, method in methods.items()}
    jobs = []
    for task in tasks:
        runs = [
            (name, method, configs[name], budget, seed)
            for budget in _as_budgets(budgets, task)
            for name, method in methods.items()
            for seed in seeds
        ]
        if full_data:
            everything = Budget(FULL, len(task.y_train), 1, 0)
            config = describe(as_sampler("random"))
            runs.append(("random", "random", config, everything, seeds[0]))
        task_config = _describe_task(task)
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


def _describe_task(task: Task) -> dict:
    parts = {field: getattr(task, field) for field in ("X_train", "y_train", "X_test", "y_test")}
    return {
        "name": task.name,
        "initial": task.initial,
        "net": describe(task.build_net()),
        **{field: describe(part) for field, part in parts.items()},
    }


def _run(number: int, job: Run) -> tuple[int, SimulationResult | _Failure]:
    task, budget = job.task, job.budget
    try:
        with one_thread():
            result = simulate(
                job.method,
                task.build_net(),
                task.X_train,
                task.y_train,
                task.X_test,
                task.y_test,
                n_initial=budget.n_initial,
                n_instances=budget.n_instances,
                n_rounds=budget.n_rounds,
                random_state=job.seed,
                initial=task.initial,
            )
    except Exception as exc:
        name = f"{job.name!r} on {task.name!r} ({budget.name}, seed {job.seed})"
        return number, _Failure(name, f"{type(exc).__name__}: {exc}", traceback.format_exc())
    return number, replace(result, method=job.name, task=task.name, budget=budget.name)


def _stream(todo, n_jobs) -> Iterator[tuple[int, SimulationResult | _Failure]]:
    """Results as they come, in any order."""
    calls = [delayed(_run)(number, job) for number, job in todo]
    try:
        parallel = Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")
    except ValueError:
        # Backends built on multiprocessing pools (ray's) return lists only: rather many
        # short lists, so that little is lost when the process is killed.
        step = 2 * effective_n_jobs(n_jobs)
        for start in range(0, len(calls), step):
            yield from Parallel(n_jobs=n_jobs, batch_size=1)(calls[start : start + step])
    else:
        yield from parallel(calls)


@contextmanager
def one_thread():
    """Numbers of a run must not depend on how many threads there happen to be."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)


def _report(failure: _Failure, on_error: str) -> None:
    message = f"The run of {failure.job} failed. {failure.error}"
    if on_error == "raise":
        raise SimulationError(
            f"{message}\nFinished runs are kept in 'out'; on_error='warn' goes on with the"
            f" others.\n\n{failure.trace}"
        )
    warnings.warn(message, SkautoalWarning, stacklevel=3)


def _as_list(value) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _as_tasks(tasks) -> list[Task]:
    tasks = [task if isinstance(task, Task) else load_task(task) for task in _as_list(tasks)]
    names = [task.name for task in tasks]
    if len(set(names)) != len(names) or not names:
        raise ValueError(f"'tasks' must hold tasks with distinct names; got {names}.")
    return tasks


def _as_seeds(seeds) -> list[int]:
    if isinstance(seeds, Integral) and not isinstance(seeds, bool):
        seeds = range(seeds)
    seeds = list(seeds)
    fine = all(isinstance(seed, Integral) and int(seed) >= 0 for seed in seeds)
    if not fine or not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(
            f"'seeds' must be a number of seeds >= 1 or distinct integers >= 0; got {seeds}."
        )
    return [int(seed) for seed in seeds]


def _as_budgets(budgets, task: Task) -> list[Budget]:
    budgets = [r if isinstance(r, Budget) else task.budget(r) for r in budgets]
    names = [budget.name for budget in budgets]
    if len(set(names)) != len(names) or FULL in names or not names:
        raise ValueError(f"'budgets' must have distinct names other than {FULL!r}; got {names}.")
    return budgets
