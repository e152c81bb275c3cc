"""Estimate the time of a comparison from a round of each run or from finished runs."""

from __future__ import annotations

import math
import time
import warnings
from collections import Counter
from dataclasses import dataclass

import numpy as np
from joblib import effective_n_jobs

from ..simulation import Budget, SimulationResult
from ..simulation.runs._compare import one_thread, simulate_job
from ..simulation.runs._plan import Plan, Run
from ..simulation.runs._results import FULL

#: No further method is timed after so many seconds.
_PATIENCE = 20.0
#: The first training of a process is slower; a shorter one than this is timed again.
_WARM_UP = 2.0


@dataclass(frozen=True)
class Cost:
    """Seconds of an average round: training on some labels, and a query."""

    train: float
    query: float
    n_labels: float

    def of(self, job: Run) -> float:
        """Return the seconds of a whole run."""
        if job.budget.name == FULL:  # one training; its time grows with the number of labels
            return self.train * job.budget.n_initial / self.n_labels
        return (job.budget.n_rounds + 1) * self.train + job.budget.n_rounds * self.query


def estimate(plan: Plan, n_jobs: int | None) -> str:
    """Return words on how long the missing runs of a plan will take.

    A method on a task takes as long as in its finished runs. Where there are none, one
    round is timed, with half of the labels, until that has taken 20 seconds; what is not
    timed by then is expected to take the mean of what is.
    """
    start = time.perf_counter()
    costs = _finished_costs(plan)
    jobs = {key_of(job): job for job in plan.todo if job.budget.name != FULL}
    n_timed = 0
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the runs themselves will say it
        for key, job in jobs.items():
            if key not in costs and time.perf_counter() - start < _PATIENCE:
                cost = _time_round(job, warm=n_timed > 0)
                n_timed += cost is not None
                costs |= {} if cost is None else {key: cost}
    if not costs:
        return "not possible: no method gets through a round."
    counts = Counter(key_of(job) for job in plan.todo)
    one_of_each = {key_of(job): job for job in plan.todo}
    seconds = {key: expected_seconds(key, job, costs) for key, job in one_of_each.items()}
    at_once = min(effective_n_jobs(n_jobs), len(plan.todo))
    total = sum(seconds[key] * count for key, count in counts.items())
    expected = max(total / at_once, *seconds.values())
    source = "from finished runs"
    if n_timed:
        spent = time.perf_counter() - start
        source = f"from one round of {n_timed} of {len(jobs)} settings, timed in {spent:.0f} s"
    return f"about {in_words(expected)} with {at_once} at a time ({source})."


def in_words(seconds: float) -> str:
    """Return a duration in the unit that people would use."""
    for unit, length in (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400)):
        number = max(1, round(seconds / length))
        if number < {"hour": 48, "day": np.inf}.get(unit, 100):
            break
    return f"{number} {unit}{'' if number == 1 else 's'}"


def key_of(job: Run) -> tuple[str, str, str]:
    return job.task.name, job.budget.name, job.name


def _finished_costs(plan: Plan) -> dict[tuple[str, str, str], Cost]:
    """Return what the finished runs of each kind took, seeds averaged."""
    found: dict[tuple[str, str, str], list[Cost]] = {}
    for number, result in plan.finished.items():
        job = plan.jobs[number]
        cost = _cost(result)
        # Times are unknown in runs that trained their nets together.
        if job.budget.name != FULL and not math.isnan(cost.train + cost.query):
            found.setdefault(key_of(job), []).append(cost)
    return {
        key: Cost(*np.mean([[c.train, c.query, c.n_labels] for c in costs], axis=0))
        for key, costs in found.items()
    }


def _cost(result: SimulationResult) -> Cost:
    n_queries = max(1, len(result.rounds) - 1)
    return Cost(
        float(np.mean(result.seconds_train)),
        sum(result.seconds_query) / n_queries,
        float(np.mean(result.n_labeled)),
    )


def _time_round(job: Run, *, warm: bool) -> Cost | None:
    """Time a round in the middle of a run; None if it fails, which the run will report."""
    budget, start = job.budget, time.perf_counter()
    half = budget.n_initial + budget.n_rounds // 2 * budget.n_instances
    one_round = Budget(budget.name, half, budget.n_instances, min(1, budget.n_rounds))
    try:
        result = simulate_job(job, one_round)
    except Exception:
        return None
    if not warm and time.perf_counter() - start < _WARM_UP:
        return _time_round(job, warm=True)
    return _cost(result)


def expected_seconds(key: tuple[str, str, str], job: Run, costs: dict) -> float:
    """Return the seconds of a run: as known, or the mean over what is most like it."""
    if key in costs:
        return costs[key].of(job)
    task, budget, _ = key
    alike = [cost for other, cost in costs.items() if other[:2] == (task, budget)]
    alike = alike or [cost for other, cost in costs.items() if other[0] == task]
    return float(np.mean([cost.of(job) for cost in alike or costs.values()]))
