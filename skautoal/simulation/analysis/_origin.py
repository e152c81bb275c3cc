"""The origin of results in words: data, budgets, nets, seeds, versions, command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..runs._result import SimulationResult
from ..runs._results import Results
from ..runs._words import counted

#: Parameters of a skorch net that matter to a reader, with the words around their values.
_TRAINING = {
    "lr": "learning rate {}",
    "max_epochs": "{} epochs",
    "batch_size": "batches of {}",
}


def origin_of(results: Results, commands: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Describe what the results are of and how they were made.

    Configurations may come from a file of a stranger: whatever is not as :func:`compare`
    writes it is left out.

    Parameters
    ----------
    results : Results
        The runs.
    commands : sequence of str, default=()
        Command lines that made them.

    Returns
    -------
    parts : list of (str, str)
        Names and descriptions, without those that are not known.

    """
    tasks = list(dict.fromkeys(setting.task for setting in results.settings))
    runs = {task: next(run for run in results if run.task == task) for task in tasks}
    nets = {task: _net(_task_config(run).get("net")) for task, run in runs.items()}
    parts = [
        ("Data", _joined(_data(task, run) for task, run in runs.items())),
        ("Budgets", _joined(_budgets(results))),
        ("Net", _joined(_by_task(nets))),
        ("Seeds", _seeds(results.seeds)),
        ("Versions", _joined(_versions(run) for run in results)),
        ("Command", _joined(commands)),
    ]
    return [(name, text) for name, text in parts if text]


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _task_config(run: SimulationResult) -> dict[str, Any]:
    return _dict((run.config or {}).get("task"))


def _data(task: str, run: SimulationResult) -> str:
    config = _task_config(run)
    sizes = [_shape(config.get(f"y_{part}"))[:1] for part in ("train", "test")]
    if not all(sizes):
        return task
    facts = [f"{counted(sizes[0][0], 'sample')} in the pool, {sizes[1][0]:,} to test on"]
    shape = _shape(config.get("X_train"))[1:]
    if shape:
        facts.append("x".join(map(str, shape)) + (" features" if len(shape) == 1 else " inputs"))
    if run.rounds:
        facts.append(counted(len(run.rounds[0].class_histogram), "class", "classes"))
    return f"{task}: {', '.join(facts)}"


def _shape(description: Any) -> list[int]:
    """Return the shape in the description of an array; empty for anything else."""
    shape = _dict(description).get("array")
    if not isinstance(shape, list) or not all(isinstance(n, int) for n in shape):
        return []
    return shape


def _budgets(results: Results) -> Iterator[str]:
    """Describe the budgets by name; those of different tasks may differ in size."""
    labels: dict[str, list[list[int]]] = {}
    for setting in results.settings:
        run = next(r for r in results if (r.task, r.budget) == (setting.task, setting.budget))
        labels.setdefault(setting.budget, []).append(run.n_labeled.tolist())
    for budget, curves in labels.items():
        text = f"{budget}: {_range(curve[0] for curve in curves)} labels at the start"
        if all(len(curve) > 1 for curve in curves):
            text += f", {_range(len(curve) - 1 for curve in curves)} rounds"
            text += f" of {_range(curve[1] - curve[0] for curve in curves)}"
        yield text


def _range(numbers: Iterable[int]) -> str:
    ordered = sorted(set(numbers))
    return f"{ordered[0]:,}" if len(ordered) == 1 else f"{ordered[0]:,} to {ordered[-1]:,}"


def _by_task(nets: dict[str, str]) -> list[str]:
    if len(set(nets.values())) == 1:
        return list(nets.values())
    return [f"{task}: {net}" for task, net in nets.items() if net]


def _net(description: Any) -> str:
    """Describe a net, or the steps of a pipeline."""
    name, params = _class(description), _dict(_dict(description).get("params"))
    steps = params.get("steps")
    if isinstance(steps, list):
        words = [_net(step[1]) for step in steps if isinstance(step, list) and len(step) == 2]
        return " after ".join(reversed([word for word in words if word]))
    module = _class(params.get("module"))
    if not module:
        return name
    facts = [_class(params.get("optimizer"))]
    for key, fact in _TRAINING.items():
        if isinstance(params.get(key), (int, float)):
            facts.append(fact.format(params[key]))
    return f"{module} ({', '.join(filter(None, facts))})"


def _class(description: Any) -> str:
    """Return the name of a class from the description of it or of one of its objects."""
    name = description if isinstance(description, str) else _dict(description).get("class")
    return name.rpartition(".")[2] if isinstance(name, str) else ""


def _seeds(seeds: Sequence[int | None]) -> str:
    numbers = [seed for seed in seeds if seed is not None]
    if len(numbers) > 3 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))


def _versions(run: SimulationResult) -> str:
    software = run.software or {}
    return ", ".join(f"{name} {version}" for name, version in software.items() if name != "source")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
