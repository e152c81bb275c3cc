"""Strategies that build batches, against brute force and by what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skautoal.exceptions import MissingSignalError
from skautoal.signals import Signals
from skautoal.strategies import BADGE, KCenterGreedy, KMeans
from tests._helpers import make_signals
from tests._internals import internal, isolated_rng, principal_components


def three_clusters(sizes=(12, 20, 6)):
    """Points in well separated clusters of different sizes, and their clusters."""
    rng = np.random.RandomState(0)
    cluster = rng.permutation(np.repeat(np.arange(3), sizes))
    return np.array([[0, 0], [50, 0], [0, 50]])[cluster] + rng.standard_normal((38, 2)), cluster


def k_center_by_hand(H, centres, k):
    picks, centres = [], list(centres)
    for _ in range(k):
        nearest = [min(np.linalg.norm(h - c) for c in centres) for h in H]
        picks.append(int(np.argmax(nearest)))
        centres.append(H[picks[-1]])
    return picks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_k_center_equals_brute_force(dtype):
    signals = make_signals(60, d=4, dtype=dtype)
    H, L = signals.embeddings.numpy(), signals.labeled.embeddings.numpy()
    picks = KCenterGreedy().select(signals, 25, random_state=0)
    assert picks.tolist() == k_center_by_hand(H, L, 25)


def test_k_center_in_principal_components_equals_brute_force_there():
    signals = make_signals(60, d=6)
    H, L = principal_components(signals.embeddings, 2, signals.labeled.embeddings)
    picks = KCenterGreedy(n_components=2).select(signals, 20, random_state=0)
    assert picks.tolist() == k_center_by_hand(H.numpy(), L.numpy(), 20)
    assert picks.tolist() != KCenterGreedy().select(signals, 20, random_state=0).tolist()


def test_k_center_without_labels_starts_anywhere():
    signals = Signals(embeddings=make_signals(20).embeddings)
    firsts = {int(KCenterGreedy().select(signals, 1, random_state=seed)[0]) for seed in range(30)}
    assert len(firsts) > 8


def test_k_center_refuses_labeled_embeddings_that_are_not_finite():
    labeled = Signals(embeddings=[[0.0, 1.0], [np.nan, 1.0]])
    signals = Signals(embeddings=[[1.0, 0.0], [0.0, 1.0]], labeled=labeled)
    with pytest.raises(ValueError, match=r"KCenterGreedy.*label.* needs finite 'embeddings'"):
        KCenterGreedy().select(signals, 1)


def test_k_center_names_itself_when_the_labeled_have_no_embeddings():
    signals = Signals(embeddings=np.eye(2), labeled=Signals(logits=np.eye(2)))
    with pytest.raises(MissingSignalError, match="KCenterGreedy"):
        KCenterGreedy().select(signals, 1)


def test_k_center_refuses_a_wrong_number_of_components():
    with pytest.raises(ValueError, match="'n_components' must be None or an integer >= 1; got 0"):
        KCenterGreedy(n_components=0).select(make_signals(), 1)


@pytest.mark.parametrize("seed_rows", [2_000, 10])  # of all points, or of a random part
def test_kmeans_picks_the_middle_of_each_cluster_largest_first(seed_rows, monkeypatch):
    monkeypatch.setattr(*internal("kmeans.seed_rows"), seed_rows)
    H, cluster = three_clusters()
    for seed in range(5):
        picks = KMeans().select(Signals(embeddings=H), 3, random_state=seed)
        assert cluster[picks].tolist() == [1, 0, 2]
    for pick in picks:
        members = np.flatnonzero(cluster == cluster[pick])
        offsets = np.linalg.norm(H[members] - H[members].mean(0), axis=1)
        assert pick == members[offsets.argmin()]


def test_kmeans_fills_up_from_few_distinct_points():
    H = np.array([[0.0], [1.0], [9.0]])[np.arange(12) % 3]
    picks = KMeans().select(Signals(embeddings=H), 6, random_state=0)
    assert len(set(H[picks[:3], 0])) == 3
    assert len(set(picks.tolist())) == 6


def test_kmeans_takes_points_a_rounding_apart():
    H = np.float32(1) + np.arange(12, dtype=np.float32)[:, None] * np.float32(1e-7)
    assert len(set(KMeans().select(Signals(embeddings=H), 8, random_state=0).tolist())) == 8


def test_badge_starts_with_the_largest_gradient():
    signals = make_signals(50)
    A, H = signals.gradient_factors
    norms = A.norm(dim=1) * H.norm(dim=1)
    assert BADGE().select(signals, 1, random_state=0).tolist() == [int(norms.argmax())]


def test_badge_prefers_other_gradients_to_copies():
    """Certain rows have gradient zero: each other one comes before a copy of a pick."""
    P = np.array([[0.5, 0.5], [0.5, 0.5], [0.6, 0.4], [1.0, 0.0], [1.0, 0.0]])
    H = np.array([[3.0, 0.0], [3.0, 0.0], [0.0, 2.0], [5.0, 5.0], [5.0, 5.0]])
    for seed in range(20):
        picks = BADGE().select(Signals(probabilities=P, embeddings=H), 3, random_state=seed)
        assert {min(pick, 1) if pick < 2 else min(pick, 3) for pick in picks} >= {2, 3}
        assert len({0, 1} & set(picks.tolist())) == 1


def test_badge_forms_no_outer_products():
    """2,000 x 300 x 600 doubles would be 2.9 GB; no tensor may come near."""
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.numel())
            return out

    with isolated_rng(0):
        signals = Signals(logits=torch.randn(2000, 300), embeddings=torch.randn(2000, 600))
    with Watch():
        BADGE().select(signals, 3, random_state=0)
    assert largest <= 2000 * 600
