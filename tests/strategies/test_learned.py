"""What trains something must find what the idea of its paper is about."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

from skautoal.modules import MLP
from skautoal.signals import Signals, compute_signals
from skautoal.strategies import VAAL, WAAL, DiscriminativeAL, LearningLoss, MQNet
from tests._helpers import PooledTokens, make_net, make_signals, train
from tests._internals import (
    MAX_ROWS,
    block_features,
    labeled_purity,
    purity,
    raw_rows,
    shrink_images,
    standardizer,
    train_mqnet,
)

SEEDS = range(4)


def planted(seed: int, n: int = 200, n_labeled: int = 40, n_new: int = 40) -> Signals:
    """Three clusters with labels, and in the pool's last rows a fourth without any."""
    rng = np.random.RandomState(seed)
    centers = 6 * np.eye(4, 6, dtype=np.float32)

    def draw(which):
        return centers[which] + rng.standard_normal((len(which), 6)).astype(np.float32)

    L = draw(codes := rng.randint(3, size=n_labeled))
    X = draw(np.r_[rng.randint(3, size=n - n_new), np.full(n_new, 3)])
    return Signals(
        embeddings=X,
        probabilities=rng.dirichlet(np.ones(3), n),
        X=X,
        net=object(),
        labeled=Signals(embeddings=L, X=L, net=object()),
        codes=codes,
    )


# ---------------------------------------------------------------- a cluster without labels


@pytest.mark.parametrize("strategy", [VAAL(), WAAL(), DiscriminativeAL(1)], ids=repr)
def test_a_cluster_without_labels_is_found(strategy):
    """It holds 20 % of the rows, and so of a random batch; the probabilities are random."""
    shares = [(strategy.select(planted(seed), 20, seed) >= 160).mean() for seed in SEEDS]
    assert np.mean(shares) > 0.6


def test_vaal_finds_a_digit_without_labels_among_images():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    labeled = np.flatnonzero(y != 0)[:60]
    pool = np.setdiff1d(np.arange(600), labeled)  # 12 % of it are zeros
    signals = Signals(
        embeddings=np.zeros((len(pool), 1)),
        X=X[pool],
        net=object(),
        labeled=Signals(embeddings=np.zeros((60, 1)), X=X[labeled], net=object()),
        codes=y[labeled],
        row_hash=np.arange(len(pool), dtype=np.uint64),
    )
    assert (y[pool][VAAL().select(signals, 30, 0)] == 0).mean() > 0.3


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 1, 1), (2, 40, 33), (3, 4), (9,)], ids=str)
def test_vaal_takes_samples_of_any_shape(shape):
    X = np.random.RandomState(0).standard_normal((20, *shape)).astype(np.float32)
    labeled = Signals(embeddings=np.zeros((4, 1)), X=X[:4], net=object())
    signals = Signals(
        embeddings=np.arange(16)[:, None], X=X[4:], net=object(), labeled=labeled, codes=[0] * 4
    )
    assert len(VAAL(n_latent=2, n_steps=2).scores(signals, 0).unique()) == 16


def test_vaal_looks_at_large_images_from_afar():
    X = torch.rand(2, 3, 64, 20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(shrink_images(X), X.reshape(2, 3, 32, 2, 20).mean(3))
    assert shrink_images(X[:, :, :32]).shape == (2, 3, 32, 20)


def test_the_parts_of_a_batch_avoid_one_another():
    """Two clusters without labels: what was picked in one sends the next part to the other."""
    rng = np.random.RandomState(0)
    centers = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 40, axis=0)
    H = centers + 0.3 * rng.standard_normal((120, 2))
    signals = Signals(embeddings=H, labeled=Signals(embeddings=H[:20]), codes=[0] * 20)
    for seed in SEEDS:
        first, second = DiscriminativeAL(2).select(signals, 2, seed) // 40
        assert {first, second} == {1, 2}


def test_the_critic_counts_as_much_as_it_weighs():
    signals = planted(0)
    log_p = signals.logits.log_softmax(1)
    flat = -(log_p.abs().sum(1) + log_p.norm(dim=1)) / 2
    by_uncertainty = WAAL(1e-6).scores(signals, 0)
    assert torch.corrcoef(torch.stack([by_uncertainty, flat]))[0, 1] > 0.9999
    found = [
        (WAAL(100.0).scores(planted(seed), seed).argsort()[-20:] >= 160).double().mean()
        for seed in SEEDS
    ]
    assert np.mean(found) > 0.9  # a fifth of the pool is planted


# ---------------------------------------------------------------- predicted loss


def test_the_predicted_loss_ranks_like_the_true_one(blobs):
    """Trained on 60 rows, whose classes overlap."""
    X, y = blobs
    for seed in SEEDS:
        rows = np.random.RandomState(seed).permutation(120)
        L, U = rows[:60], rows[60:]
        net = make_net(MLP, module__n_features=5, module__n_classes=3, max_epochs=20, lr=0.1)
        train(net, X[L], y[L])
        signals = compute_signals(net, X[U], X_labeled=X[L], codes=y[L])
        losses = nn.functional.cross_entropy(
            signals.logits, torch.as_tensor(y[U]), reduction="none"
        )
        assert spearmanr(LearningLoss().scores(signals, seed), losses)[0] > 0.25


def test_the_features_are_those_of_each_block_averaged_over_positions(cnn_net, images):
    X = images[0][:7]
    module = cnn_net.module_
    module.eval()
    with torch.no_grad():
        levels = block_features(module, X, torch.device("cpu"))
        trunk = module.trunk(torch.as_tensor(X))
    assert [level.shape[1] for level in levels] == [8, 8, 12, 12, 12, 4]
    torch.testing.assert_close(levels[0], trunk.mean((2, 3)))
    torch.testing.assert_close(levels[-1], module(torch.as_tensor(X)))


@pytest.mark.parametrize(
    ("module", "X", "widths"),
    [
        (nn.Linear(3, 2), torch.zeros(5, 3), [2]),  # no blocks: the output
        (nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))), torch.zeros(5, 3), [4, 2]),
        (nn.Sequential(nn.Conv1d(2, 6, 1), nn.Flatten()), torch.zeros(5, 2, 9), [6, 54]),
        (PooledTokens(), torch.zeros(5, 8, dtype=torch.long), [6, 6, 3]),  # features last
        (
            nn.Sequential(nn.Linear(3, 4), nn.Flatten(0), nn.Unflatten(0, (5, -1))),
            torch.zeros(5, 3),
            [4, 4],  # what has lost its rows is left out
        ),
    ],
    ids=["bare", "nested", "convolution", "tokens", "rows lost"],
)
def test_features_of_modules_of_any_shape(module, X, widths):
    levels = block_features(module.eval(), X, torch.device("cpu"))
    assert [level.shape for level in levels] == [(5, width) for width in widths]


# ---------------------------------------------------------------- open-set pools


def open_set(seed: int, *, known: bool) -> Signals:
    """Digits 0 to 4 are the task; 5 to 9 share code 5, with labels only if ``known``."""
    X, y = load_digits(return_X_y=True)
    rows = np.random.RandomState(seed).permutation(len(X))[:400]
    X, y = (X[rows] / 8 - 1).astype(np.float32), np.minimum(y[rows], 5)
    labeled = np.flatnonzero((y < 5) | known)[:60]
    net = make_net(MLP, module__n_features=64, module__n_classes=6, max_epochs=40, lr=0.1)
    train(net, X[labeled], y[labeled])
    pool = np.setdiff1d(np.arange(400), labeled)
    signals = compute_signals(net, X[pool], X_labeled=X[labeled], codes=y[labeled])
    signals.outside = y[pool] == 5
    return signals


def test_mqnet_avoids_what_is_outside_the_task():
    for seed in range(3):
        signals = open_set(seed, known=True)
        assert 0.4 < signals.outside.mean()
        picks = MQNet(ood_label=5).select(signals, 30, seed)
        assert signals.outside[picks].mean() < 0.2
        # Among what is pure the informative come first.
        task = signals.logits[:, :5].softmax(1)
        surest = task.max(1).values
        assert surest[picks].mean() < surest[~signals.outside].mean()


def test_mqnet_goes_by_purity_until_an_outsider_is_known():
    signals = open_set(0, known=False)
    picks = MQNet(ood_label=5).select(signals, 30, 0)
    np.testing.assert_array_equal(picks, MQNet().select(signals, 30, 0))
    assert signals.outside[picks].mean() < 0.1
    distances = torch.cdist(signals.embeddings, signals.labeled.embeddings).min(1).values
    assert set(picks) == set(distances.argsort()[:30].tolist())


def test_mqnet_with_outsiders_alone_keeps_away_from_them():
    H = torch.arange(5.0)[:, None]
    labeled = Signals(embeddings=H[:2], logits=torch.zeros(2, 2))
    signals = Signals(embeddings=H, logits=torch.zeros(5, 2), labeled=labeled, codes=[1, 1])
    assert MQNet(ood_label=1).select(signals, 3, 0).tolist() == [4, 3, 2]


def test_the_meta_net_is_monotone_and_weights_the_better_measure():
    rng = np.random.RandomState(0)
    inputs = torch.as_tensor(rng.random_sample((200, 2)), dtype=torch.float32)
    pure = inputs[:, 0] > 0.5
    net = train_mqnet(inputs, torch.where(pure, 0.1 + inputs[:, 1], 0), 200, rng)
    grid = torch.cartesian_prod(*[torch.linspace(0, 1, 21)] * 2)
    with torch.no_grad():
        scores = net(grid).reshape(21, 21)
        learned = net(torch.tensor([[0.3, 1.0], [0.7, 0.2], [0.7, 0.9]]))
    assert (scores.diff(dim=0) >= 0).all()
    assert (scores.diff(dim=1) >= 0).all()
    assert learned.argsort().tolist() == [0, 1, 2]


def test_the_purity_of_a_labelled_sample_is_judged_by_the_others():
    H = torch.tensor([[0.0], [1.0], [4.0], [6.0]])
    outside = torch.tensor([False, False, True, True])
    torch.testing.assert_close(
        labeled_purity(H, outside), torch.tensor([4 / 5, 3 / 4, 2 / 5, 2 / 7])
    )
    alone = labeled_purity(H[:3], outside[:3])
    assert alone[2] == pytest.approx(0)


def test_copies_of_both_kinds_are_half_pure():
    assert purity(torch.zeros(1), torch.zeros(1)).tolist() == [0.5]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (4, "a class code from 0 to 3.*got 4"),
        (-1, "an integer >= 0; got -1"),
        (1.0, "an integer.*got 1.0"),
    ],
)
def test_a_wrong_ood_label_is_refused(wrong, message):
    with pytest.raises(ValueError, match=f"'ood_label' must be {message}"):
        MQNet(wrong).select(make_signals(), 3)


# ---------------------------------------------------------------- shared parts


def test_large_pools_are_sampled_for_training_and_scored_whole():
    n = MAX_ROWS + 500
    H = np.random.RandomState(0).standard_normal((n, 2)).astype(np.float32)
    signals = Signals(embeddings=H, logits=H, labeled=Signals(embeddings=H), codes=[0] * n)
    for strategy in (WAAL(n_steps=2), DiscriminativeAL(2, n_steps=2)):
        assert len(set(strategy.select(signals, n - 3, 0).tolist())) == n - 3
    assert len(WAAL(n_steps=2).scores(signals, 0).unique()) > 0.9 * n


def test_constant_features_are_not_blown_up():
    X = torch.tensor([[3.3, 0.0], [3.3, 2.0], [3.3, 4.0]]).repeat(33, 1)
    scaled = standardizer(X)(X)
    assert scaled[:, 0].abs().max() < 1e-5
    assert scaled[:, 1].std(correction=0) == pytest.approx(1)


def test_features_of_a_tiny_scale_are_scaled_like_others():
    X = torch.as_tensor(np.random.RandomState(0).standard_normal((50, 2)))
    torch.testing.assert_close(standardizer(1e-8 * X)(1e-8 * X), standardizer(X)(X))


def test_samples_of_any_container_become_one_tensor(blobs):
    X = blobs[0][:9]
    parts = {"left": X[:, 0], "right": X[:, 1:]}  # the first has one number a row
    dataset = TensorDataset(torch.as_tensor(X), torch.zeros(9))
    for samples in (X, torch.as_tensor(X), parts, dataset):
        signals = Signals(embeddings=np.zeros((9, 1)), X=samples, net=object())
        rows = raw_rows(signals, torch.tensor([4, 2]), "Mine")
        np.testing.assert_array_equal(rows, X[[4, 2]])


def test_nan_in_the_samples_is_refused(mlp_net, blobs):
    X = blobs[0].copy()
    X[0] = np.nan
    with pytest.raises(ValueError, match="VAAL needs finite samples"):
        VAAL().query(mlp_net, X, 3, X_labeled=blobs[0][:9], y_labeled=blobs[1][:9])


@pytest.mark.parametrize(
    "strategy",
    [
        VAAL(n_latent=0),
        VAAL(adversary_weight=0),
        VAAL(n_steps=1.5),
        WAAL(critic_weight=-1),
        WAAL(n_steps=0),
        DiscriminativeAL(n_sub_batches=0),
        DiscriminativeAL(n_steps=True),
        LearningLoss(n_steps=None),
        MQNet(n_steps=0),
    ],
    ids=repr,
)
def test_bad_parameters_are_refused_by_name(strategy):
    (name, value) = next(
        item for item in strategy.get_params().items() if f"{item[0]}={item[1]}" in repr(strategy)
    )
    with pytest.raises(ValueError, match=rf"'{name}' must be .*; got {value}"):
        strategy.select(make_signals(), 3)


@pytest.mark.parametrize("cls", [VAAL, WAAL, LearningLoss, DiscriminativeAL, MQNet])
def test_one_step_of_training_is_enough_for_an_answer(cls):
    assert len(cls(n_steps=1).select(make_signals(), 9, 0)) == 9


@pytest.mark.parametrize("cls", [VAAL, WAAL, LearningLoss, DiscriminativeAL, MQNet])
def test_training_works_where_gradients_are_off(cls):
    expected = cls(n_steps=3).select(make_signals(), 9, 0)
    with torch.no_grad():
        np.testing.assert_array_equal(cls(n_steps=3).select(make_signals(), 9, 0), expected)
