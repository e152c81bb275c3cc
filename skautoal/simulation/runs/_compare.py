"""Comparisons: many runs, each written when it ends, so that a later call can go on."""

from __future__ import annotations

import math
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from joblib import Parallel, delayed, effective_n_jobs
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from ...exceptions import SimulationError, SkautoalWarning
from ..tasks._budget import Budget
from ..tasks._task import Task
from ._batched_training import why_not_batched
from ._plan import Plan, Run, plan_runs
from ._result import SimulationResult
from ._results import Results
from ._simulate import simulate
from ._store import software
from ._together import run_together
from ._words import counted


def compare(
    methods: Any,
    tasks: Task | str | os.PathLike[str] | Sequence[Task | str | os.PathLike[str]],
    *,
    seeds: int | Sequence[int] = 10,
    budgets: str | Budget | Sequence[str | Budget] = ("low", "mid"),
    full_data: bool = False,
    out: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    batch_seeds: bool = False,
    on_error: str = "raise",
    verbose: int = 1,
) -> Results:
    """Run methods on tasks with several seeds and collect the results.

    Runs go through joblib: a backend registered with :func:`joblib.parallel_config`
    (threads, dask, ray) spreads them over its workers. With ``out`` each run is written
    when it ends, and a later call with the same arguments does only the missing ones. Its
    table then equals that of one uninterrupted call to the last bit, except for the
    times. Each run uses one thread, so that the number of processes does not change the
    numbers.

    Parameters
    ----------
    methods : str, strategy, sampler, list or dict of them
        Names (see :func:`list_methods`), strategies, functions of the signals, samplers.
        A dict maps names of your own to methods.
    tasks : Task, str, or list of them
        Tasks, or names that :func:`load_task` knows.
    seeds : int or list of int, default=10
        The seeds, or their number: 0, 1, 2, ... Runs with the same seed are paired: they
        have the same first samples and, in each round, nets with the same initial weights.
    budgets : str, Budget, or list of them, default=("low", "mid")
        Labelling budgets; see :meth:`Task.budget`.
    full_data : bool, default=False
        Whether to train a net on each whole pool as well, with the first seed. It is the
        reference of :func:`labels_saved`.
    out : path-like, optional
        Folder to keep finished runs in.
    n_jobs : int, optional
        Number of parallel runs, as in joblib. Nets defined in a notebook cannot be sent
        to other processes: put their classes into a file.
    batch_seeds : bool, default=False
        Whether the runs of a method in a setting train their nets together, as one tensor
        program with the seeds along its first axis. On a CPU, curves are those of separate
        runs within rounding, which may change a pick between two samples that are nearly
        equal; on a GPU, dropout masks differ as well. Times are NaN then. Every task must
        have a net like that of :func:`standard_net`. Small linear layers are trained 2 to 4
        times as fast, convolutions on a CPU hardly faster.
    on_error : {"raise", "warn"}, default="raise"
        What to do when a run fails: stop with an error, or warn and continue with the
        other runs.
    verbose : int, default=1
        0 is silent. 1 writes a line for each run that ends to standard error, and shows a
        progress bar on terminals.

    Returns
    -------
    results : Results
        In the order tasks, budgets, methods, seeds.

    Raises
    ------
    SimulationError
        If a run fails and ``on_error`` is "raise". Runs finished before are kept in
        ``out``.

    Examples
    --------
    >>> from skautoal.simulation import Budget, compare, load_task
    >>> task = load_task("digits").subset(200, 100)
    >>> results = compare(["random", "margin"], task, seeds=2, verbose=0,
    ...                   budgets=Budget("tiny", 20, 10, 2))
    >>> results
    Results(4 runs: 2 methods, 1 setting, 2 seeds)

    """
    if on_error not in ("raise", "warn"):
        raise ValueError(f"'on_error' must be 'raise' or 'warn'; got {on_error!r}.")
    plan = plan_runs(methods, tasks, seeds=seeds, budgets=budgets, full_data=full_data, out=out)
    if verbose and plan.finished:
        total = counted(len(plan.jobs), "run")
        print(f"{len(plan.finished)} of {total} found in {out}", file=sys.stderr)
    return run_plan(
        plan, n_jobs=n_jobs, batch_seeds=batch_seeds, on_error=on_error, verbose=verbose
    )


def run_plan(
    plan: Plan,
    *,
    n_jobs: int | None,
    on_error: str,
    verbose: int,
    batch_seeds: bool = False,
) -> Results:
    """Do the missing runs of a plan; the parameters are those of :func:`compare`."""
    if batch_seeds:
        _check_batched(plan)
    finished, total = dict(plan.finished), len(plan.jobs)
    todo = [(number, job) for number, job in enumerate(plan.jobs) if number not in finished]
    units = _by_setting(todo) if batch_seeds else [[numbered] for numbered in todo]
    # None: a bar on terminals only. In files and notebooks, the lines say enough.
    disable = None if verbose else True
    bar = tqdm(total=total, initial=len(finished), desc="runs", disable=disable)
    # The limit is for runs in this process; those in other processes limit themselves.
    with bar, one_thread():
        for done, (number, result) in enumerate(_stream(units, n_jobs), total - len(todo) + 1):
            job = plan.jobs[number]
            bar.update()
            if isinstance(result, _Failure):
                _report(job, result, on_error)
                continue
            finished[number] = replace(result, config=job.config, software=software())
            if plan.store is not None:
                plan.store.put(job.config, result)
            if verbose:
                bar.write(f"{done}/{total} {_line_of(job, result)}", sys.stderr)
    return Results(finished[number] for number in sorted(finished))


def _line_of(job: Run, result: SimulationResult) -> str:
    last = result.rounds[-1]
    seconds = sum(result.seconds_train) + sum(result.seconds_query)
    time = "" if math.isnan(seconds) else f", {seconds:.1f} s"
    return f"{job.title}: accuracy {last.accuracy:.3f} with {last.n_labeled:,} labels{time}"


@dataclass(frozen=True)
class _Failure:
    """The error of a run as text, because not every exception can be pickled."""

    error: str
    trace: str


#: A run with its place in the plan, and with its result.
_Numbered = tuple[int, Run]
_Ended = tuple[int, "SimulationResult | _Failure"]


def _by_setting(todo: list[_Numbered]) -> list[list[_Numbered]]:
    """Return the runs that differ by their seeds alone side by side."""
    units: dict[tuple[str, str, str], list[_Numbered]] = {}
    for number, job in todo:
        units.setdefault((job.name, job.task.name, job.budget.name), []).append((number, job))
    return list(units.values())


def _check_batched(plan: Plan) -> None:
    for task in {id(job.task): job.task for job in plan.jobs}.values():
        reason = why_not_batched(task.build_net())
        if reason is not None:
            raise ValueError(
                f"With batch_seeds=True the net of task {task.name!r} cannot be trained: {reason}."
                " Use batch_seeds=False."
            )


def _run_unit(unit: list[_Numbered]) -> list[_Ended]:
    """Do one run, or several that train their nets together."""
    with one_thread():
        if len(unit) == 1:
            return [_run(*unit[0])]
        ended = run_together([partial(_run, number, job) for number, job in unit])
    return [_without_seconds(result) for result in ended]


def _without_seconds(ended: _Ended | BaseException) -> _Ended:
    """Return what a run among others ended with; its threads waited for each other."""
    if isinstance(ended, BaseException):
        raise ended
    number, result = ended
    if isinstance(result, SimulationResult):
        unknown = [float("nan")] * len(result.rounds)
        result = replace(result, seconds_train=unknown, seconds_query=unknown)
    return number, result


def _run(number: int, job: Run) -> _Ended:
    try:
        result = simulate_job(job, job.budget)
    except Exception as exc:
        return number, _Failure(f"{type(exc).__name__}: {exc}", traceback.format_exc())
    return number, replace(result, method=job.name, task=job.task.name, budget=job.budget.name)


def simulate_job(job: Run, budget: Budget) -> SimulationResult:
    """Simulate the method of a run on its task, with a budget that may be another."""
    task = job.task
    return simulate(
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


def _stream(units: list[list[_Numbered]], n_jobs: int | None) -> Iterator[_Ended]:
    """Yield results as they come, in any order."""
    calls = [delayed(_run_unit)(unit) for unit in units]
    try:
        parallel = Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")
    except ValueError:
        # Backends built on multiprocessing pools (ray's) return lists only. Many short
        # lists lose less than one long list when the process is killed.
        step = 2 * effective_n_jobs(n_jobs)
        for start in range(0, len(calls), step):
            for ended in Parallel(n_jobs=n_jobs, batch_size=1)(calls[start : start + step]):
                yield from ended
    else:
        for ended in parallel(calls):
            yield from ended


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread: sums of floats depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)


def _report(job: Run, failure: _Failure, on_error: str) -> None:
    message = f"The run of {job.title} failed. {failure.error}"
    if on_error == "raise":
        raise SimulationError(
            f"{message}\nFinished runs are kept in 'out'; on_error='warn' continues with the"
            f" others.\n\n{failure.trace}"
        )
    warnings.warn(message, SkautoalWarning, stacklevel=3)
