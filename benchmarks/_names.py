"""Words for the methods, data sets and settings of the study, as the documentation uses them."""

from __future__ import annotations

import copy

from skautoal.simulation import Results, Setting

#: The method of the study that AutoALSampler() is. The rule of the page decides it.
DEFAULT = "equal"

#: Methods whose names in the kept tables say too little.
METHODS = {
    "equal": "AutoAL, equal weights",
    "search": "AutoAL, learned weights",
    "random weights": "AutoAL, random weights",
    "randomweights": "AutoAL, random weights",
    "auto": "AutoAL, equal weights",
    "vote": "equal weights, highest scores",
    "paper": "AutoAL as in the paper",
    "fixedmixture": "fixed mixture, highest scores",
    "randomstrategy": "a random strategy each round",
    "uncertainty_herding labeled": "uncertainty_herding (labels)",
}

#: The same for the parts of the study that vary one thing.
VARIED = {
    "candidates": {
        **{f"paper{n}": f"the first {n} of the paper" for n in (1, 3, 5, 7)},
        "margin+typiclust": "margin, typiclust",
        "modern5": "margin, badge, typiclust, uncertainty_herding, bald",
    },
    "ablations": {"search": "all repairs", "equal": "equal weights"},
    "figures": {
        "search": "all seven candidates",
        **{f"paper{n}": f"the first {n} candidate{'s' * (n > 1)}" for n in (1, 3, 5)},
        "equal": "equal weights",
    },
    "trust": {f"{n} labels": f"{n} labels a class" for n in (20, 50, 100)},
}


def method_name(method: str, part: str = "claims") -> str:
    """Return the words for a method of a part of the study."""
    return VARIED.get(part, {}).get(method, METHODS.get(method, method))


def task_name(task: str) -> str:
    """Return the short name of a data set."""
    return task.replace("_topic_minilm", "").replace("_effnet", "").replace("_", " ")


def renamed(results: Results, part: str = "claims") -> Results:
    """Return the runs with the words for their methods and data sets, for figures."""
    runs = []
    for run in results:
        run = copy.copy(run)
        run.method, run.task = method_name(run.method, part), task_name(run.task)
        runs.append(run)
    return Results(runs)


def renamed_setting(setting: Setting) -> Setting:
    """Return a setting as it is called after :func:`renamed`."""
    return Setting(task_name(setting.task), setting.budget)
