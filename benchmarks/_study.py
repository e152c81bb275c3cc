"""What the study runs: tasks cut to size, and for each part the methods it compares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import train_test_split

from skautoal import AutoALSampler, REFINESampler, Search, TCMSampler
from skautoal.baselines import RandomStrategySampler, RandomWeightsSampler
from skautoal.search import _loop
from skautoal.simulation import Budget, Task, imbalanced, list_methods, load_task, noisy_labels
from skautoal.simulation.tasks._scaling import scale_inputs
from skautoal.strategies import UncertaintyHerding

PAPER = ["entropy", "margin", "least_confidence", "kmeans", "bald", "variation_ratio", "mean_std"]
MODERN = ["margin", "badge", "typiclust", "uncertainty_herding", "bald"]

#: Development tasks that two cores can carry; larger pools are cut, class by class.
TABULAR = ["digits", "dna", "segment", "satellite", "letter", "indian_pines"]
EMBEDDINGS = ["fortunes_topic_minilm", "openclipart_effnet"]
IMAGES = ["fashion_mnist", "cifar10"]
N_POOL, N_TEST = 2_000, 1_000

#: Too slow, or not for these inputs: adversarial and generative ones want images, the
#: others take seconds a query where the rest takes a hundredth.
LEFT_OUT = {
    "adversarial_bim",
    "adversarial_deepfool",
    "vaal",
    "waal",
    "discriminative_al",
    "ensemble_variation_ratio",
    "temporal_output_discrepancy",
    "mqnet",
    "selectal",
    "vote",
    "paper",
    "search",
}


def load(name: str, data: Path) -> Task:
    """A task by name, cut to size, with half of the protocol's rounds."""
    base, _, variant = name.partition("-")
    if base in ("breast_cancer", "wine"):
        task = _bundled(base)
    elif base == "digits":
        task = load_task("digits")
    else:
        task = load_task(str(data / f"{base}.npz")).subset(N_POOL, N_TEST)
    if variant:
        task = {"noisy": noisy_labels, "imbalanced": imbalanced}[variant](task)
    C = task.n_classes
    halved = {"low": Budget("low", C, C, 10), "mid": Budget("mid", 10 * C, 5 * C, 5)}
    fitted = {key: budget.fit_to(len(task.y_train)) for key, budget in halved.items()}
    return replace(task, name=name, budgets=fitted)


def _bundled(name: str) -> Task:
    X, y = {"breast_cancer": load_breast_cancer, "wine": load_wine}[name](return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    X, X_test = scale_inputs(X, X_test)
    return Task(name, X, y, X_test, y_test)


class WithTau(AutoALSampler):
    """AutoAL whose memberships anneal between other temperatures."""

    tau = (_loop._TAU_START, _loop.TAU_END)

    def _run(self, step, *args):
        before = _loop._TAU_START, _loop.TAU_END
        _loop._TAU_START, _loop.TAU_END = self.tau
        try:
            return step(*args)
        finally:
            _loop._TAU_START, _loop.TAU_END = before

    def _start(self, signals, candidates):
        return self._run(super()._start, signals, candidates)

    def _pick(self, signals, candidates, n_instances, seed):
        return self._run(super()._pick, signals, candidates, n_instances, seed)


class SharpTau(WithTau):
    """Sharp from the start."""

    tau = (0.05, 0.05)


class SoftTau(WithTau):
    """Soft to the end."""

    tau = (0.5, 0.5)


class WarmStart(AutoALSampler):
    """AutoAL whose SearchNet goes on from that of the last round."""

    def _start(self, signals, candidates):
        super()._start(signals, candidates)
        last, net = getattr(self, "_last_net", None), self._round.net
        if net is not None:
            if last is not None and last.n_utilities == net.n_utilities:
                # Equal weights belong to the round; everything that is trained is averaged.
                trained = {name for name, _ in net.named_parameters()}
                average = {
                    key: (value + last.state_dict()[key]) / 2 if key in trained else value
                    for key, value in net.state_dict().items()
                }
                net.load_state_dict(average)
            self._last_net = net


def learned(**parameters) -> AutoALSampler:
    """The search that the study varies, one parameter at a time."""
    return AutoALSampler(search=Search(**parameters))


def equal(**parameters) -> AutoALSampler:
    """The same without learning: equal weights."""
    return AutoALSampler(search=None, **parameters)


def parts() -> dict[str, dict]:
    """Methods of each part of the study, in the order in which it was made."""
    return {
        "objectives": {
            "vote": equal(),
            **{o: learned(objective=o) for o in ("loss", "bilevel", "coverage", "mixed")},
        },
        "splits": {f"splits={n}": learned(n_splits=n) for n in (1, 3, 10)},
        "utilities": {u: learned(utilities=u) for u in ("rank", "binary")},
        "search_net": {
            "global": learned(search_net="global"),
            "location": learned(search_net="location"),
            "location+loss": learned(search_net="location", loss_prediction=True),
            "module": learned(search_net="module"),
            "module+loss": learned(search_net="module", loss_prediction=True),
        },
        "candidates": {
            **{f"paper{n}": equal(strategies=PAPER[:n]) for n in (1, 3, 5, 7)},
            "margin": equal(strategies=["margin"]),
            "margin+typiclust": equal(strategies=["margin", "typiclust"]),
            "modern5": equal(strategies=MODERN),
        },
        "builders": {
            b: equal(batch_builder=b)
            for b in ("top", "stochastic", "kmeans++", "herding", "joint_herding")
        },
        "tau": {
            "annealed": learned(),
            "sharp": SharpTau(search=Search()),
            "soft": SoftTau(search=Search()),
        },
        "warm_start": {"cold": learned(), "warm": WarmStart(search=Search())},
        "paper_mode": {"paper": AutoALSampler(search="paper"), "vote": equal(batch_builder="top")},
        "controls": {
            "learned": learned(),
            "equal": equal(),
            "random weights": RandomWeightsSampler(),
            "random strategy": RandomStrategySampler(),
            "tcm": TCMSampler(),
            "refine": REFINESampler(),
            "albl": "albl",
            "tailor": "tailor",
        },
        "claims": claims(),
        "variants": {name: claims()[name] for name in ("auto", "vote", "margin", "random")},
        "noise": {name: claims()[name] for name in ("auto", "search", "random weights", "vote")},
        "images": {name: claims()[name] for name in ("auto", "vote", "random", "margin", "badge")}
        | {"uncertainty_herding": "uncertainty_herding"},
        "field": {name: name for name in list_methods() if name not in LEFT_OUT},
        "small": {
            name: claims()[name] for name in ("auto", "search", "vote", "margin", "badge", "random")
        }
        | {"uncertainty_herding": "uncertainty_herding"},
    }


def claims() -> dict[str, object]:
    """Methods of the registered claims: auto, its controls, its candidates, the strongest."""
    return {
        "auto": "auto",
        "search": "search",
        "random weights": RandomWeightsSampler(),
        "vote": "vote",
        "random": "random",
        **{name: name for name in PAPER},
        "badge": "badge",
        "uncertainty_herding": "uncertainty_herding",
        "uncertainty_herding labeled": UncertaintyHerding(width="labeled"),
    }


#: Where each part runs: tasks, budgets, seeds.
STUDY_TASKS = ["digits", "dna", "satellite", "fortunes_topic_minilm"]
PLAN: dict[str, tuple[list[str], list[str], int]] = {
    "claims": (TABULAR + EMBEDDINGS, ["low", "mid"], 10),
    "field": (STUDY_TASKS, ["low", "mid"], 2),
    "variants": (
        [f"{t}-{v}" for t in ("digits", "satellite") for v in ("noisy", "imbalanced")],
        ["low", "mid"],
        10,
    ),
    "noise": ([f"{t}-noisy" for t in ("digits", "satellite")], ["low"], 15),
    "images": (IMAGES, ["low"], 3),
    "candidates": (STUDY_TASKS, ["low", "mid"], 5),
    "objectives": (STUDY_TASKS, ["low", "mid"], 4),
    "builders": (STUDY_TASKS, ["low", "mid"], 3),
    "small": (["digits", "digits-noisy", "breast_cancer", "wine"], ["low"], 5),
}


def plan(part: str) -> tuple[list[str], list[str], int]:
    """Tasks, budgets and number of seeds of a part."""
    return PLAN.get(part, (STUDY_TASKS, ["low"], 2))
