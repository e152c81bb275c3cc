"""What every strategy of another library is shown as a candidate, and what it may answer."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skautoal import StrategySampler
from skautoal.exceptions import MissingSignalError, StrategyOutputError
from skautoal.interop.modal import from_modal
from skautoal.signals import Signals, compute_signals
from skautoal.strategies import Entropy
from tests._helpers import TwoInputs, flat_autoal, frozen, make_net
from tests._internals import isolated_rng

L = 20  # labelled rows of the blobs


def first(learner, X, n_instances):
    return np.arange(n_instances)


def uncertain(learner, X, n_instances):
    return np.argsort(learner.predict_proba(X).max(axis=1), kind="stable")[:n_instances]


@pytest.fixture
def signals(mlp_net, blobs):
    X, y = blobs
    return compute_signals(mlp_net, X[L:], X_labeled=X[:L], codes=y[:L])


def seen_by(signals, features="samples"):
    """The learner and the pool that a strategy is shown."""
    shown = []
    probe = from_modal(
        lambda learner, X, n_instances: shown.extend([learner, X]) or [0], features=features
    )
    probe.select(signals, 1, random_state=0)
    return shown


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([4, 4, 2, 4, 2], [4, 2]),  # duplicates
        ([7], [7]),  # too few
        ([], []),
        ([3, 1, 4, 5, 9, 2, 6, 8], [3, 1, 4, 5, 9]),  # too many
        (np.array([[5], [6]]), [5, 6]),
        ((np.array([8, 0], dtype=np.uint8), "metrics"), [8, 0]),
        ([np.int64(3), 2], [3, 2]),
    ],
)
def test_answers_are_put_right(signals, blobs, answer, expected):
    order = []

    def strategy(learner, X, n_instances):
        order.append(X)
        return answer

    picks = from_modal(strategy).select(signals, 5, random_state=0)
    assert picks.dtype == np.int64
    assert len(set(picks.tolist())) == 5
    shown = [tuple(row) for row in blobs[0][L:][picks[: len(expected)]]]
    assert shown == [tuple(row) for row in order[0][expected]]


@pytest.mark.parametrize(
    "answer", [[0.5, 1], [-1], [100], np.ones(100, dtype=bool), ["a"], [np.nan], None]
)
def test_answers_that_name_no_samples_are_refused(signals, answer):
    def odd(learner, X, n_instances):
        return answer

    with pytest.raises(StrategyOutputError, match=r"odd returned .* integers in 0\.\.99"):
        from_modal(odd).select(signals, 3)


def test_what_fills_up_is_random(signals):
    strategy = from_modal(lambda learner, X, n_instances: [])
    draws = [strategy.select(signals, 5, random_state=seed).tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_numpys_and_torchs_generators_are_lent(signals):
    def gamble(learner, X, n_instances):
        return np.random.permutation(len(X))[:n_instances] if torch.rand(1) < 2 else []

    picks = [from_modal(gamble).select(signals, 5, random_state=s).tolist() for s in (0, 0, 1)]
    assert picks[0] == picks[1] != picks[2]  # a fixture sees that the state is given back


def test_shuffling_the_pool_shuffles_the_answer(mlp_net, blobs):
    X, y = blobs
    sampler = StrategySampler(FrozenEstimator(mlp_net), from_modal(first), random_state=0)
    sampler.fit(X[:L], y[:L])
    order = np.random.RandomState(0).permutation(len(X) - L)
    picks = sampler.query(X[L:], 6)
    assert picks.tolist() != list(range(6))
    assert order[sampler.query(X[L:][order], 6)].tolist() == picks.tolist()


def test_nothing_of_the_users_can_be_changed(signals, blobs):
    before, net_before = [x.copy() for x in blobs], frozen(signals.net)
    modes = [m.training for m in signals.net.module_.modules()]

    def vandal(learner, X, n_instances):
        X[:] = learner.X_training[:] = 0
        learner.y_training[:] = 0
        learner.estimator.module_.train()
        for parameter in learner.estimator.module_.parameters():
            parameter.data.zero_()
        return [0]

    picks = from_modal(vandal).select(signals, 3)
    assert len(picks) == 3
    assert all(np.array_equal(a, b) for a, b in zip(before, blobs, strict=True))
    assert (signals.codes.numpy() == blobs[1][:L]).all()
    assert all(torch.equal(value, frozen(signals.net)[k]) for k, value in net_before.items())
    assert [m.training for m in signals.net.module_.modules()] == modes


def test_the_learner_predicts_like_the_net(signals, blobs):
    learner, pool = seen_by(signals)
    net = signals.net
    other = np.concatenate([pool[:3], blobs[0][:4].astype(np.float64)])
    for X in (pool, pool[5:9], other):
        with isolated_rng(0):  # its DataLoader draws a seed
            expected = net.predict_proba(X.astype(np.float32))
        assert np.allclose(learner.predict_proba(X), expected, atol=1e-6)
        assert (learner.predict(X) == expected.argmax(axis=1)).all()
        assert np.allclose(learner.predict_proba(X).sum(axis=1), 1, atol=1e-12)
    with isolated_rng(0):
        copied = learner.estimator.predict_proba(pool)
    assert np.allclose(copied, learner.predict_proba(pool), atol=1e-6)
    assert learner.y_training.tolist() == blobs[1][:L].tolist()
    assert np.array_equal(learner.X_training, blobs[0][:L])
    right = learner.predict(blobs[0][:L]) == blobs[1][:L]
    assert learner.score(blobs[0][:L], blobs[1][:L]) == right.mean()


def test_embeddings_stand_for_samples(signals):
    learner, pool = seen_by(signals, "embeddings")
    assert sorted(map(tuple, pool)) == sorted(map(tuple, signals.embeddings.numpy()))
    assert np.array_equal(learner.X_training, signals.labeled.embeddings.numpy())
    # The pool is known; other embeddings go through the head.
    subset = learner.predict_proba(pool[3:7])
    assert np.allclose(subset, learner.predict_proba(pool)[3:7], atol=1e-6)
    assert learner.estimator.predict_proba(pool) is learner.predict_proba(pool)


def test_embeddings_need_no_net():
    rng = np.random.RandomState(0)
    W = torch.as_tensor(rng.standard_normal((2, 3)))
    H = rng.standard_normal((9, 2))
    arrays = {"embeddings": H, "logits": torch.as_tensor(H) @ W}
    labeled = Signals(embeddings=H[:4])
    signals = Signals(**arrays, labeled=labeled, codes=[0, 1, 2, 0], head=lambda h: h @ W)
    assert from_modal(first, features="embeddings").select(signals, 2).shape == (2,)
    with pytest.raises(MissingSignalError, match="first needs 'network'"):
        from_modal(first).select(signals, 2)


def test_images_keep_their_dimensions(cnn_net, images):
    X, y = images
    signals = compute_signals(cnn_net, X[L:], X_labeled=X[:L], codes=y[:L])
    _, pool = seen_by(signals)
    assert pool.shape == (len(X) - L, 1, 8, 8)
    _, flat = seen_by(signals, "embeddings")
    assert flat.shape == (len(X) - L, 12)


def test_tensors_are_shown_as_arrays(mlp_net, blobs):
    X = torch.as_tensor(blobs[0])
    signals = compute_signals(mlp_net, X[L:], X_labeled=X[:L], codes=blobs[1][:L])
    assert isinstance(seen_by(signals)[1], np.ndarray)


def test_datasets_are_stacked(mlp_net, blobs):
    X, y = blobs
    sampler = StrategySampler(FrozenEstimator(mlp_net), from_modal(uncertain), random_state=0)
    sampler.fit(X[:L], y[:L])
    pool = torch.utils.data.TensorDataset(torch.as_tensor(X[L:]), torch.zeros(len(X) - L))
    assert sampler.query(pool, 5).tolist() == sampler.query(X[L:], 5).tolist()


def test_samples_in_several_arrays_are_refused():
    net = make_net(TwoInputs)
    rng = np.random.RandomState(0)
    pool = {
        "left": rng.standard_normal((9, 2)).astype(np.float32),
        "right": rng.standard_normal((9, 3)).astype(np.float32),
    }
    signals = compute_signals(net, pool, X_labeled=pool, codes=np.arange(9) % 3)
    with pytest.raises(TypeError, match=r"these are a dict. Use features='embeddings'"):
        from_modal(first).select(signals, 2)
    assert from_modal(first, features="embeddings").select(signals, 2).shape == (2,)


def test_wrong_features(signals):
    with pytest.raises(ValueError, match=r"'features' must be one of .*; got 'pixels'"):
        from_modal(first, features="pixels").select(signals, 2)


def test_a_candidate_like_any_other(blobs):
    X, y = blobs
    strategies = [("theirs", from_modal(first)), ("ours", Entropy())]
    sampler = flat_autoal(strategies=strategies, n_steps=3, n_splits=2, random_state=0)
    sampler.set_params(theirs__features="embeddings")
    assert sampler.get_params()["theirs__strategy"] is first
    sampler = clone(sampler).fit(X[:L], y[:L])
    picks = sampler.query(X[L:], 4)
    assert set(sampler.strategy_weights_["batch"]) == {"theirs", "ours"}
    assert pickle.loads(pickle.dumps(sampler)).query(X[L:], 4).tolist() == picks.tolist()
    assert repr(from_modal(first)).startswith("ModALStrategy(strategy=<function first")
