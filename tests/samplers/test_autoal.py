"""AutoALSampler: what a mode means, what is reported, how strategies are named."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from skautoal import AutoALSampler, Search
from skautoal.mixing import BUILDERS
from skautoal.strategies import BALD, PAPER_CANDIDATES, FunctionStrategy, Margin
from tests._helpers import counted_calls, flat_autoal


def sampler(net=None, strategies=("margin", "bald", "kmeans"), **params):
    """AutoALSampler on a net as it is; a search trains it, and its copies on halves."""
    options = {"n_steps": 4, "n_splits": 2, "n_passes": 3, "n_instances": 5, "random_state": 0}
    frozen = net is not None and params.get("mode") not in ("search", "paper")
    return flat_autoal(net, list(strategies), frozen=frozen, **({"trust": 1.0} | options | params))


@pytest.fixture
def task(blobs):
    X, y = blobs
    return X[:30], y[:30], X[30:]


# ---------------------------------------------------------------- modes


def test_the_paper_is_a_search_with_the_top_of_the_scores(task, mlp_net):
    X, y, pool = task
    meaning = Search(
        "loss",
        fit_net="module",
        search_net="module",
        utilities="binary",
        threshold="gmm",
        loss_prediction=True,
        alternate=True,
        n_splits=1,
        trust=1.0,
    )
    short, spelt = (
        AutoALSampler(mlp_net, ["margin", "bald"], random_state=0, **params)
        for params in ({"search": "paper"}, {"search": meaning, "batch_builder": "top"})
    )
    assert short.fit(X, y).query(pool).tolist() == spelt.fit(X, y).query(pool).tolist()
    assert short.strategy_weights_ == spelt.strategy_weights_
    assert short.search == "paper"  # parameters are never rewritten


def test_auto_is_equal_weights_and_joint_herding(task, mlp_net):
    X, y, pool = task
    picks = [
        AutoALSampler(FrozenEstimator(mlp_net), random_state=0, **params).fit(X, y).query(pool)
        for params in ({}, {"search": None, "batch_builder": "joint_herding"})
    ]
    assert picks[0].tolist() == picks[1].tolist()


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("objective", ["loss", "coverage"])
def test_any_builder_after_any_search(builder, objective, task, mlp_net):
    X, y, pool = task
    fitted = sampler(mlp_net, mode="search", batch_builder=builder, objective=objective)
    fitted.fit(X, y)
    picks, utilities = fitted.query(pool, return_utilities=True)
    assert len(set(picks.tolist())) == 5
    assert set(fitted.search_history_["phase"]) == {"labels" if objective == "loss" else "pool"}
    if builder == "top":
        assert np.sort(utilities[picks]).tolist() == np.sort(utilities)[-5:].tolist()


# ---------------------------------------------------------------- what is reported


@pytest.mark.parametrize("mode", ["auto", "search", "paper", "vote"])
def test_weights_are_shares(mode, task, mlp_net):
    X, y, pool = task
    fitted, learns = sampler(mlp_net, mode=mode).fit(X, y), mode in ("search", "paper")
    assert set(fitted.strategy_weights_) == ({"labeled"} if learns else set())
    fitted.query(pool)
    fitted.query(pool, 2)
    expected = {"pool", "batch"} | ({"labeled"} if learns else set())
    assert set(fitted.strategy_weights_) == expected
    names = ["Margin", "BALD", "KMeans"] + ["predicted_loss"] * (mode == "paper")
    for shares in fitted.strategy_weights_.values():
        assert list(shares) == names
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert all(0 <= share <= 1 for share in shares.values())


def test_history_and_timings(task, mlp_net):
    X, y, pool = task
    fitted = sampler(mlp_net, mode="search").fit(X, y)
    assert fitted.search_history_["phase"].tolist() == ["labels"] * 4
    fitted.query(pool)
    fitted.query(pool)  # describes the last query, not all of them
    history = fitted.search_history_
    assert history["phase"].tolist() == ["labels"] * 4 + ["pool"]
    assert history.dtype.names == (
        "phase",
        "step",
        "tau",
        "objective",
        "label_gain",
        "pool_gain",
        "ranking_loss",
        "grad_norm",
    )
    assert (history["tau"] > 0).all()
    assert all(isinstance(value, float) for value in fitted.timings_.values())
    assert {"train", "query_batch", "query_Margin"} <= set(fitted.timings_)


def test_one_pass_over_the_pool(task, mlp_net):
    """All strategies share the signals: with MC dropout one forward for each chunk."""
    X, y, pool = task
    fitted = sampler(mlp_net).fit(X, y)
    with counted_calls(mlp_net.module_) as rows:
        fitted.query(pool)
    assert len([n for n in rows if n >= len(pool)]) <= 4  # prediction and 3 passes


# ---------------------------------------------------------------- strategies


def test_the_papers_candidates(task, mlp_net):
    X, y, pool = task
    fitted = flat_autoal(
        mlp_net, "paper", mode="search", n_steps=2, n_splits=1, random_state=0
    ).fit(X, y)
    fitted.query(pool)
    assert len(fitted.strategies_) == len(PAPER_CANDIDATES) == 7
    assert list(fitted.strategy_weights_["pool"]) == [name for name, _ in fitted.strategies_]


def test_names_are_made_distinct(task, mlp_net):
    def mine(signals):
        return signals.probabilities[:, 0]

    given = ["margin", Margin(), mine, ("theirs", mine), BALD(), FunctionStrategy(mine), "margin"]
    fitted = sampler(mlp_net, given, mode="vote").fit(*task[:2])
    names = [name for name, _ in fitted.strategies_]
    assert names == ["Margin", "Margin-2", "mine", "theirs", "BALD", "mine-2", "Margin-3"]
    fitted.query(task[2])
    # Three margins share one weight, three copies of mine another; BALD has the third.
    shares = fitted.strategy_weights_["pool"]
    np.testing.assert_allclose([shares["BALD"], shares["Margin"]], [1 / 3, 1 / 9], rtol=1e-5)


def test_strategies_are_neither_changed_nor_copied(task, mlp_net):
    mine = Margin()
    given = [mine, "bald"]
    fitted = sampler(mlp_net).set_params(strategies=given).fit(*task[:2])
    assert fitted.strategies is given
    assert given == [mine, "bald"]
    assert fitted.strategies_[0][1] is mine
    assert vars(mine) == {}


def test_the_order_of_the_strategies_is_no_choice(task, mlp_net):
    """With equal weights and the highest scores, which need no random numbers."""
    X, y, pool = task
    one, other = (
        sampler(mlp_net, names, mode="vote").fit(X, y).query(pool, return_utilities=True)
        for names in (("margin", "bald", "entropy"), ("entropy", "margin", "bald"))
    )
    np.testing.assert_allclose(one[1], other[1], atol=1e-6)
    assert one[0].tolist() == other[0].tolist()


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_any_random_state(random_state, task, mlp_net):
    X, y, pool = task
    fitted = sampler(mlp_net, random_state=random_state).fit(X, y)
    picks = fitted.query(pool).tolist()
    assert fitted.query(pool).tolist() == picks
