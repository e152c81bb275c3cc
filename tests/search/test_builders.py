"""From scores to a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, rankdata

from skautoal.data import StreamPool
from skautoal.mixing import BUILDERS, build_batch
from skautoal.signals import Signals
from tests._helpers import make_signals, take_signals
from tests._internals import ChunkCheck, internal


def build(builder, scores, signals, b, seed=0, learned=0.0):
    scores = torch.as_tensor(scores, dtype=torch.float32)
    rng = np.random.RandomState(seed)
    return build_batch(builder, scores, signals, b, rng, learned).picks.tolist()


@pytest.mark.parametrize("builder", BUILDERS)
@given(data=st.data())
def test_distinct_picks_of_any_scores(builder, data):
    scores = data.draw(st.lists(st.integers(-2, 2), min_size=1, max_size=20))
    b = data.draw(st.integers(1, len(scores)))
    points = data.draw(st.sampled_from(["distinct", "identical"]))
    P = np.full((len(scores), 2), 0.5)
    H = np.ones((len(scores), 1))
    if points == "distinct":
        H = np.random.RandomState(0).standard_normal((len(scores), 3))
    picks = build(builder, scores, Signals(probabilities=P, embeddings=H), b)
    assert len(set(picks)) == b
    assert set(picks) <= set(range(len(scores)))


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_whole_pool(builder):
    assert sorted(build(builder, np.arange(30), make_signals(30), 30)) == list(range(30))


@pytest.mark.parametrize("builder", BUILDERS)
def test_picks_follow_the_rows(builder):
    signals, rng = make_signals(40), np.random.RandomState(0)
    scores, rows = rng.permutation(40) / 40, rng.permutation(40)
    moved = build(builder, scores[rows], take_signals(signals, rows), 12)
    assert rows[moved].tolist() == build(builder, scores, signals, 12)


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=25, unique=True), st.data())
def test_top_is_the_sorted_scores(scores, data):
    b = data.draw(st.integers(1, len(scores)))
    picks = build("top", scores, make_signals(len(scores)), b)
    assert picks == np.argsort(scores)[::-1][:b].tolist()


def test_top_breaks_ties_by_chance():
    signals = make_signals(10)
    firsts = {build("top", np.zeros(10), signals, 1, seed)[0] for seed in range(60)}
    assert len(firsts) > 5


def test_stochastic_draws_in_proportion_to_the_fourth_power_of_the_rank():
    scores = np.array([0.3, -1.0, 7.0, 0.2, 0.25])
    signals = make_signals(5)
    firsts = [build("stochastic", scores, signals, 2, seed)[0] for seed in range(3_000)]
    weights = rankdata(scores) ** 4.0
    expected = weights / weights.sum() * len(firsts)
    assert chisquare(np.bincount(firsts, minlength=5), expected).pvalue > 1e-3


def naive_herding(H, weights, H_labeled, b, width=0.4):
    H, H_labeled = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (H, H_labeled))

    def kernel(x, y):
        return np.exp(-((x - y) ** 2).sum() / width**2)

    covered = [max(kernel(x, y) for y in H_labeled) for x in H]
    picks = []
    for _ in range(b):
        gains = [
            -np.inf
            if i in picks
            else sum(
                w * max(0, kernel(x, H[i]) - c) for x, w, c in zip(H, weights, covered, strict=True)
            )
            for i in range(len(H))
        ]
        picks.append(int(np.argmax(gains)))
        covered = [max(c, kernel(x, H[picks[-1]])) for x, c in zip(H, covered, strict=True)]
    return picks


@pytest.mark.parametrize("seed", range(3))
def test_herding_is_the_greedy_coverage_of_high_scores(seed):
    signals = make_signals(18, d=3, n_labeled=2, seed=seed)
    scores = np.random.RandomState(seed).standard_normal(18)
    H, H_labeled = signals.embeddings.numpy(), signals.labeled.embeddings.numpy()
    expected = naive_herding(H, (rankdata(scores) / 18) ** 4, H_labeled, 6)
    assert build("herding", scores, signals, 6) == expected


def test_herding_without_labelled_samples():
    signals = Signals(embeddings=[[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
    assert build("herding", [0.9, 1.0, 0.8], signals, 2) == [1, 2]


def test_kmeans_plusplus_prefers_high_scores_and_spreads():
    rng = np.random.RandomState(0)
    H = np.repeat(np.eye(3), 20, axis=0) + 0.01 * rng.standard_normal((60, 3))
    P = np.tile([0.6, 0.4], (60, 1))
    scores = np.tile(np.arange(20.0), 3) + rng.uniform(0, 0.5, 60)
    signals = Signals(probabilities=P, embeddings=H)
    batches = [build("kmeans++", scores, signals, 3, seed) for seed in range(40)]
    one_a_cluster = np.mean([len({pick // 20 for pick in batch}) == 3 for batch in batches])
    assert one_a_cluster > 0.9
    assert np.mean([pick % 20 for batch in batches for pick in batch]) > 13  # 9.5 by chance


def joint_by_brute_force(signals, X, X_labeled, scores, b, learned=0.0):
    """The rule of joint herding, written down: every gain of every step, in float64."""
    labeled = signals.labeled
    # Units of raw columns do not count: each is clipped to a range that is the same for all.
    low, high = np.percentile(X, [1, 99], axis=0)
    X, X_labeled = ((np.clip(part, low, high) - low) / (high - low) for part in (X, X_labeled))
    spaces = []
    for pool, known in ((signals.embeddings, labeled.embeddings), (X, X_labeled)):
        parts = [np.asarray(pool, float), np.asarray(known, float)]
        parts = [part - parts[0].mean(0) for part in parts]
        spaces.append([part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts])
    Z, L = (np.hstack([space[i] for space in spaces]) / 2**0.5 for i in range(2))
    r = labeled.n_samples / signals.n_classes
    a = r / (r + 20)
    P = np.sort(np.asarray(signals.probabilities, float), axis=1)
    u = (1 - (P[:, -1] - P[:, -2])) ** a
    own = u * (rankdata(scores) / len(scores)) ** (a + 16 * learned)
    kernel = np.exp(-((Z[:, None] - Z[None]) ** 2).sum(2))
    covered = np.exp(-((Z[:, None] - L[None]) ** 2).sum(2)).max(1)
    picks = []
    for _ in range(b):
        gains = own * (u * np.maximum(kernel - covered, 0)).sum(1)
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        covered = np.maximum(covered, kernel[picks[-1]])
    return picks


@pytest.mark.parametrize("learned", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_joint_herding_is_the_brute_force_rule(seed, learned):
    rng = np.random.RandomState(seed)
    X, X_labeled = rng.standard_normal((30, 4)), rng.standard_normal((6, 4))
    H, H_labeled = X[:, :2] ** 3, X_labeled[:, :2] ** 3
    net = object()
    labeled = Signals(embeddings=H_labeled, net=net, X=X_labeled)
    P = rng.dirichlet([1, 1, 1], 30)
    signals = Signals(probabilities=P, embeddings=H, labeled=labeled, net=net, X=X)
    scores = rng.permutation(30)
    expected = joint_by_brute_force(signals, X, X_labeled, scores, 8, learned)
    assert build("joint_herding", scores, signals, 8, learned=learned) == expected


def chunks():
    return iter([np.random.RandomState(0).standard_normal((15, 2)).astype(np.float32)])


@pytest.mark.parametrize(
    "X",
    [
        np.arange(30).reshape(15, 2),
        {"a": np.ones((15, 2))},
        StreamPool(chunks, ChunkCheck("X")),  # can be read again, but not by row
        None,
    ],
)
def test_joint_herding_without_inputs_that_have_distances(X):
    signals = make_signals(15)
    given = {} if X is None else {"net": object(), "X": X}
    with_inputs = Signals(logits=signals.logits, embeddings=signals.embeddings, **given)
    without = Signals(logits=signals.logits, embeddings=signals.embeddings)
    scores = np.arange(15)
    assert build("joint_herding", scores, with_inputs, 5) == build(
        "joint_herding", scores, without, 5
    )


def test_scores_count_more_in_joint_herding_as_labels_come_in():
    rng = np.random.RandomState(0)
    H = rng.standard_normal((40, 3))
    scores = np.arange(40)

    def mean_score(n_labeled):
        labeled = Signals(embeddings=100 + rng.standard_normal((n_labeled, 3)))
        signals = Signals(probabilities=np.full((40, 2), 0.5), embeddings=H, labeled=labeled)
        return np.mean(scores[build("joint_herding", scores, signals, 10)])

    assert mean_score(2) < mean_score(4_000) - 5


def test_learned_scores_move_the_batch_however_few_the_labels():
    rng = np.random.RandomState(0)
    H, scores = rng.standard_normal((60, 3)), np.arange(60)
    labeled = Signals(embeddings=rng.standard_normal((2, 3)))
    signals = Signals(probabilities=np.full((60, 2), 0.5), embeddings=H, labeled=labeled)
    means = [
        np.mean(scores[build("joint_herding", scores, signals, 6, learned=learned)])
        for learned in (0.0, 0.1, 0.5, 1.0)
    ]
    assert means == sorted(means)
    assert means[0] < 40 < 50 < means[-1]


@pytest.mark.parametrize("builder", sorted(set(BUILDERS) - {"joint_herding"}))
def test_other_builders_follow_the_scores_whoever_made_them(builder):
    signals, scores = make_signals(30), np.random.RandomState(0).permutation(30)
    assert build(builder, scores, signals, 5) == build(builder, scores, signals, 5, learned=1.0)


def test_joint_herding_of_a_large_pool_looks_at_a_part_of_it(monkeypatch):

    signals, scores = make_signals(300), np.random.RandomState(0).permutation(300)
    exact = build("joint_herding", scores, signals, 10)
    monkeypatch.setattr(*internal("joint_herding.exact_below"), 100)
    monkeypatch.setattr(*internal("joint_herding.max_targets"), 150)
    monkeypatch.setattr(*internal("joint_herding.max_candidates"), 100)
    picks = build("joint_herding", scores, signals, 10)
    assert len(set(picks)) == 10
    assert picks != exact
    # With two labels a class the scores hardly count: candidates are nearly a random sample.
    assert (scores[picks] < 150).any()
    assert len(set(build("joint_herding", scores, signals, 150))) == 150
    rows = np.random.RandomState(1).permutation(300)
    moved = build("joint_herding", scores[rows], take_signals(signals, rows), 10)
    assert rows[moved].tolist() == picks
