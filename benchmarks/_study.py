"""What the study runs: tasks cut to size, and for each part the methods it compares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import train_test_split

from skautoal import AutoALSampler, Search
from skautoal.baselines import RandomWeightsSampler
from skautoal.mixing import _joint_herding
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
    "oracle",
}


def load(name: str, data: Path) -> Task:
    """A task by name, cut to size, with half of the protocol's rounds for "low" and "mid"."""
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
    halved = {
        "low": Budget("low", C, C, 10),
        "mid": Budget("mid", 10 * C, 5 * C, 5),
        "high": Budget("high", 50 * C, 25 * C, 5),
    }
    fitted = {key: budget.fit_to(len(task.y_train)) for key, budget in halved.items()}
    return replace(task, name=name, budgets=fitted)


def _bundled(name: str) -> Task:
    X, y = {"breast_cancer": load_breast_cancer, "wine": load_wine}[name](return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    X, X_test = scale_inputs(X, X_test)
    return Task(name, X, y, X_test, y_test)


class WithTrust(AutoALSampler):
    """AutoAL with another number of labels a class at which scores count half."""

    half_labels = 20.0

    def _pick(self, signals, candidates, n_instances, seed):
        before = _joint_herding._HALF_LABELS
        _joint_herding._HALF_LABELS = self.half_labels
        try:
            return super()._pick(signals, candidates, n_instances, seed)
        finally:
            _joint_herding._HALF_LABELS = before


class Trust50(WithTrust):
    """Scores count half at 50 labels a class."""

    half_labels = 50.0


class Trust100(WithTrust):
    """Scores count half at 100 labels a class."""

    half_labels = 100.0


class WithoutRecord(AutoALSampler):
    """AutoAL that learns from splits of the labels alone, not from earlier rounds."""

    @property
    def _n_rounds_remembered(self):
        return 0


def learned(**parameters) -> AutoALSampler:
    """The search that the study varies, one parameter at a time."""
    return AutoALSampler(search=Search(**parameters))


def equal(**parameters) -> AutoALSampler:
    """The same without learning: equal weights."""
    return AutoALSampler(search=None, **parameters)


def parts() -> dict[str, dict]:
    """Methods of each part of the study."""
    return {
        "claims": claims(),
        "trust": {
            "20 labels": equal(),
            "50 labels": Trust50(search=None),
            "100 labels": Trust100(search=None),
        },
        "variants": {m: claims()[m] for m in ("search", "equal", "margin", "random")},
        "ablations": {
            "search": learned(),
            "without record": WithoutRecord(search=Search()),
            "splits of module copies": learned(fit_net="module"),
            "one weight for all samples": learned(search_net="global"),
            "always trusted": learned(trust=1.0),
            "labels alone": learned(objective="loss"),
            "pool alone": learned(objective="coverage"),
            "highest scores": AutoALSampler(search=Search(), batch_builder="top"),
            "alternating": learned(alternate=True),
            "equal": equal(),
        },
        "figures": {
            # Figures 3 to 5 of the paper: objective, loss prediction, number of candidates.
            "search": learned(),
            "loss prediction": learned(loss_prediction=True),
            **{
                f"paper{n}": AutoALSampler(strategies=PAPER[:n], search=Search()) for n in (1, 3, 5)
            },
            "paper": AutoALSampler(search="paper"),
            "equal": equal(),
        },
        "field": {name: name for name in list_methods() if name not in LEFT_OUT},
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
        "small": {
            m: claims()[m]
            for m in ("search", "equal", "vote", "margin", "badge", "random", "oracle")
        }
        | {"uncertainty_herding": "uncertainty_herding"},
    }


def claims() -> dict[str, object]:
    """Methods of the registered claims: the search, its controls, its candidates, the strongest.

    In the order in which they are run: the pairs of the claims first.
    """
    return {
        "equal": equal(),
        "search": learned(),
        "random weights": RandomWeightsSampler(),
        "random": "random",
        "margin": "margin",
        "oracle": "oracle",
        **{name: name for name in PAPER if name != "margin"},
        "uncertainty_herding": "uncertainty_herding",
        "uncertainty_herding labeled": UncertaintyHerding(width="labeled"),
        "badge": "badge",
        "vote": "vote",
        "paper": AutoALSampler(search="paper"),
    }


#: Where each part runs: tasks, budgets, seeds. No seed was looked at before.
STUDY_TASKS = ["digits", "dna", "satellite", "fortunes_topic_minilm"]
PLAN: dict[str, tuple[list[str], list[str], range]] = {
    "claims": (TABULAR + EMBEDDINGS + IMAGES, ["low", "mid", "high"], range(20, 40)),
    "trust": (TABULAR + EMBEDDINGS, ["low", "mid", "high"], range(40, 60)),
    "variants": (
        [f"{t}-{v}" for t in ("digits", "satellite") for v in ("noisy", "imbalanced")],
        ["low", "mid"],
        range(20, 40),
    ),
    "ablations": (STUDY_TASKS, ["low", "mid"], range(60, 70)),
    "figures": (STUDY_TASKS, ["low", "mid"], range(60, 70)),
    "field": (STUDY_TASKS, ["low", "mid"], range(2)),
    "candidates": (STUDY_TASKS, ["low", "mid"], range(5)),
    "builders": (STUDY_TASKS, ["low", "mid"], range(3)),
    "small": (["digits", "digits-noisy", "breast_cancer", "wine"], ["low"], range(5)),
}
