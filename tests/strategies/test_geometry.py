"""Strategies that cover or cluster embeddings: exact rules against slow ones, planted cases."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skautoal.signals import Signals
from skautoal.strategies import MaxHerding, ProbCover, TypiClust, UncertaintyHerding
from tests._internals import internal

sizes = st.tuples(st.integers(1, 25), st.integers(0, 6), st.integers(1, 4))
seeds = st.integers(0, 10**6)


def random_signals(n, n_labeled, d, n_classes, seed):
    """Signals of pool and labelled samples: some rows repeated, a head that is linear."""
    rng = np.random.RandomState(seed)
    weights = torch.as_tensor(rng.standard_normal((d, n_classes)))

    def head(H):
        return 3 * H @ weights

    def part(n, **more):
        H = rng.standard_normal((n, d))
        if n > 4:
            H[1] = H[0]
        H = torch.as_tensor(H)
        return Signals(embeddings=H, logits=head(H), head=head, **more)

    codes = rng.randint(n_classes, size=n_labeled)
    return part(n, labeled=part(n_labeled), codes=codes)


@contextmanager
def largest_tensor():
    """List of the sizes of all tensors that are made inside."""
    sizes = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            sizes.extend(t.numel() for t in tree_leaves(out) if isinstance(t, torch.Tensor))
            return out

    with Watch():
        yield sizes


def unit(H):
    return H / np.linalg.norm(H, axis=1, keepdims=True)


def pairwise(A, B):
    return np.array([[np.linalg.norm(a - b) for b in B] for a in A]).reshape(len(A), len(B))


# ---------------------------------------------------------------- herding


def assert_greedy(picks, gain, tolerance):
    """Each pick gains as much as the best of those left, but for rounding."""
    for step, pick in enumerate(picks):
        earlier = list(picks[:step])
        free = [row for row in range(gain.n) if row not in earlier]
        gains = {row: gain(earlier, row) for row in free}
        assert gains[pick] >= max(gains.values()) - tolerance


class Coverage:
    """Gain in weighted kernel coverage of the pool."""

    def __init__(self, signals, weights, width):
        H, L = unit(signals.embeddings.numpy()), unit(signals.labeled.embeddings.numpy())
        self.weights, self.n = weights, len(H)
        self.kernel = np.exp(-((pairwise(H, H) / width) ** 2))
        self.labeled = np.exp(-((pairwise(L, H) / width) ** 2))

    def __call__(self, earlier, row):
        covered = np.max([*self.labeled, *self.kernel[earlier], np.zeros(self.n)], axis=0)
        return (self.weights * np.maximum(self.kernel[row] - covered, 0)).sum()


def calibrated_uncertainty(signals):
    """1 - margin at the temperature that suits the labelled samples best."""
    Z, y = signals.labeled.logits.numpy(), signals.codes.numpy()

    def loss(T):
        return np.mean(logsumexp(Z / T, axis=1) - Z[np.arange(len(y)), y] / T)

    T = minimize_scalar(loss, (1, 20), bounds=(1, 20)).x if len(y) else 1.0
    P = np.sort(softmax(signals.logits.numpy() / T, axis=1), axis=1)
    return 1 - (P[:, -1] - P[:, -2])


@given(sizes, seeds, st.sampled_from([0.2, 0.4, 2.0]))
def test_max_herding_is_greedy_coverage(size, seed, width):
    signals = random_signals(*size, 3, seed)
    picks = MaxHerding(width).select(signals, min(6, size[0]), random_state=seed)
    assert_greedy(picks.tolist(), Coverage(signals, np.ones(size[0]), width), 1e-5)


@given(sizes, seeds)
def test_uncertainty_herding_is_greedy_coverage_of_the_uncertain(size, seed):
    signals = random_signals(*size, 3, seed)
    picks = UncertaintyHerding().select(signals, min(6, size[0]), random_state=seed)
    gain = Coverage(signals, calibrated_uncertainty(signals), 0.4)
    assert_greedy(picks.tolist(), gain, 1e-3)


@given(sizes, seeds)
def test_the_width_from_the_labeled_is_their_smallest_distance(size, seed):
    signals = random_signals(*size, 3, seed)
    D = pairwise(*2 * [unit(signals.labeled.embeddings.numpy())])
    width = min(D[D > 1e-6], default=0.4)
    expected = UncertaintyHerding(width).select(signals, min(6, size[0]), random_state=seed)
    picks = UncertaintyHerding("labeled").select(signals, min(6, size[0]), random_state=seed)
    assert picks.tolist() == expected.tolist()


def test_uncertainty_herding_spreads_over_what_is_uncertain():
    angle = np.repeat([0.0, 1.0, 2.0, 3.0], 20) + np.linspace(-0.1, 0.1, 80)
    logits = np.stack([np.repeat([8.0, 0.0, 8.0, 0.0], 20), np.zeros(80)], axis=1)
    signals = Signals(embeddings=np.stack([np.cos(angle), np.sin(angle)], 1), logits=logits)
    assert set(UncertaintyHerding().select(signals, 2, random_state=0) // 20) == {1, 3}
    assert set(MaxHerding().select(signals, 4, random_state=0) // 20) == {0, 1, 2, 3}


@pytest.mark.parametrize("strategy", [MaxHerding(), UncertaintyHerding()])
def test_herding_of_a_large_pool_holds_no_square_matrix(strategy, monkeypatch):
    monkeypatch.setattr(*internal("herding.exact_below"), 50)
    monkeypatch.setattr(*internal("herding.max_targets"), 40)
    monkeypatch.setattr(*internal("herding.max_candidates"), 30)
    signals = random_signals(200, 5, 3, 3, 0)
    with largest_tensor() as largest:
        picks = strategy.select(signals, 10, random_state=0)
    assert len(set(picks.tolist())) == 10
    assert max(largest) < 200 * 40


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (MaxHerding(width=0), r"'width' must be a finite number > 0; got 0\."),
        (MaxHerding(width=True), r"'width' must be a finite number > 0; got True\."),
        (UncertaintyHerding(width="pool"), "'width' must be 'labeled' or a number > 0; got 'pool'"),
        (TypiClust(max_clusters=0), "'max_clusters' must be an integer >= 1; got 0"),
        (TypiClust(n_neighbors=2.5), r"'n_neighbors' must be an integer >= 1; got 2\.5"),
        (ProbCover(delta=3), "'delta' must be a finite number > 0 and <= 2; got 3"),
        (ProbCover(purity=0), "'purity' must be a finite number > 0 and <= 1; got 0"),
        (UncertaintyHerding(width=np.inf), r"'width' must be a finite number > 0; got inf\."),
    ],
)
def test_wrong_parameters_are_refused_by_name(strategy, message):
    with pytest.raises(ValueError, match=message):
        strategy.select(random_signals(5, 3, 2, 3, 0), 1)


# ---------------------------------------------------------------- TypiClust and ProbCover


def directions(sizes, spread, seed=0):
    """Unit vectors in as many bundles as there are sizes, and the bundle of each."""
    rng = np.random.RandomState(seed)
    bundle = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    H = np.eye(len(sizes))[bundle]
    return unit(H + np.asarray(spread)[..., None] * rng.standard_normal(H.shape)), bundle


def test_typiclust_takes_the_typical_of_each_bundle_the_largest_first():
    H, bundle = directions((30, 50, 20, 40), 0.1)
    picks = TypiClust().select(Signals(embeddings=H), 4, random_state=0)
    assert bundle[picks].tolist() == [1, 3, 0, 2]
    for pick in picks:
        members = H[bundle == bundle[pick]]
        mean = np.sort(pairwise(members, members), axis=1)[:, 1:21].mean(1)
        own = np.sort(np.linalg.norm(members - H[pick], axis=1))[1:21].mean()
        assert own == pytest.approx(mean.min())


def test_typiclust_leaves_the_labeled_clusters_to_the_end():
    H, bundle = directions((30, 50, 20, 40), 0.1)
    labeled = Signals(embeddings=np.eye(4)[[1, 1, 3]])
    strategy = TypiClust(max_clusters=4)
    picks = strategy.select(Signals(embeddings=H, labeled=labeled), 4, random_state=0)
    assert bundle[picks].tolist() == [0, 2, 3, 1]


def test_typiclust_takes_outliers_last():
    H, bundle = directions((30, 3, 30), 0.05)
    picks = TypiClust(max_clusters=3).select(Signals(embeddings=H), 63, random_state=0)
    assert set(bundle[picks[:60]]) == {0, 2}
    assert set(bundle[picks[60:]]) == {1}


def test_probcover_covers_dense_bundles_before_sparse_ones():
    H, bundle = directions((40, 20, 30), 0.02)
    picks = ProbCover(delta=0.4).select(Signals(embeddings=H, logits=np.zeros((90, 2))), 3)
    assert bundle[picks].tolist() == [0, 2, 1]
    labeled = Signals(embeddings=np.eye(3)[:1])
    signals = Signals(embeddings=H, logits=np.zeros((90, 2)), labeled=labeled)
    assert bundle[ProbCover(delta=0.4).select(signals, 2)].tolist() == [2, 1]


@given(sizes, seeds, st.floats(0.05, 1.9))
def test_probcover_is_the_greedy_cover(size, seed, delta):
    signals = random_signals(*size, 3, seed)
    H, L = unit(signals.embeddings.numpy()), unit(signals.labeled.embeddings.numpy())
    balls = pairwise(H, H) < delta
    covered = (pairwise(L, H) < delta).any(axis=0)
    picks = ProbCover(delta).select(signals, min(6, size[0]), random_state=seed)
    for step, pick in enumerate(picks):
        gains = (balls & ~covered).sum(axis=1)
        assert gains[pick] == np.delete(gains, picks[:step]).max(initial=gains[pick])
        covered |= balls[pick]


def test_probcover_chooses_a_radius_that_tells_bundles_apart():
    H, bundle = directions((30, 30, 30), 0.1)
    picks = ProbCover().select(Signals(embeddings=H, logits=np.zeros((90, 3))), 3, random_state=0)
    assert set(bundle[picks]) == {0, 1, 2}


@pytest.mark.parametrize("strategy", [TypiClust(), ProbCover(), ProbCover(delta=1.0)])
def test_clusters_and_covers_hold_no_square_matrix(strategy, monkeypatch):
    monkeypatch.setattr(*internal("distances.block_elements"), 5_000)
    monkeypatch.setattr(*internal("typiclust.max_references"), 50)
    monkeypatch.setattr(*internal("probcover.exact_below"), 300)
    monkeypatch.setattr(*internal("neighbors.batch_elements"), 5_000)
    monkeypatch.setattr(*internal("ball_cover.stored_below"), 200)
    monkeypatch.setattr(*internal("ball_cover.rows"), 20)
    signals = random_signals(1_000, 5, 4, 3, 0)
    with largest_tensor() as largest:
        strategy.select(signals, 10, random_state=0)
    assert max(largest) <= 10_000
