"""The command ``skautoal compare``: methods on data whose labels are known."""

from __future__ import annotations

import argparse
import dataclasses

from ..simulation import Budget, Task, load_paper_task, load_results, load_task
from ..simulation.analysis._export import overview, write_tables
from ..simulation.runs._commands import record_command
from ..simulation.runs._compare import run_plan
from ..simulation.runs._methods import named_methods
from ..simulation.runs._plan import Plan, plan_runs
from ..simulation.runs._results import FULL
from ..simulation.runs._words import counted
from ..simulation.tasks._variants import VARIANTS
from ._estimate import estimate
from ._outputs import check_output_folder


def compare_methods(options: argparse.Namespace) -> None:
    """Print what will be run, run it, and print what came out."""
    check_output_folder(options.out, "--out")
    named_methods(options.strategies)  # before data is read, which may take minutes
    tasks = [_load(name).subset(options.pool_size, options.test_size) for name in options.data]
    tasks = [_variant(task, name) for task in tasks for name in options.variants or ["plain"]]
    tasks = [_with_budget(task, options) for task in tasks]
    plan = plan_runs(
        options.strategies,
        tasks,
        seeds=options.seeds,
        budgets=options.budget,
        full_data=options.full_data,
        out=options.out,
    )
    if not options.quiet:
        print(describe_plan(plan), flush=True)
        if plan.todo:
            print("Estimating the time ... ", end="", flush=True)
            print(estimate(plan, options.jobs), flush=True)
    record_command(options.out, options.words)
    run_plan(
        plan,
        n_jobs=options.jobs,
        batch_seeds=options.batch_seeds,
        on_error="warn" if options.keep_going else "raise",
        verbose=int(not options.quiet),
    )
    results = load_results(options.out)
    written = write_tables(results, options.out)
    print(overview(results))
    print("Written: " + ", ".join(str(path) for path in written))
    print(f"Next: 'skautoal report {options.out}' makes a page of tables, tests and curves.")


def describe_plan(plan: Plan) -> str:
    """Return the number of runs, how many are finished, and what each setting is."""
    runs = [job for job in plan.jobs if job.budget.name != FULL]
    counts = [
        counted(len({job.name for job in runs}), "method"),
        counted(len({job.task.name for job in runs}), "task"),
        counted(len({job.budget.name for job in runs}), "budget"),
        counted(len({job.seed for job in runs}), "seed"),
    ]
    whole = len(plan.jobs) - len(runs)
    lines = [
        f"{counted(len(plan.jobs), 'run')}: {' x '.join(counts)}"
        + (f", and {counted(whole, 'training')} on a whole pool" if whole else "")
        + f"; {len(plan.finished)} finished, {len(plan.todo)} to do."
    ]
    settings = {(job.task.name, job.budget.name): job for job in runs}
    for (task, name), job in settings.items():
        budget = job.budget
        lines.append(
            f"  {task} ({name}): {counted(budget.n_initial, 'label')}, then"
            f" {counted(budget.n_rounds, 'round')} of {budget.n_instances};"
            f" pool of {len(job.task.y_train):,}, test set of {len(job.task.y_test):,}"
        )
    return "\n".join(lines)


def _load(name: str) -> Task:
    if name.startswith("paper:"):
        return load_paper_task(name.removeprefix("paper:"))
    return load_task(name)


def _variant(task: Task, name: str) -> Task:
    if name == "plain":
        return task
    if name not in VARIANTS:
        raise ValueError(f"--variants: unknown variant {name!r}. Known are {['plain', *VARIANTS]}.")
    return VARIANTS[name](task)


def _with_budget(task: Task, options: argparse.Namespace) -> Task:
    """Return the task with the numbers of the command line in place of its budgets'."""
    given = {"n_initial": options.initial, "n_instances": options.batch, "n_rounds": options.rounds}
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return task
    budgets = {}
    for name in options.budget:
        budget = dataclasses.replace(task.budget(name, scaled=False), **given)
        label = f"{budget.n_initial}+{budget.n_rounds}x{budget.n_instances}"
        budgets[name] = Budget(label, budget.n_initial, budget.n_instances, budget.n_rounds)
    return dataclasses.replace(task, budgets=budgets)
