"""Strategies around strategies, against slow references."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from skautoal.exceptions import MissingSignalError, StrategyOutputError
from skautoal.signals import Signals, compute_signals
from skautoal.strategies import (
    BADGE,
    BALD,
    Callable,
    ClassBalanced,
    CostAware,
    Entropy,
    KCenterGreedy,
    Margin,
    RandomSampling,
    SubsamplePool,
)
from tests._helpers import counted_calls, make_signals, take_signals
from tests._internals import candidate_utilities


def costs_of(signals: Signals) -> np.ndarray:
    return 1 + signals.probabilities[:, 0].abs().numpy()


WRAPPERS = [
    make(inner)
    for inner in (Margin(), BADGE())
    for make in (
        SubsamplePool,
        lambda inner: SubsamplePool(inner, 12),
        ClassBalanced,
        lambda inner: CostAware(inner, costs_of),
        lambda inner: ClassBalanced(SubsamplePool(inner, 12)),
    )
]


@pytest.fixture(params=WRAPPERS, ids=range(len(WRAPPERS)))
def wrapper(request):
    return clone(request.param)


def by_score(scores, **more) -> Signals:
    """Signals whose logits are (score, 0), for a strategy that reads the score."""
    scores = torch.as_tensor(scores, dtype=torch.float64)
    return Signals(embeddings=scores[:, None], logits=torch.stack([scores, 0 * scores], 1), **more)


SCORE = Callable(lambda signals: signals.embeddings[:, 0], needs=("embeddings",))


# ---------------------------------------------------------------- the rules


@pytest.mark.parametrize("n", [1, 2, 30])
def test_exactly_b_distinct_picks(wrapper, n):
    signals = make_signals(n)
    for b in {1, (n + 1) // 2, n}:
        picks = wrapper.select(signals, b, random_state=0)
        assert picks.shape == (b,)
        assert len(set(picks.tolist())) == b


def test_ties_are_broken_by_the_random_state_and_not_by_position(wrapper):
    signals = take_signals(make_signals(3), [1] * 37)
    firsts = [wrapper.select(signals, 3, random_state=seed)[0] for seed in range(60)]
    assert len(set(firsts)) > 20


def test_rows_in_another_order_are_picked_all_the_same(wrapper):
    permutation = np.random.RandomState(1).permutation(30)
    shuffled = take_signals(make_signals(), permutation)
    for seed in range(4):
        picks = permutation[wrapper.select(shuffled, 9, random_state=seed)]
        np.testing.assert_array_equal(picks, wrapper.select(make_signals(), 9, random_state=seed))


def test_utilities_go_down_along_the_picks(wrapper):
    picks, utilities = wrapper.evaluate(make_signals(), 8, 0)
    np.testing.assert_allclose(utilities[picks], 1 - np.arange(8) / 8)
    assert utilities.sum() == pytest.approx(4.5)


def test_parameters_nest(wrapper):
    params = wrapper.get_params()
    assert params["strategy"] is wrapper.strategy
    assert type(clone(wrapper).strategy) is type(wrapper.strategy)
    assert clone(wrapper).strategy is not wrapper.strategy


def test_a_nested_parameter_can_be_set():
    wrapper = SubsamplePool(CostAware(KCenterGreedy(), costs_of))
    wrapper.set_params(strategy__strategy__n_components=2, max_candidates=7)
    assert wrapper.strategy.strategy.n_components == 2
    assert clone(wrapper).get_params()["strategy__strategy__n_components"] == 2


def test_name_and_needs_come_from_the_inside():
    wrapper = SubsamplePool(ClassBalanced(BALD()))
    assert wrapper.name == "SubsamplePool(ClassBalanced(BALD))"
    assert wrapper.needs == ("mc_probabilities", "probabilities")
    assert ClassBalanced(Margin()).needs == ("probabilities",)
    with pytest.raises(MissingSignalError, match=r"SubsamplePool\(BALD\) needs 'mc_prob"):
        SubsamplePool(BALD(), 2).select(Signals(logits=torch.zeros(5, 2)), 1)


@pytest.mark.parametrize("make", [SubsamplePool, ClassBalanced, lambda s: CostAware(s, [1.0])])
@pytest.mark.parametrize("wrong", ["margin", Margin, None, len], ids=str)
def test_only_strategy_objects_are_wrapped(make, wrong):
    with pytest.raises(TypeError, match="'strategy' must be a strategy object; got"):
        make(wrong).select(make_signals(), 3)


# ---------------------------------------------------------------- SubsamplePool


def test_a_subset_is_picked_from_as_if_it_were_the_pool():
    signals = by_score(np.arange(50))
    seen = []
    inner = Callable(lambda s: seen.append(s.embeddings[:, 0]) or s.embeddings[:, 0])
    inner.needs = ("embeddings",)
    picks = SubsamplePool(inner, 20).select(signals, 4, random_state=0)
    assert len(seen[0]) == len(set(seen[0].tolist())) == 20
    assert picks.tolist() == seen[0].sort(descending=True).values[:4].tolist()
    SubsamplePool(inner, 20).select(signals, 30, random_state=0)
    assert len(seen[1]) == 30  # a batch is not cut


def test_a_small_pool_is_taken_whole():
    signals = make_signals()
    for seed in range(5):
        expected = set(Entropy().select(signals, 6, seed).tolist())
        assert set(SubsamplePool(Entropy(), 30).select(signals, 6, seed).tolist()) == expected


def test_subsets_are_uniform():
    signals = make_signals(20)
    picked = Counter()
    for seed in range(300):
        picked.update(SubsamplePool(RandomSampling(), 5).select(signals, 2, seed).tolist())
    assert set(picked) == set(range(20))
    assert max(picked.values()) < 60  # 30 on average, with deviation 5.2


def test_expensive_signals_are_computed_for_the_subset_alone(mlp_net, blobs):
    signals = compute_signals(mlp_net, blobs[0])
    with counted_calls(mlp_net.module_) as sizes:
        SubsamplePool(BALD(), 10).select(signals, 3, random_state=0)
    assert sum(sizes) <= 10 * 13
    with counted_calls(mlp_net.module_) as sizes:
        candidates = [SubsamplePool(BALD(), 10), Entropy()]
        candidate_utilities(candidates, signals, 2, kind="rank", seed=0)
    assert sum(sizes) <= 120 + 10 * 13  # one pass for the entropy of all


@pytest.mark.parametrize("wrong", [0, -1, 2.5, None, True])
def test_a_wrong_size_is_refused(wrong):
    with pytest.raises(ValueError, match=f"'max_candidates' must be an integer >= 1; got {wrong}"):
        SubsamplePool(Margin(), wrong).select(make_signals(), 3)


# ---------------------------------------------------------------- ClassBalanced


def balanced_one_by_one(ranked, predicted, counts, b):
    """The slow reference: the class with the least labels gets its best, again and again."""
    counts, ranked, picks = list(counts), list(ranked), []
    while len(picks) < b:
        least = min(counts[predicted[i]] for i in ranked)
        best = next(i for i in ranked if counts[predicted[i]] == least)
        ranked.remove(best)
        counts[predicted[best]] += 1
        picks.append(best)
    return picks


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 40),
    n_classes=st.integers(1, 5),
    n_labeled=st.integers(0, 20),
    share=st.floats(0, 1),
)
def test_the_class_with_the_least_labels_gets_its_best(seed, n, n_classes, n_labeled, share):
    rng = np.random.RandomState(seed)
    P = rng.dirichlet(np.ones(n_classes), n)
    codes = rng.randint(n_classes, size=n_labeled)
    H = rng.permutation(n).astype(float)[:, None]
    signals = Signals(probabilities=P, embeddings=H, codes=codes)
    b = max(1, int(share * n))
    expected = balanced_one_by_one(
        np.argsort(-H[:, 0]), P.argmax(1), np.bincount(codes, minlength=n_classes), b
    )
    assert ClassBalanced(SCORE).select(signals, b).tolist() == expected


def test_a_batch_strategy_keeps_its_order_within_a_class():
    signals = make_signals(30)
    ranked = KCenterGreedy().select(signals, 30, random_state=0)
    picks = ClassBalanced(KCenterGreedy()).select(signals, 12, random_state=0)
    predicted = signals.probabilities.argmax(1).numpy()
    counts = np.bincount(signals.codes, minlength=4)
    assert picks.tolist() == balanced_one_by_one(ranked, predicted, counts, 12)


# ---------------------------------------------------------------- CostAware


@pytest.mark.parametrize("as_type", [list, np.asarray, torch.as_tensor, lambda c: lambda s: c])
def test_samples_are_ranked_by_rank_per_cost(as_type):
    rng = np.random.RandomState(0)
    scores, costs = rng.permutation(40), rng.uniform(1, 5, 40)
    worth = (1 + scores) / costs
    strategy = CostAware(SCORE, as_type(costs))
    picks = strategy.select(by_score(scores - 100), 12)
    np.testing.assert_array_equal(picks, np.argsort(-worth)[:12])


@pytest.mark.parametrize("inner", [SCORE, KCenterGreedy()], ids=["scores", "batches"])
@pytest.mark.parametrize("budget", [0.5, 3.0, 20.0, 1e6])
def test_a_budget_is_kept_and_used_up(inner, budget):
    rng = np.random.RandomState(1)
    costs = rng.uniform(1, 5, 40)
    picks = CostAware(inner, costs, budget).select(by_score(rng.randn(40)), 40, 0)
    left = budget - costs[picks].sum()
    assert left >= 0
    assert len(set(picks.tolist())) == len(picks)
    assert np.delete(costs, picks).min(initial=np.inf) > left
    assert len(CostAware(inner, costs, budget).select(by_score(rng.randn(40)), 2, 0)) <= 2


def test_a_batch_strategy_has_its_proposals_ranked_first():
    rng = np.random.RandomState(0)
    signals = by_score(rng.randn(60))
    costs = rng.uniform(1, 5, 60)
    ranked = KCenterGreedy().select(signals, 20, random_state=0)
    picks = CostAware(KCenterGreedy(), costs).select(signals, 4, random_state=0)
    rank = 1 - np.arange(20) / 60
    np.testing.assert_array_equal(picks, ranked[np.argsort(-rank / costs[ranked])][:4])


def test_a_budget_may_end_a_batch_inside_other_wrappers():
    strategy = ClassBalanced(CostAware(Margin(), costs_of, budget=4))
    signals = make_signals()
    picks, utilities = strategy.evaluate(signals, 9, 0)
    assert 1 <= len(picks) < 9
    assert costs_of(signals)[picks].sum() <= 4
    np.testing.assert_allclose(utilities[picks], 1 - np.arange(len(picks)) / len(picks))
    nothing = CostAware(Margin(), costs_of, budget=0.1).evaluate(signals, 9, 0)
    assert len(nothing[0]) == 0
    assert not nothing[1].any()


def test_other_strategies_must_still_give_the_whole_batch():
    class Short(KCenterGreedy):
        def _pick(self, signals, n_instances, rng):
            return torch.arange(n_instances - 1)

    with pytest.raises(StrategyOutputError, match="2 distinct integers"):
        Short().select(make_signals(), 2)


@pytest.mark.parametrize(
    ("costs", "budget", "message"),
    [
        (None, None, "'costs' must be an array or a function of the signals; got None"),
        (np.ones(29), None, "'costs' must be 30 numbers"),
        (lambda signals: np.ones(29), None, "'costs' must be 30 numbers"),
        (np.r_[np.ones(29), 0], None, r"'costs' must be positive and finite; got \[0.0\] at \[29"),
        (np.r_[np.nan, np.ones(29)], None, "'costs' must be positive and finite"),
        (np.ones(30), 0, "'budget' must be a positive number; got 0"),
        (np.ones(30), "all", "'budget' must be a positive number; got 'all'"),
    ],
)
def test_bad_costs_are_refused(costs, budget, message):
    with pytest.raises(ValueError, match=message):
        CostAware(Margin(), costs, budget).select(make_signals(), 3)
