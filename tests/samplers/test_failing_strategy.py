"""Every sampler treats a strategy that fails alike: an error that names it, or without it."""

from __future__ import annotations

import pytest
import torch

from skautoal import (
    AutoALSampler,
    REFINESampler,
    Search,
    SelectALSampler,
    StrategySampler,
    TCMSampler,
)
from skautoal.exceptions import StrategyDroppedWarning, StrategyError, StrategyOutputError
from skautoal.pipeline import make_pipeline
from skautoal.strategies import BatchStrategy
from tests._helpers import sampler_classes

SINGLE = (StrategySampler, TCMSampler, SelectALSampler)


class Fails(BatchStrategy):
    """A strategy of the user's with a mistake."""

    needs = ("probabilities",)

    def _pick(self, signals, n_instances, rng):
        raise ZeroDivisionError("its own mistake")


class Repeats(BatchStrategy):
    def _pick(self, signals, n_instances, rng):
        return torch.zeros(n_instances, dtype=torch.long)


def broken(cls, strategy, **params):
    """A sampler in which the strategy would be asked first."""
    if cls is StrategySampler:
        made = cls(strategy=strategy)
    elif cls is TCMSampler:
        made = cls(initial_strategy=strategy, n_initial_rounds=3)
    elif cls is SelectALSampler:
        made = cls(low_budget=strategy, high_budget=strategy)
    else:
        made = cls(strategies=[("mine", strategy), "margin", "kmeans"])
    return made.set_params(random_state=0, **params)


@pytest.fixture(scope="module")
def task(blobs):
    X, y = blobs
    return X[:30], y[:30], X[30:]


def regime(sampler):
    """Where SelectAL would choose at random, its strategies are not asked."""
    return getattr(sampler, "regime_", "") != "mid_budget"


@pytest.mark.parametrize(
    ("strategy", "error"), [(Fails(), StrategyError), (Repeats(), StrategyOutputError)]
)
@pytest.mark.parametrize("cls", sampler_classes(), ids=lambda cls: cls.__name__)
def test_the_error_names_the_strategy(cls, strategy, error, task):
    X, y, pool = task
    sampler = broken(cls, strategy).fit(X, y)
    if cls.__name__ == "RandomStrategySampler":
        sampler.set_params(strategies=[("mine", strategy)]).fit(X, y)
    assert regime(sampler)
    for call in (
        lambda: sampler.query(pool, 4),
        lambda: sampler.query(pool, 4, return_result=True),
        lambda: sampler.explain(pool, [0, 1]),
    ):
        with pytest.raises(error, match=r"^Strategy (mine|Fails|Repeats)(-2)? (raised|returned)"):
            call()


def asking_seed(cls, X, y, pool):
    """A seed by which the strategy that fails is drawn."""
    for seed in range(20):
        sampler = broken(cls, Fails()).set_params(random_state=seed).fit(X, y)
        try:
            sampler.query(pool, 6)
        except StrategyError:
            return seed
    raise AssertionError("no seed draws the first of three strategies")


@pytest.mark.parametrize("cls", [c for c in sampler_classes() if c not in SINGLE])
def test_dropped_is_as_if_it_had_not_been_there(cls, task):
    X, y, pool = task
    sampler = broken(cls, Fails(), on_error="drop").fit(X, y)
    without = cls(strategies=["margin", "kmeans"], random_state=0).fit(X, y)
    if cls.__name__ == "RandomStrategySampler":
        sampler.set_params(random_state=asking_seed(cls, X, y, pool)).fit(X, y)
    with pytest.warns(StrategyDroppedWarning, match="'mine' is left out") as caught:
        again = sampler.query(pool, 6, return_result=True)
    with pytest.warns(StrategyDroppedWarning):
        picks = sampler.query(pool, 6)
    if cls.__name__ != "RandomStrategySampler":  # draws among other numbers of strategies
        assert picks.tolist() == without.query(pool, 6).tolist()
    assert again.indices.tolist() == picks.tolist()
    assert list(again.dropped) == ["mine"]
    assert "its own mistake" in again.dropped["mine"]
    assert list(sampler.dropped_strategies_) == ["mine"]
    assert {warning.filename for warning in caught} == {__file__}


def test_samplers_of_one_strategy_go_on_with_the_next(task):
    X, y, pool = task
    for sampler, other in (
        (broken(TCMSampler, Fails(), on_error="drop"), "Margin"),
        (broken(SelectALSampler, Fails(), on_error="drop"), "RandomSampling"),
    ):
        sampler.fit(X, y)
        assert regime(sampler)
        with pytest.warns(StrategyDroppedWarning):
            result = sampler.query(pool, 4, return_result=True)
        assert result.explain().strategies == [other]
        assert [name[:5] for name in result.dropped] == ["Fails"]


def test_without_any_strategy_left_it_is_an_error(task):
    X, y, pool = task
    sampler = broken(StrategySampler, Fails(), on_error="drop").fit(X, y)
    with pytest.raises(StrategyError, match=r"All strategies failed.*its own mistake"):
        sampler.query(pool, 4)


def test_a_bandit_rewards_the_arms_that_were_left(task):
    from skautoal import ALBLSampler, TAILORSampler

    X, y, pool = task
    for cls in (ALBLSampler, TAILORSampler):
        sampler = broken(cls, Fails(), on_error="drop").fit(X, y)
        with pytest.warns(StrategyDroppedWarning):
            indices = sampler.query(pool, 6)
        assert set(sampler.last_query_["arm"].tolist()) <= {1, 2}
        assert not sampler.last_query_["advice"][:, 0].any()
        sampler.teach(pool[indices], y[: len(indices)])
        arms = getattr(sampler, "arm_weights_", None)
        arms = sampler.arm_counts_ if arms is None else arms
        assert len(arms) == 3


def test_a_search_drops_it_in_fit(task):
    X, y, _ = task
    search = Search(n_steps=2, n_splits=2)
    sampler = broken(AutoALSampler, Fails(), on_error="drop", search=search)
    with pytest.warns(StrategyDroppedWarning, match="'mine' is left out") as caught:
        sampler.fit(X, y)
    assert [name for name, _ in sampler.strategies_] == ["Margin", "KMeans"]
    assert {warning.filename for warning in caught} == {__file__}


def test_pipelines_pass_it_on(task):
    from sklearn.preprocessing import StandardScaler

    X, y, pool = task
    pipe = make_pipeline(StandardScaler(), broken(REFINESampler, Fails(), on_error="drop"))
    pipe.fit(X, y)
    with pytest.warns(StrategyDroppedWarning, match="'mine'"):
        result = pipe.query(pool, 4, return_result=True)
    assert list(result.dropped) == ["mine"]


def test_samples_with_nan_are_no_fault_of_a_strategy(task):
    X, y, pool = task
    pool = pool.copy()
    pool[3] = float("nan")
    for cls in sampler_classes():
        sampler = cls(random_state=0, on_error="drop").fit(X, y)
        with pytest.raises(ValueError, match=r"X_unlabeled.*NaN") as caught:
            sampler.query(lambda: iter([pool[:40], pool[40:]]), 4)
        assert "Strategy" not in str(caught.value)
