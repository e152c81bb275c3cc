"""QueryResult: one answer for all options of a query, the same as that of ``explain``."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from skautoal import AutoALSampler, QueryResult, SignalOptions
from skautoal.mixing import BUILDERS
from skautoal.pipeline import make_pipeline
from tests._helpers import sampler_classes

NAMES = ["margin", "badge", "kmeans"]


def make(cls, **params):
    known = cls().get_params(deep=False)
    options = {"strategies": NAMES, "random_state": 0} | params
    return cls(**{name: value for name, value in options.items() if name in known})


@pytest.fixture(scope="module")
def task(blobs):
    X, y = blobs
    pool = X[30:].copy()
    pool[[4, 17]] = np.nan
    costs = np.random.RandomState(0).uniform(1, 5, len(pool))
    return X[:30], y[:30], pool, costs


def options_of(kind, costs):
    return {
        "plain": {},
        "skip": {"on_nonfinite": "skip"},
        "memory": {"max_memory": "12 kB"},
        "costs": {"costs": costs},
        "budget": {"costs": costs, "budget": 14.0},
        "all": {"costs": costs, "budget": 14.0, "max_memory": "12 kB", "on_nonfinite": "skip"},
    }[kind]


@pytest.mark.parametrize("kind", ["plain", "skip", "memory", "costs", "budget", "all"])
@pytest.mark.parametrize("cls", sampler_classes(), ids=lambda cls: cls.__name__)
def test_explain_knows_every_option_of_query(cls, kind, task):
    X, y, pool, costs = task
    if kind not in ("skip", "all"):
        pool, costs = np.delete(pool, [4, 17], axis=0), np.delete(costs, [4, 17])
    options = options_of(kind, costs)
    sampler = make(cls).fit(X, y)
    n = None if "budget" in options else 6
    indices = sampler.query(pool, n, **options)
    result = sampler.query(pool, n, return_result=True, **options)
    assert isinstance(result, QueryResult)
    assert result.indices.tolist() == indices.tolist()
    expected = list(range(1, len(indices) + 1))
    assert result.explain().places.tolist() == expected
    again = sampler.explain(pool, indices, n_instances=n, **options)
    assert again.places.tolist() == expected
    assert again.rows() == result.explain().rows()
    assert result.explain().considered.all()
    if kind in ("skip", "all"):
        left_out = result.explain([4, 17])
        assert not left_out.considered.any()
        assert np.isneginf(left_out.scores).all()
    if "costs" in options:
        np.testing.assert_allclose(result.explain().reasons["cost"], costs[indices])


@pytest.mark.parametrize("cls", sampler_classes(), ids=lambda cls: cls.__name__)
def test_parameters_of_the_sampler_are_the_defaults_of_its_queries(cls, task):
    X, y, pool, _ = task
    sampler = make(cls, on_nonfinite="skip", signals=SignalOptions(max_memory="12 kB"))
    named = make(cls).fit(X, y).query(pool, 6, on_nonfinite="skip", max_memory="12 kB")
    assert sampler.fit(X, y).query(pool, 6).tolist() == named.tolist()


@pytest.mark.parametrize("cls", sampler_classes(), ids=lambda cls: cls.__name__)
def test_a_result_says_what_the_attributes_say(cls, task):
    X, y, pool, _ = task
    sampler = make(cls).fit(X, y)
    result = sampler.query(pool[20:], 5, return_result=True)
    assert sampler.strategy_weights_["batch"] == result.strategy_weights["batch"]
    assert abs(sum(result.strategy_weights["batch"].values()) - 1) < 1e-5
    assert result.dropped == sampler.dropped_strategies_ == {}
    assert all(sampler.timings_[f"query_{name}"] == s for name, s in result.timings.items())
    assert len(result) == 5
    assert len(result.to_frame()) == 5


def coverage_by_hand(picks, targets, weights, labeled, width=1.0):
    """Share of the weight that each pick newly covers, one target after the other."""

    def kernel(a, b):
        return np.exp(-((a - b) ** 2).sum() / width**2)

    covered = [max((kernel(t, x) for x in labeled), default=0.0) for t in targets]
    shares = []
    for pick in picks:
        gains = [max(0.0, kernel(pick, t) - c) for t, c in zip(targets, covered, strict=True)]
        shares.append(float(np.dot(weights, gains) / weights.sum()))
        covered = [max(c, kernel(pick, t)) for t, c in zip(targets, covered, strict=True)]
    return shares


def test_coverage_reasons_are_those_of_brute_force():
    import torch

    from tests._internals import coverage_reasons

    rng = np.random.RandomState(0)
    picks, targets, labeled = (rng.normal(size=(n, 3)) for n in (6, 25, 4))
    weights = rng.uniform(size=25)
    found = coverage_reasons(*map(torch.as_tensor, (picks, targets, weights, labeled)), 1.0)
    expected = coverage_by_hand(picks, targets, weights, labeled)
    np.testing.assert_allclose(found["newly_covered"], expected, rtol=1e-6)
    for i, name in enumerate(found["nearest"]):
        kind, number = name.split()
        others = np.concatenate([labeled, picks[:i]])
        at = ((others - picks[i]) ** 2).sum(1).argmin()
        assert (kind, int(number)) == (("labelled", at) if at < 4 else ("pick", at - 3))


@pytest.mark.parametrize("builder", BUILDERS)
def test_each_builder_gives_its_own_reasons(builder, task):
    X, y, pool, _ = task
    sampler = AutoALSampler(strategies=NAMES, batch_builder=builder, random_state=0).fit(X, y)
    explanation = sampler.query(pool[20:], 5, return_result=True).explain()
    columns = {
        "top": set(),
        "stochastic": {"weight", "noise"},
        "herding": {"weight", "newly_covered", "nearest", "similarity"},
        "joint_herding": {
            "uncertainty_weight", "score_weight", "newly_covered", "nearest", "similarity",
        },
        "kmeans++": {"weight", "squared_distance"},
    }  # fmt: skip
    assert set(explanation.reasons) == columns[builder]
    if builder in ("herding", "joint_herding"):
        # The gain that the builder maximised falls from pick to pick.
        own = {
            "herding": 1,
            "joint_herding": explanation.reasons.get("uncertainty_weight", 1)
            * explanation.reasons.get("score_weight", 1),
        }[builder]
        gains = own * explanation.reasons["newly_covered"]
        assert (np.diff(gains) <= 1e-6).all()
        assert gains[0] > 0


def test_samples_that_are_not_picked_have_no_reasons(task):
    X, y, pool, _ = task
    sampler = AutoALSampler(strategies=NAMES, random_state=0).fit(X, y)
    result = sampler.query(pool[20:], 5, return_result=True)
    rest = np.setdiff1d(np.arange(70), result.indices)[:3]
    explanation = result.explain(rest)
    assert np.isnan(explanation.reasons["newly_covered"]).all()
    assert explanation.reasons["nearest"].tolist() == ["", "", ""]
    assert "not" not in repr(explanation)
    assert repr(explanation).splitlines()[1].count(" - ") >= 2


def test_both_kinds_of_answer_at_once_are_refused(task):
    X, y, pool, _ = task
    sampler = make(AutoALSampler).fit(X, y)
    with pytest.raises(ValueError, match="'return_utilities' and 'return_result' are both True"):
        sampler.query(pool, return_utilities=True, return_result=True)


def test_a_pipeline_hands_on_every_option(task):
    X, y, pool, costs = task
    pool = pool[20:]
    pipe = make_pipeline(StandardScaler(), make(AutoALSampler)).fit(X, y)
    options = {"costs": costs[20:], "budget": 12.0, "max_memory": "12 kB"}
    result = pipe.query(pool, None, return_result=True, **options)
    explanation = pipe.explain(pool, result.indices, **options)
    assert explanation.places.tolist() == list(range(1, len(result) + 1))
