"""No parameter without effect: another legal value gives another answer, or an error."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from sklearn.base import clone
from skorch import NeuralNetClassifier
from torch import nn

from skautoal import AutoALSampler, Search, SelectALSampler, SignalOptions, TCMSampler
from skautoal.exceptions import StrategyDroppedWarning
from skautoal.modules import MLP
from skautoal.strategies import FunctionStrategy
from tests._helpers import sampler_classes

STRATEGIES = ["bald", "kmeans", "ensemble_variation_ratio"]


def failing(signals):
    raise ZeroDivisionError


def net(**params):
    options = {
        "module__n_features": 5,
        "module__n_classes": 3,
        "module__hidden": 12,
        "criterion": nn.CrossEntropyLoss,
        "max_epochs": 4,
        "lr": 0.05,
        "verbose": 0,
    }
    return NeuralNetClassifier(MLP, **(options | params))


#: With these the experiment of SelectAL says that the budget is high.
HIGH_BUDGET = {"removed_share": 0.2, "random_state": 0}
#: Parameters that hold one strategy.
ROLES = ("strategy", "initial_strategy", "final_strategy", "low_budget", "high_budget")
#: Every strategy reads passes of dropout.
ON_PASSES = dict.fromkeys(ROLES, "bald") | {
    "strategies": ["bald", "mean_std"],
    "n_initial_rounds": 9,
}
#: For each parameter, another legal value, and what else has to be set for both.
OTHERS = {
    "estimator": (net(max_epochs=1), {}),
    "strategies": (["margin", "entropy"], {}),
    "strategy": ("entropy", {}),
    "n_instances": (3, {}),
    "signals": (SignalOptions(n_passes=3), ON_PASSES),
    "classes": ([0, 1, 2, 3], {}),  # the net has three outputs: an error
    "on_nonfinite": ("skip", {}),
    "on_error": ("drop", {}),
    "random_state": (1, {}),
    "search": (Search(n_steps=4, trust=1.0), {"batch_builder": "top"}),
    "batch_builder": ("top", {}),
    "verbose": (1, {}),
    "delta": (0.9, {}),
    "p_min": (0.3, {}),
    "horizon": (10, {}),
    "decay": (0.1, {}),
    "n_filter_rounds": (3, {}),
    "n_subsets": (1, {}),
    "initial_strategy": ("entropy", {"n_initial_rounds": 9}),
    "final_strategy": ("kmeans", {"n_initial_rounds": 0}),
    "labels_per_class": (50, {"initial_strategy": "kmeans"}),
    "n_initial_rounds": (9, {"initial_strategy": "kmeans"}),
    "low_budget": ("kmeans", {}),
    "high_budget": ("kmeans", HIGH_BUDGET),
    "removed_share": (0.9, {}),
    "n_splits": (2, {}),
    "weights": ([1, 2, 6], {}),
}
#: n_jobs changes no answer by definition; see test_determinism.py.
WITHOUT_EFFECT_BY_DESIGN = {"n_jobs"}


@pytest.fixture(scope="module")
def outcomes():
    """What was seen of the samplers that are compared with others, by all that was set."""
    return {}


@pytest.fixture(scope="module")
def task(blobs):
    X, y = blobs
    bad = X[60:].copy()
    bad[5] = np.nan
    return X[:30], y[:30], X[30:60], bad


def outcome(sampler, task, capsys):
    """Everything that a user can see of a sampler that is used."""
    X, y, pool, bad = task
    try:
        sampler.fit(X, y)
        first = sampler.query(pool)
        seen = [first.tolist(), sampler.predict_proba(pool).tolist()]
        sampler.teach(pool[first], y[: len(first)])
        second = sampler.query(pool)
        sampler.teach(pool[second], y[: len(second)])
        state = {
            name: np.asarray(getattr(sampler, name)).tolist()
            for name in ("arm_weights_", "arm_counts_", "removal_errors_", "phase_")
            if hasattr(sampler, name)
        }
        seen += [sampler.query(bad).tolist(), repr(state), capsys.readouterr().out]
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"
    return repr(seen)


def cases():
    for cls in sampler_classes():
        for name in inspect.signature(cls).parameters:
            if name not in WITHOUT_EFFECT_BY_DESIGN:
                yield pytest.param(cls, name, id=f"{cls.__name__}-{name}")


@pytest.mark.filterwarnings("ignore::skautoal.exceptions.StrategyDroppedWarning")
@pytest.mark.parametrize(("cls", "name"), list(cases()))
def test_every_parameter_changes_something_or_is_refused(cls, name, task, outcomes, capsys):
    other, fixed = OTHERS[name]
    known = cls().get_params(deep=False)
    base = {"estimator": net(), "strategies": STRATEGIES, "random_state": 0, "n_instances": 6}
    base["n_splits"] = 1  # SelectAL trains two nets a split
    if name == "on_nonfinite":
        pass
    elif name != "on_error":
        base["on_nonfinite"] = "skip"
    else:
        broken = FunctionStrategy(failing, needs=("probabilities",))
        base |= {"strategies": [broken, broken, broken, "margin"], "on_nonfinite": "skip"}
        base |= dict.fromkeys(ROLES, broken) | {"n_initial_rounds": 9}
    params = {key: value for key, value in (base | fixed).items() if key in known}
    params.pop(name, None) if name not in base else None
    one = cls(**params)
    two = clone(one).set_params(**{name: other})
    if name == "strategies" and cls.__name__ == "FixedMixtureSampler":
        one, two = (s.set_params(weights=None) for s in (one, two))
    key = repr((cls, sorted(params.items())))
    if key not in outcomes:
        outcomes[key] = outcome(one, task, capsys)
    assert outcomes[key] != outcome(two, task, capsys)


SEARCH_OTHERS = {
    "objective": ("coverage", {}),
    "fit_net": ("module", {}),  # three halvings instead of one
    "search_net": ("global", {}),
    "utilities": ("binary", {}),
    "threshold": ("gmm", {}),
    "loss_prediction": (True, {}),
    "alternate": (True, {}),
    "n_splits": (2, {"fit_net": "module"}),
    "n_steps": (9, {}),
    "prior": (5.0, {}),
    "trust": (0.5, {}),
}


@pytest.mark.parametrize("objective", ["mixed", "loss", "bilevel", "coverage"])
@pytest.mark.parametrize("name", [name for name in SEARCH_OTHERS if name != "objective"])
def test_every_parameter_of_a_search_changes_something_or_is_refused(
    objective, name, task, outcomes
):
    X, y, pool, _ = task
    other, fixed = SEARCH_OTHERS[name]

    def outcome(search):
        sampler = AutoALSampler(net(), ["margin", "kmeans", "bald"], random_state=0)
        sampler.set_params(search=search, batch_builder="top")
        try:
            sampler.fit(X, y)
        except ValueError as exc:
            return str(exc)
        utilities = sampler.query(pool, return_utilities=True)[1]
        return utilities.tolist(), len(sampler.search_history_)

    keys = []
    # What is learned here is too little to be trusted, so it is by decree.
    base = {"n_steps": 4, "objective": objective, "trust": 1.0, "search_net": "location"}
    for value in (base.get(name, Search().get_params()[name]), other):
        search = Search(**base | (fixed if objective != "coverage" else {}) | {name: value})
        # Most of the searches that others are compared with are the same one.
        keys.append(repr(sorted(search.get_params().items())))
        if keys[-1] not in outcomes:
            outcomes[keys[-1]] = outcome(search)
    assert outcomes[keys[0]] != outcomes[keys[1]]


def test_there_is_another_value_for_every_parameter():
    names = {name for cls in sampler_classes() for name in inspect.signature(cls).parameters}
    assert names - WITHOUT_EFFECT_BY_DESIGN == set(OTHERS)
    assert set(Search().get_params()) == set(SEARCH_OTHERS)


@pytest.mark.parametrize("name", ["embedding_layer", "n_passes", "n_members", "max_memory"])
def test_every_signal_option_changes_something(name, task):
    other = {"embedding_layer": "body.0", "n_passes": 3, "n_members": 3, "max_memory": "12 kB"}
    X, y, pool, _ = task
    answers = []
    for options in (SignalOptions(), SignalOptions(**{name: other[name]})):
        sampler = AutoALSampler(net(), [*STRATEGIES, "mean_std"], signals=options, random_state=0)
        result = sampler.fit(X, y).query(pool, return_result=True)
        answers.append(repr((result.utilities.tolist(), sorted(result.timings))))
    assert answers[0] != answers[1]


def test_a_main_class_that_can_be_held_in_mind():
    assert len(inspect.signature(AutoALSampler).parameters) <= 14


@pytest.mark.parametrize(
    ("sampler", "match"),
    [
        (TCMSampler(labels_per_class=3, n_initial_rounds=2), "'labels_per_class' is 3, but 'n_ini"),
        (SelectALSampler(removed_share=1.5), "'removed_share' parameter"),
    ],
)
def test_contradictions_are_refused_before_work(sampler, match, task):
    X, y, *_ = task
    with pytest.raises(ValueError, match=match):
        sampler.fit(X, y)
    assert not hasattr(sampler, "estimator_")


def test_dropping_is_warned_of(task):
    X, y, pool, _ = task
    broken = FunctionStrategy(failing, needs=("probabilities",))
    sampler = AutoALSampler(net(), [broken, "margin"], on_error="drop", random_state=0).fit(X, y)
    with pytest.warns(StrategyDroppedWarning, match="failing"):
        sampler.query(pool)
