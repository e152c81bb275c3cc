"""Utilities of the candidates on one scale, and their equal weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from skautoal.exceptions import MissingSignalError
from skautoal.signals import Signals, compute_signals
from skautoal.strategies import STRATEGIES, BatchStrategy, FunctionStrategy, ScoreStrategy
from tests._helpers import (
    candidates_of,
    counted_calls,
    make_signals,
    quick_strategy,
    take_signals,
)
from tests._internals import candidate_utilities, equal_weights, isolated_rng


class Given(ScoreStrategy):
    """Scores that it was given; counts how often it was asked."""

    def __init__(self, scores):
        self.scores_ = np.asarray(scores, dtype=float)
        self.calls = 0

    def _scores(self, signals, rng):
        self.calls += 1
        return self.scores_


class First(BatchStrategy):
    """Picks the rows by number; counts how often it was asked."""

    def __init__(self):
        self.calls = 0

    def _pick(self, signals, n_instances, rng):
        self.calls += 1
        return torch.arange(n_instances)


def utilities(*strategies, n=6, b=2, kind="rank", seed=0, **options):
    signals = options.pop("signals", None) or Signals(embeddings=np.arange(n * 2.0).reshape(n, 2))
    also = options.pop("also", ())
    candidates = candidates_of(strategies, **options)
    return candidate_utilities(candidates, signals, b, kind=kind, seed=seed, also=also)


def every_strategy():
    return [quick_strategy(name) for name in STRATEGIES]


# ---------------------------------------------------------------- scale


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_scores_become_average_ranks(scores):
    found = utilities(Given(scores), n=len(scores), b=1)[:, 0]
    np.testing.assert_allclose(found, rankdata(scores) / len(scores), atol=1e-6)


@given(st.lists(st.integers(-2, 2), min_size=1, max_size=20), st.data())
def test_binary_utilities_sum_to_the_batch_and_ties_share(scores, data):
    n = len(scores)
    b = data.draw(st.integers(1, n))
    found = utilities(Given(scores), n=n, b=b, kind="binary")[:, 0].numpy()
    border = sorted(scores, reverse=True)[b - 1]
    above, tied = (np.greater(scores, border), np.equal(scores, border))
    expected = above + tied * (b - above.sum()) / tied.sum()
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("rank", 1 - np.arange(10) / 10), ("binary", np.repeat([1.0, 0.0], [2, 10]))],
)
def test_picks_of_a_batch_strategy(kind, expected):
    found = utilities(First(), n=12, b=2, kind=kind)[:, 0].numpy()
    np.testing.assert_allclose(found, np.r_[expected, np.zeros(12 - len(expected))], atol=1e-6)


def test_a_batch_strategy_ranks_no_more_than_there_is():
    found = utilities(First(), n=4, b=2)[:, 0]
    np.testing.assert_allclose(found, [1, 0.75, 0.5, 0.25], atol=1e-6)


@pytest.mark.parametrize("kind", ["rank", "binary"])
@pytest.mark.parametrize("b", [1, 7, 30, 45])
def test_all_utilities_are_in_the_unit_interval(kind, b):
    found = utilities(*every_strategy(), signals=make_signals(), b=b, kind=kind)
    assert found.shape == (30, len(STRATEGIES))
    assert found.dtype == torch.float32
    assert ((found >= 0) & (found <= 1)).all()
    if kind == "binary":
        torch.testing.assert_close(found.sum(0), torch.full((len(STRATEGIES),), float(min(b, 30))))


# ---------------------------------------------------------------- running


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_every_strategy_is_asked_once(n_jobs):
    strategies = [Given(np.arange(6)), First(), Given(-np.arange(6))]
    candidates = candidates_of(strategies, n_jobs=n_jobs)
    candidates.timings["First"] = 1.0
    signals = Signals(embeddings=np.arange(12.0).reshape(6, 2))
    candidate_utilities(candidates, signals, 2, kind="rank", seed=0)
    assert [strategy.calls for strategy in strategies] == [1, 1, 1]
    assert set(candidates.timings) == {"Given", "First", "Given-2"}
    assert candidates.timings["First"] > 1


@pytest.mark.parametrize("kind", ["rank", "binary"])
def test_the_number_of_threads_does_not_matter(kind):
    alone, threads = (
        utilities(*every_strategy(), signals=make_signals(), b=4, kind=kind, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    assert torch.equal(alone, threads)


@pytest.mark.parametrize("kind", ["rank", "binary"])
def test_utilities_follow_the_rows(kind):
    permutation = np.random.RandomState(0).permutation(30)
    signals = make_signals()
    moved = utilities(*every_strategy(), signals=take_signals(signals, permutation), b=4, kind=kind)
    expected = utilities(*every_strategy(), signals=signals, b=4, kind=kind)[permutation]
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-6)


def test_each_candidate_has_a_stream_of_its_own():
    found = utilities(STRATEGIES["random"](), STRATEGIES["random"](), n=20)
    assert not torch.equal(found[:, 0], found[:, 1])
    assert torch.equal(found, utilities(STRATEGIES["random"](), STRATEGIES["random"](), n=20))
    assert not torch.equal(found, utilities(*[STRATEGIES["random"]()] * 2, n=20, seed=1))


def test_the_needs_of_all_are_computed_in_one_pass(mlp_net, blobs):
    signals = compute_signals(mlp_net, blobs[0], chunk_size=60)
    one_pass = {"probabilities", "embeddings", "mc_probabilities", "gradient_factors"}
    candidates = [s for s in every_strategy() if set(s.needs) <= one_pass]
    assert {name for s in candidates for name in s.needs} == one_pass
    with counted_calls(mlp_net.module_.body) as sizes:
        utilities(*candidates, signals=signals, b=3)
    assert sizes == [60, 60, 60]  # two chunks, the first one checked against a lone pass


def test_the_candidate_at_fault_is_named_before_anything_is_computed(no_dropout_net, blobs):
    signals = compute_signals(no_dropout_net, blobs[0])
    with (
        counted_calls(no_dropout_net.module_) as sizes,
        pytest.raises(MissingSignalError, match="BALD needs MC dropout"),
    ):
        utilities(STRATEGIES["entropy"](), STRATEGIES["bald"](), signals=signals, b=3)
    assert sizes == []


# ---------------------------------------------------------------- equal weights


def ranked(*columns):
    return torch.tensor(np.stack([rankdata(c) / len(c) for c in columns], axis=1)).float()


def test_candidates_that_agree_share_one_weight():
    rng = np.random.RandomState(0)
    a, b = rng.standard_normal((2, 50))
    weights = equal_weights(ranked(a, b, a, a + 1e-4 * b))
    torch.testing.assert_close(weights, torch.tensor([1 / 6, 1 / 2, 1 / 6, 1 / 6]))


def test_opposite_and_independent_candidates_weigh_the_same():
    a, b = np.random.RandomState(0).standard_normal((2, 50))
    torch.testing.assert_close(equal_weights(ranked(a, -a, b)), torch.full((3,), 1 / 3))


@given(seed=st.integers(0, 10**6), m=st.integers(2, 60), data=st.data())
def test_agreement_is_decided_by_kendalls_tau(seed, m, data):
    rng = np.random.RandomState(seed)
    a = rng.randint(data.draw(st.integers(1, m)), size=m)
    a[:2] = 0, 1  # something to agree on
    b = a.copy()
    for i in rng.randint(m - 1, size=data.draw(st.integers(0, m // 8))):
        b[[i, i + 1]] = b[[i + 1, i]]
    b = np.minimum(b, data.draw(st.integers(0, m)))
    agree = kendalltau(a, b)[0] > 0.95
    weights = equal_weights(torch.as_tensor(np.c_[a, b, -a]).float())
    assert weights[2].item() == pytest.approx(1 / 2 if agree else 1 / 3)


@pytest.mark.parametrize("n", [1, 2, 50, 4500])
def test_weights_sum_to_one_also_with_constant_candidates(n):
    with isolated_rng(0):
        random = torch.rand(n)
    columns = torch.stack([torch.full((n,), 0.5), random, torch.full((n,), 0.2)], dim=1)
    weights = equal_weights(columns)
    assert weights.sum().item() == pytest.approx(1)
    assert (weights > 0).all()


def test_a_lone_candidate_has_all_the_weight():
    assert equal_weights(torch.rand(5, 1, generator=torch.Generator())).tolist() == [1.0]


def test_plain_functions_are_candidates():
    found = utilities(FunctionStrategy(lambda s: s.embeddings[:, 0], needs=("embeddings",)), n=4)
    np.testing.assert_allclose(found[:, 0], [0.25, 0.5, 0.75, 1], atol=1e-6)
