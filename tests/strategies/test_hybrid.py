"""Strategies that mix uncertainty with geometry: slow references and planted cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skautoal.signals import Signals
from skautoal.strategies import (
    AlfaMix,
    Clue,
    ClusterMargin,
    ContrastiveAL,
    DropQuery,
    Falcun,
    KMeans,
)
from tests._internals import alfa_anchors, alfa_flips, best_alpha, internal

seeds = st.integers(0, 10**6)


def linear_signals(n, n_labeled, d, n_classes, seed):
    """Signals whose logits are a linear head of the embeddings."""
    rng = np.random.RandomState(seed)
    weights = torch.as_tensor(rng.standard_normal((d, n_classes)))

    def part(n, **more):
        H = torch.as_tensor(rng.standard_normal((n, d)))
        return Signals(embeddings=H, logits=H @ weights, head=lambda H: H @ weights, **more)

    codes = rng.randint(n_classes, size=n_labeled)
    return part(n, labeled=part(n_labeled), codes=codes)


def boundary_signals(n=300, seed=0):
    """Points in a disc; the first coordinate decides, with one labelled sample on each side."""
    rng = np.random.RandomState(seed)
    H = torch.as_tensor(rng.uniform(-1, 1, (n, 2)))
    labeled = Signals(embeddings=np.array([[-0.8, 0.0], [0.8, 0.0]]))
    weights = torch.tensor([[-4.0, 4.0], [0.0, 0.0]], dtype=torch.float64)
    return Signals(embeddings=H, head=lambda H: H @ weights, labeled=labeled, codes=[0, 1])


# ---------------------------------------------------------------- ContrastiveAL


def contrast_by_hand(signals, k):
    scores = []
    H, P = signals.embeddings.numpy(), signals.probabilities.numpy()
    L, Q = signals.labeled.embeddings.numpy(), signals.labeled.probabilities.numpy()
    for h, p in zip(H, P, strict=True):
        nearest = sorted(range(len(L)), key=lambda i: np.linalg.norm(h - L[i]))[:k]
        divergences = [sum(q * np.log(q / p)) for q in Q[nearest]]
        scores.append(np.mean(divergences))
    return scores


@given(st.integers(1, 15), st.integers(1, 9), st.integers(2, 4), st.integers(1, 12), seeds)
def test_contrast_equals_the_definition(n, n_labeled, n_classes, k, seed):
    signals = linear_signals(n, n_labeled, 3, n_classes, seed)
    scores = ContrastiveAL(n_neighbors=k).scores(signals, random_state=seed)
    assert scores.tolist() == pytest.approx(contrast_by_hand(signals, k), abs=1e-9)


def test_without_labels_there_is_no_contrast():
    signals = linear_signals(10, 0, 3, 3, 0)
    assert ContrastiveAL().scores(signals).tolist() == [0.0] * 10


# ---------------------------------------------------------------- ALFA-Mix


@given(st.integers(1, 8), st.integers(1, 4), st.floats(0.01, 1), seeds)
def test_alpha_equals_the_closed_form(n, d, eps, seed):
    rng = np.random.RandomState(seed)
    Z, A, G = rng.randint(-2, 3, (3, n, d)).astype(float)
    alpha = best_alpha(*map(torch.as_tensor, (Z, A, G)), eps).numpy()
    for i in range(n):
        for j in range(d):
            way, slope = A[i, j] - Z[i, j], np.linalg.norm(G[i])
            expected = 0.0
            if way and slope:
                expected = eps * np.linalg.norm(A[i] - Z[i]) * G[i, j] / slope / way
            assert alpha[i, j] == pytest.approx(expected)


@given(seeds)
def test_alpha_raises_the_loss_more_than_other_steps_of_its_length(seed):
    rng = np.random.RandomState(seed)
    Z, A, G = torch.as_tensor(rng.standard_normal((3, 5, 3)))
    step = best_alpha(Z, A, G, 0.1) * (A - Z)
    torch.testing.assert_close(step.norm(dim=1), 0.1 * (A - Z).norm(dim=1))
    other = torch.as_tensor(rng.standard_normal((5, 3)))
    other *= step.norm(dim=1, keepdim=True) / other.norm(dim=1, keepdim=True)
    assert ((step * G).sum(1) >= (other * G).sum(1)).all()


@given(st.integers(2, 5), st.floats(0.05, 1.0), seeds)
def test_the_farthest_anchor_flips_what_any_anchor_flips(n_classes, eps, seed):
    signals = linear_signals(30, 12, 3, n_classes, seed)
    anchors = alfa_anchors(signals.labeled.embeddings, signals.codes)
    by_any = torch.stack(
        [alfa_flips(signals, signals.embeddings, anchor[None], eps) for anchor in anchors]
    ).any(dim=0)
    flips = alfa_flips(signals, signals.embeddings, anchors, eps)
    assert flips.tolist() == by_any.tolist()


def test_anchors_are_class_means():
    H = torch.tensor([[0.0], [2.0], [9.0]])
    assert alfa_anchors(H, torch.tensor([0, 0, 3])).tolist() == [[1.0], [9.0]]


def test_alfa_mix_picks_along_the_boundary():
    signals = boundary_signals()
    picks = AlfaMix().select(signals, 8, random_state=0)
    H = signals.embeddings[picks]
    # The longest way to an anchor is 2.1, a fifth of it by sqrt(2) makes 0.3.
    assert H[:, 0].abs().max() <= 0.3
    assert H[:, 1].amax() - H[:, 1].amin() > 0.8  # spread along it


def test_alfa_mix_grows_its_mix_and_fills_up():
    signals = boundary_signals()
    picks = AlfaMix(epsilon=0.01).select(signals, 40, random_state=0)
    assert signals.embeddings[picks][:, 0].abs().max() <= 0.3
    certain = Signals(
        embeddings=[[5.0], [6.0], [0.1], [7.0]],
        head=lambda H: torch.cat([H, -H], dim=1),
        labeled=Signals(embeddings=[[4.0], [0.2]]),
        codes=[0, 1],
    )
    firsts = [AlfaMix(epsilon=0.05).select(certain, 3, random_state=s).tolist() for s in range(9)]
    assert {first[0] for first in firsts} == {2}
    assert len({tuple(first) for first in firsts}) > 1


# ---------------------------------------------------------------- DropQuery


def test_dropquery_picks_what_dropout_flips():
    rng = np.random.RandomState(0)
    sure = np.arange(200) % 2 == 0
    # Sure rows spread their evidence over all entries, the others hold it in one.
    H = 0.1 * rng.standard_normal((200, 16))
    H[sure] += 1
    H[~sure, 0] += 4
    H[~sure, 1:] -= 0.2
    signals = Signals(
        embeddings=H, head=lambda H: torch.stack([H.sum(1), torch.zeros_like(H[:, 0])], dim=1)
    )
    picks = DropQuery(n_passes=5, dropout=0.75).select(signals, 10, random_state=0)
    assert not sure[picks].any()


def test_dropquery_of_no_candidates_takes_what_changes_most():
    signals = Signals(
        embeddings=[[9.0], [1.0], [9.0]], head=lambda H: torch.cat([H, 3 - 0 * H], dim=1)
    )
    # Dropped to 0 the nines change in about half of the passes, the one never does.
    assert DropQuery(n_passes=9, dropout=0.5).select(signals, 3, random_state=0)[-1] == 1


# ---------------------------------------------------------------- ClusterMargin


def crowded_signals(n_certain=20):
    """80 unsure rows in one place, 4 in each of 5 others, and certain rows in a seventh."""
    place = np.repeat(np.arange(7), [80, 4, 4, 4, 4, 4, n_certain])
    H = 50.0 * np.eye(7)[place] + 0.1 * np.random.RandomState(0).standard_normal((len(place), 7))
    P = np.where(place == 6, 0.99, 0.52)
    return Signals(embeddings=H, probabilities=np.stack([P, 1 - P], axis=1)), place


def test_cluster_margin_spreads_over_the_unsure_places():
    signals, place = crowded_signals()
    picks = ClusterMargin(cluster_size=18).select(signals, 10, random_state=0)
    assert sorted(place[picks[:6]]) == [0, 1, 2, 3, 4, 5]
    assert place[picks[5]] == 0  # the largest comes last in each lap
    assert 6 not in place[picks]


def test_cluster_margin_of_a_large_pool_clusters_a_sample(monkeypatch):
    monkeypatch.setattr(*internal("cluster_margin.max_clustered"), 90)
    signals, place = crowded_signals(n_certain=0)
    picks = ClusterMargin(cluster_size=15).select(signals, 6, random_state=0)
    assert sorted(place[picks]) == [0, 1, 2, 3, 4, 5]


def test_cluster_margin_has_no_candidates_but_the_least_sure():
    signals = linear_signals(60, 0, 3, 3, 0)
    top = signals.probabilities.topk(2, dim=1).values
    least_sure = set((top[:, 0] - top[:, 1]).argsort()[:10].tolist())
    picks = ClusterMargin(candidates_per_instance=2).select(signals, 5, random_state=0)
    assert set(picks.tolist()) <= least_sure


# ---------------------------------------------------------------- CLUE


def test_clue_is_weighted_kmeans():
    X = np.arange(10.0)[:, None]
    logits = np.stack([np.where(X[:, 0] == 9, 0.0, 20.0), np.zeros(10)], axis=1)
    signals = Signals(embeddings=X, logits=logits)
    assert Clue().select(signals, 1, random_state=0).tolist() == [9]
    assert Clue(temperature=1e6).select(signals, 1, random_state=0)[0] in (4, 5)


def test_clue_without_certainty_is_kmeans():
    X = np.random.RandomState(0).standard_normal((40, 3))
    signals = Signals(embeddings=X, logits=np.zeros((40, 2)))
    picks = Clue().select(signals, 6, random_state=3)
    assert set(picks.tolist()) == set(KMeans().select(signals, 6, random_state=3).tolist())


# ---------------------------------------------------------------- FALCUN


def test_falcun_draws_the_first_by_relevance():
    P = np.array([[0.5, 0.5], [0.6, 0.4], [0.7, 0.3], [0.9, 0.1]])
    u = 1 - np.abs(P[:, 0] - P[:, 1])
    relevance = (u + (u - u.min()) / (u.max() - u.min())) ** 2
    firsts = [
        Falcun(gamma=2).select(Signals(probabilities=P), 1, random_state=seed)[0]
        for seed in range(1500)
    ]
    shares = np.bincount(firsts, minlength=4) / 1500
    np.testing.assert_allclose(shares, relevance / relevance.sum(), atol=0.04)


def test_falcun_picks_unlike_predictions():
    kinds = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.98, 0.01, 0.01]])
    kind = np.arange(80) % 4
    noise = np.random.RandomState(0).uniform(0, 1e-3, (80, 3))
    P = kinds[kind] + noise
    signals = Signals(probabilities=P / P.sum(1, keepdims=True))
    batches = [Falcun(gamma=50).select(signals, 3, random_state=seed) for seed in range(20)]
    assert all(set(kind[batch]) == {0, 1, 2} for batch in batches)


@pytest.mark.parametrize("seed", range(3))
def test_falcun_with_a_sharp_gamma_is_greedy_by_relevance(seed):
    P = np.random.RandomState(seed).dirichlet(np.ones(4), 25)
    ordered = np.sort(P, axis=1)
    u = 1 - (ordered[:, -1] - ordered[:, -2])
    spread, free, expected = u, np.ones(25, dtype=bool), []
    for _ in range(10):
        low, high = spread[free].min(), spread[free].max()
        relevance = u + (spread - low) / (high - low)
        expected.append(int(np.where(free, relevance, -1).argmax()))
        free[expected[-1]] = False
        spread = np.minimum(spread, np.abs(P - P[expected[-1]]).sum(1))
    found = Falcun(gamma=5_000).select(Signals(probabilities=P), 10, random_state=0)
    assert found.tolist() == expected


def test_falcun_of_certain_predictions_is_uniform():
    signals = Signals(probabilities=np.eye(2)[[0] * 12])
    firsts = {int(Falcun().select(signals, 1, random_state=seed)[0]) for seed in range(60)}
    assert len(firsts) > 8


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (AlfaMix(epsilon=0), "'epsilon' must be a finite number > 0 and <= 1; got 0"),
        (Clue(temperature=-1.0), r"'temperature' must be a finite number > 0; got -1\.0"),
        (ContrastiveAL(n_neighbors=0), "'n_neighbors' must be an integer >= 1; got 0"),
        (DropQuery(dropout=1), "'dropout' must be a finite number > 0 and < 1; got 1"),
        (DropQuery(n_passes=0), "'n_passes' must be an integer >= 1; got 0"),
        (ClusterMargin(cluster_size=0), "'cluster_size' must be an integer >= 1; got 0"),
        (
            ClusterMargin(candidates_per_instance="2"),
            "'candidates_per_instance' must be an integer >= 1; got '2'",
        ),
        (Falcun(gamma=None), "'gamma' must be a finite number > 0; got None"),
    ],
)
def test_wrong_parameters_are_refused_by_name(strategy, message):
    with pytest.raises(ValueError, match=message):
        strategy.select(linear_signals(5, 3, 2, 3, 0), 1)
