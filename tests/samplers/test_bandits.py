"""ALBL and TAILOR: the formulas by hand, who is paid, and how answers find their arm."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier
from torch import nn, optim

from skautoal import ALBLSampler, TAILORSampler
from skautoal.modules import MLP
from skautoal.strategies import FunctionStrategy
from tests._internals import arm_probabilities, class_values, deal, exp4p_update


def by_column(column: int, sign: float = 1.0) -> FunctionStrategy:
    """A strategy that prefers high (or low) values of one feature."""
    return FunctionStrategy(lambda signals: sign * signals.X[:, column], needs=("network",))


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 8))
def test_arms_take_the_best_that_is_left(seed, K, b):
    rng = np.random.RandomState(seed)
    rankings = np.stack([rng.permutation(b + 2) for _ in range(K)])
    arms = rng.randint(K, size=b)
    picks, offers = deal(rankings, arms)
    taken: list[int] = []
    for draw, arm in enumerate(arms):
        for k in range(K):
            best = next(i for i in rankings[k] if i not in taken)
            assert offers[draw, k] == best
        taken.append(offers[draw, arm])
    assert_array_equal(picks, taken)


def test_probabilities_by_hand():
    assert_allclose(
        arm_probabilities(np.array([1.0, 3.0]), 0.1), [0.8 / 4 + 0.1, 0.8 * 3 / 4 + 0.1]
    )


def test_exp4p_update_by_hand():
    # Arm 1 alone picked sample 0 (right), both picked sample 1 (wrong).
    p = np.array([0.25, 0.75])
    weights = exp4p_update(
        np.array([0.5, 1.5]),
        p,
        np.array([[False, True], [True, True]]),
        np.array([1.0, 0.0]),
        p_min=0.2,
        delta=0.1,
        horizon=50,
    )
    bonus = math.sqrt(math.log(2 / 0.1) / (2 * 50))
    first = 0.5 * math.exp(0.1 * (0 + 2 / 0.25 * bonus))
    second = 1.5 * math.exp(0.1 * (1 / 0.75 + 2 / 0.75 * bonus))
    assert_allclose(weights, 2 * np.array([first, second]) / (first + second))


def test_exp4p_without_draws_changes_no_weight():
    before = np.array([0.5, 1.5])
    after = exp4p_update(
        before, before / 2, np.zeros((0, 2), bool), np.zeros(0), p_min=0.2, delta=0.1, horizon=9
    )
    assert_allclose(after, before)


@pytest.mark.parametrize(("K", "horizon"), [(2, 1000), (7, 1000), (7, 2), (1, 10)])
def test_p_min_follows_the_horizon(blobs, K, horizon):
    X, y = blobs
    sampler = ALBLSampler(strategies=["random"] * K, horizon=horizon).fit(X[:20], y[:20])
    expected = min(1 / K, math.sqrt(math.log(K) / (K * horizon)))
    sampler.arm_weights_[:] = 1e-9
    sampler.arm_weights_[0] = 1.0
    sampler.query(X[20:], 1)
    probabilities = list(sampler.strategy_weights_["pool"].values())
    assert_allclose(sum(probabilities), 1)
    assert_allclose(probabilities[1:], [expected] * (K - 1), atol=1e-6)


def test_p_min_above_one_in_k_is_refused(blobs):
    X, y = blobs
    with pytest.raises(ValueError, match=r"'p_min' is 0\.6, but 2 strategies"):
        ALBLSampler(strategies=["random", "margin"], p_min=0.6).fit(X[:20], y[:20])


@pytest.fixture
def halves():
    """Rows with x0 > 0 follow a rule; those with x0 < 0 have random labels."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((400, 4)).astype(np.float32)
    y = np.where(X[:, 0] > 0, X[:, 1] > 0, rng.randint(2, size=400)).astype(int)
    return X, y


def play(sampler, X, y, n_labeled: int, n_rounds: int, n_instances: int):
    """Some rounds of queries and answers."""
    pool = np.arange(n_labeled, len(X))
    sampler.fit(X[:n_labeled], y[:n_labeled])
    for _ in range(n_rounds):
        chosen = pool[sampler.query(X[pool], n_instances)]
        sampler.teach(X[chosen], y[chosen])
        pool = np.setdiff1d(pool, chosen)
    return sampler


def test_albl_prefers_the_arm_whose_samples_the_model_gets_right(halves):
    arms = [("lawful", by_column(0)), ("lawless", by_column(0, -1.0))]
    sampler = ALBLSampler(strategies=arms, p_min=0.1, random_state=0)
    play(sampler, *halves, n_labeled=40, n_rounds=4, n_instances=20)
    assert sampler.arm_weights_[0] > 1.5 * sampler.arm_weights_[1]
    sampler.query(halves[0], 5)
    assert sampler.strategy_weights_["pool"]["lawful"] > 0.55


def test_albl_learns_what_its_formula_says(halves):
    X, y = halves
    arms = [("up", by_column(0)), ("down", by_column(0, -1.0)), ("again", by_column(0))]
    sampler = ALBLSampler(strategies=arms, random_state=0).fit(X[:40], y[:40])
    chosen = 40 + sampler.query(X[40:], 12)
    query = sampler.last_query_
    # "again" thinks as "up" does: where one was drawn, both would have picked the same.
    assert_array_equal(query["advice"][:, 0], query["advice"][:, 2])
    assert query["advice"][np.arange(12), query["arm"]].all()
    answered = np.array([7, 2, 11])
    sampler.teach(X[chosen[answered]], y[chosen[answered]])
    right = sampler.predict(X[chosen[answered]]) == y[chosen[answered]]
    p_min = math.sqrt(math.log(3) / 3000)
    expected = exp4p_update(
        np.ones(3),
        np.full(3, 1 / 3),
        query["advice"][answered],
        right.astype(float),
        p_min=p_min,
        delta=0.1,
        horizon=1000,
    )
    assert_allclose(sampler.arm_weights_, expected)
    assert sampler.last_query_ is None


def test_values_of_classes():
    assert_allclose(class_values(np.array([0, 1, 4, 5])), [1, 1, 1 / 4, 1 / 5])
    assert_allclose(class_values(np.array([0, 2, 8])), [1, 1 / 2, -1 / 8])


def test_tailor_counts_and_forgets(halves):
    X, y = halves
    arms = [("up", by_column(0)), ("down", by_column(0, -1.0))]
    sampler = TAILORSampler(strategies=arms, decay=0.9, random_state=0).fit(X[:40], y[:40])
    expected = np.zeros((2, 2))
    pool = np.arange(40, 400)
    for _ in range(3):
        chosen = pool[sampler.query(X[pool], 8)]
        arm = sampler.last_query_["arm"]
        expected *= 0.9
        for k, row in zip(arm, chosen, strict=True):
            expected[k, y[row]] += 1
        shuffled = np.random.RandomState(0).permutation(chosen)
        sampler.teach(X[shuffled], y[shuffled])
        pool = np.setdiff1d(pool, chosen)
        assert_allclose(sampler.arm_counts_, expected)


def test_tailor_finds_the_arm_that_brings_the_rare_class():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((600, 4)).astype(np.float32)
    y = (X[:, 0] > 1.2).astype(int)
    arms = [("common", by_column(0, -1.0)), ("rare", by_column(0)), ("any", "random")]
    sampler = TAILORSampler(strategies=arms, random_state=0)
    play(sampler, X, y, n_labeled=100, n_rounds=3, n_instances=10)
    assert sampler.y_labeled_[100:].mean() > 2 * y.mean()
    sampler.query(X[300:], 20)
    assert sampler.strategy_weights_["batch"]["rare"] > 0.8


def test_tailor_makes_room_for_new_classes(blobs):
    X, y = blobs
    y = np.array(["b", "d", "a"])[y]
    known = np.flatnonzero(y != "a")[:20]
    pool = np.setdiff1d(np.arange(120), known)
    sampler = TAILORSampler(strategies=["random", "margin"], random_state=0)
    sampler.fit(X[known], y[known])
    chosen = pool[sampler.query(X[pool], 30)]
    first, second = chosen[y[chosen] != "a"], chosen[y[chosen] == "a"]
    arm = dict(zip(chosen.tolist(), sampler.last_query_["arm"].tolist(), strict=True))
    sampler.teach(X[first], y[first])
    before = sampler.arm_counts_
    assert before.shape == (2, 2)
    sampler.teach(X[second], y[second])  # answers that come too late reward no arm
    assert_allclose(sampler.arm_counts_, np.column_stack([[0, 0], before]))
    expected = [[sum(arm[i] == k and y[i] == c for i in first) for c in "bd"] for k in range(2)]
    assert_allclose(before, expected)


def test_fit_forgets_the_arms(halves):
    X, y = halves
    for sampler in (
        ALBLSampler(strategies=["random", "margin"]),
        TAILORSampler(strategies=["random", "margin"]),
    ):
        play(sampler, X, y, n_labeled=30, n_rounds=1, n_instances=5)
        sampler.query(X[200:], 5)
        sampler.fit(X[:30], y[:30])
        assert sampler.last_query_ is None
        arms = getattr(sampler, "arm_weights_", getattr(sampler, "arm_counts_", None))
        assert len(np.unique(arms)) == 1


def test_a_refused_teach_changes_nothing(halves):
    X, y = halves
    sampler = TAILORSampler(strategies=["random", "margin"], random_state=0).fit(X[:30], y[:30])
    chosen = 30 + sampler.query(X[30:], 5)
    query = sampler.last_query_
    for wrong in (X[chosen][:, :2], X[chosen[:3]]):
        with pytest.raises(ValueError, match=r"features|labels"):
            sampler.teach(wrong, y[chosen])
    assert sampler.last_query_ is query
    sampler.teach(X[chosen], y[chosen])
    assert sampler.arm_counts_.sum() == 5


def test_an_interrupted_update_of_the_arms_changes_nothing(halves, monkeypatch):
    X, y = halves
    sampler = ALBLSampler(strategies=["random", "margin"], p_min=0.2, random_state=0)
    sampler.fit(X[:30], y[:30])
    chosen = 30 + sampler.query(X[30:], 5)
    before = dict(vars(sampler))

    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ALBLSampler, "_update", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sampler.teach(X[chosen], y[chosen])
    assert vars(sampler) == before
    assert len(sampler.teach(X[chosen], y[chosen]).y_labeled_) == 35
    assert sampler.arm_weights_.tolist() != [1, 1]


@pytest.mark.parametrize("cls", [ALBLSampler, TAILORSampler])
def test_other_arms_begin_anew(cls, halves):
    X, y = halves
    sampler = cls(strategies=["random", "margin", "kmeans"], random_state=0).fit(X[:30], y[:30])
    chosen = 30 + sampler.query(X[30:], 5)
    sampler.set_params(strategies=["margin", "random"]).teach(X[chosen], y[chosen])
    arms = getattr(sampler, "arm_weights_", getattr(sampler, "arm_counts_", None))
    assert len(arms) == 2
    assert len(np.unique(arms)) == 1
    assert len(sampler.query(X[100:], 4)) == 4


def test_samples_of_equal_content_are_each_answered_once(halves):
    X, y = halves
    sampler = TAILORSampler(strategies=["random", "margin"], random_state=0).fit(X[:30], y[:30])
    twins = np.repeat(X[30:33], 4, axis=0)
    asked = sampler.query(twins, 12)
    answers = np.concatenate([asked, asked[:3]])  # three come twice
    sampler.teach(twins[answers], np.zeros(15, dtype=int))
    assert sampler.arm_counts_.sum() == 12


def test_answers_are_found_behind_transformers(halves):
    X, y = halves
    net = NeuralNetClassifier(
        MLP,
        module__n_features=3,
        module__n_classes=2,
        criterion=nn.CrossEntropyLoss,
        optimizer=optim.Adam,
        max_epochs=2,
        verbose=0,
    )
    pipeline = make_pipeline(PCA(3, random_state=0), net)
    pd = pytest.importorskip("pandas")
    for container in (np.asarray, lambda X: pd.DataFrame(X, columns=list("abcd"))):
        sampler = TAILORSampler(pipeline, ["random", "kmeans"], random_state=0)
        sampler.fit(container(X[:30]), y[:30])
        chosen = 30 + sampler.query(container(X[30:]), 9)
        sampler.teach(container(X[chosen[4:]]), y[chosen[4:]])
        assert sampler.arm_counts_.sum() == 5


def test_dicts_and_datasets_are_recognised(halves):
    import torch
    from torch.utils.data import TensorDataset

    X, y = halves
    net = NeuralNetClassifier(
        MLP, module__n_features=4, module__n_classes=2, criterion=nn.CrossEntropyLoss, verbose=0
    )
    sampler = TAILORSampler(net, ["random", "margin"], random_state=0).fit(X[:30], y[:30])
    pool = TensorDataset(torch.as_tensor(X[30:]), torch.as_tensor(y[30:]))
    chosen = 30 + sampler.query(pool, 6)
    sampler.teach(X[chosen], y[chosen])
    assert sampler.arm_counts_.sum() == 6
