"""FitNet: honest about the labels that it did not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from skautoal.search import stratified_splits
from skautoal.signals import compute_signals
from skautoal.strategies import STRATEGIES
from tests._helpers import candidates_of, frozen, n_hooks
from tests._internals import HeadFitNet, ModuleFitNet, batched_heads, candidate_utilities

BACKBONES = ("head", "module")


def pad(rows):
    return torch.nn.utils.rnn.pad_sequence(
        [torch.as_tensor(part) for part in rows], batch_first=True
    )


@pytest.fixture(scope="module")
def labels(blobs, mlp_net):
    """40 labelled samples: signals, codes and three splits."""
    X, y = blobs[0][:40], blobs[1][:40]
    signals = compute_signals(mlp_net, X, X_labeled=X, codes=y)
    splits = stratified_splits(y, 3, np.random.RandomState(0))
    return signals, torch.as_tensor(y), splits


def fit_net(backbone, labels, codes=None, splits=None, seed=0):
    signals, y, all_splits = labels
    codes = y if codes is None else codes
    splits = all_splits if splits is None else splits
    if backbone == "head":
        return HeadFitNet(signals, codes, splits, dropout_rate=0.5, n_passes=4, seed=seed)
    return ModuleFitNet(
        signals.net, signals.X, codes, splits, signals.source.layout, n_passes=4, seed=seed
    )


# ---------------------------------------------------------------- batched heads


@pytest.fixture
def regression():
    rng = np.random.RandomState(0)
    H = rng.standard_normal((90, 4))
    codes = (H @ rng.standard_normal((4, 3)) + rng.standard_normal((90, 3))).argmax(1)
    H = torch.as_tensor(np.c_[H, np.ones(90)], dtype=torch.float32)
    train = torch.as_tensor(rng.uniform(size=(4, 90)) < 0.5)
    return H, torch.as_tensor(codes), train


def test_heads_trained_together_are_those_trained_apart(regression):
    H, codes, train = regression
    together = batched_heads(H, codes, train, 3)
    for head, mask in zip(together, train, strict=True):
        alone = batched_heads(H[mask], codes[mask], torch.ones(1, int(mask.sum())), 3)[0]
        torch.testing.assert_close(head, alone, atol=1e-3, rtol=1e-3)


def test_heads_come_near_to_logistic_regression(regression):
    H, codes, train = regression
    heads = batched_heads(H, codes, train, 3)
    for head, mask in zip(heads, train, strict=True):
        # The mean loss plus decay/2 ||w||^2 in scikit-learn's terms.
        C = 1 / (1e-3 * int(mask.sum()))
        reference = LogisticRegression(C=C, fit_intercept=False, max_iter=1_000)
        reference.fit(H[mask].numpy(), codes[mask].numpy())
        expected = reference.predict_proba(H.numpy())
        np.testing.assert_allclose((H @ head).softmax(-1), expected, atol=0.05)


def test_weights_of_rows_count(regression):
    H, codes, _ = regression
    twice = torch.cat([H, H[:10]]), torch.cat([codes, codes[:10]])
    counts = torch.ones(1, len(H))
    counts[0, :10] = 2
    one = batched_heads(H, codes, counts, 3)
    other = batched_heads(*twice, torch.ones(1, len(H) + 10), 3)
    torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


# ---------------------------------------------------------------- out of fold


@pytest.mark.parametrize("backbone", BACKBONES)
def test_labels_of_the_held_out_part_do_not_matter_to_its_signals(backbone, labels):
    _, codes, [split, *_] = labels
    T, V = split
    other = codes.clone()
    other[V] = (codes[V] + 1) % 3
    one, changed = (
        fit_net(backbone, labels, y, [split]).simulated_pools()[0] for y in (codes, other)
    )
    names = ["probabilities", "embeddings", "mc_probabilities"]
    if backbone == "head":
        names += ["ensemble_probabilities", "previous_probabilities"]
    for name in names:
        assert torch.equal(one.signals.get(name), changed.signals.get(name)), name
    assert not torch.equal(one.losses, changed.losses)
    # And those of the other part do matter.
    other = codes.clone()
    other[T] = (codes[T] + 1) % 3
    changed = fit_net(backbone, labels, other, [split]).simulated_pools()[0]
    assert not torch.allclose(one.signals.probabilities, changed.signals.probabilities, atol=0.05)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_simulated_pools(backbone, labels):
    signals, codes, splits = labels
    pools = fit_net(backbone, labels).simulated_pools()
    assert len(pools) == len(splits)
    for pool, (T, V) in zip(pools, splits, strict=True):
        assert pool.rows.tolist() == V.tolist()
        assert pool.signals.n_samples == len(V)
        assert pool.signals.labeled.n_samples == len(T)
        assert np.array_equal(pool.signals.labeled.X, signals.X[T])
        assert torch.equal(pool.signals.codes, codes[T])
        assert np.array_equal(pool.signals.row_hash, signals.row_hash[V])
        assert np.array_equal(pool.signals.X, signals.X[V])
        P = pool.signals.probabilities
        torch.testing.assert_close(P.sum(1), torch.ones(len(V)))
        torch.testing.assert_close(pool.losses, F.nll_loss(P.log(), codes[V], reduction="none"))
        torch.testing.assert_close(pool.residuals, P - F.one_hot(codes[V], 3))
        assert pool.head_inputs.shape == (len(V), 17)  # 16 hidden units and a constant
        assert pool.signals.mc_probabilities.shape == (4, len(V), 3)


def test_passes_of_the_head_drop_columns_of_the_embedding(labels):
    pool = fit_net("head", labels).simulated_pools()[0]
    passes = pool.signals.mc_probabilities
    assert passes.shape == (4, pool.signals.n_samples, 3)
    assert (passes.std(0) > 0).any()
    signals, codes, splits = labels
    still = HeadFitNet(signals, codes, splits, dropout_rate=0.0, n_passes=4, seed=0)
    assert not still.simulated_pools()[0].signals.has("mc_probabilities")


def test_the_head_of_a_pool_is_that_of_its_split(labels):
    for pool in fit_net("head", labels).simulated_pools():
        logits = pool.signals.head(pool.signals.embeddings)
        torch.testing.assert_close(logits.softmax(1), pool.signals.probabilities)
        labeled = pool.signals.labeled
        torch.testing.assert_close(labeled.logits, pool.signals.head(labeled.embeddings))


def test_further_heads_differ_but_agree_on_the_whole(labels):
    pool = fit_net("head", labels).simulated_pools()[0]
    P = pool.signals.probabilities
    members = pool.signals.ensemble_probabilities
    assert members.shape == (5, *P.shape)
    assert (members.std(0) > 1e-3).any()
    assert (members.mean(0) - P).abs().mean() < 0.2
    earlier = pool.signals.previous_probabilities
    assert 1e-3 < (earlier - P).abs().mean() < 0.2


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_strategy_runs_on_simulated_pools(backbone, labels):
    strategies = [cls() for cls in STRATEGIES.values()]
    if backbone == "module":
        # Three nets more for each split would teach this test nothing.
        slow = {"ensemble_probabilities", "previous_probabilities"}
        strategies = [s for s in strategies if not slow & set(s.needs)]
    for pool in fit_net(backbone, labels, splits=labels[2][:1]).simulated_pools():
        utilities = candidate_utilities(
            candidates_of(strategies), pool.signals, 3, kind="rank", seed=0
        )
        assert utilities.shape == (len(pool.rows), len(strategies))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_task_net_is_left_alone_and_the_seed_decides(backbone, labels):
    net = labels[0].net
    before, modes = frozen(net), [m.training for m in net.module_.modules()]
    one, same = (fit_net(backbone, labels).simulated_pools() for _ in range(2))
    for a, b in zip(one, same, strict=True):
        assert torch.equal(a.signals.mc_probabilities, b.signals.mc_probabilities)
    other = fit_net(backbone, labels, seed=1).simulated_pools()[0]
    assert not torch.equal(one[0].signals.mc_probabilities, other.signals.mc_probabilities)
    assert all(torch.equal(before[name], value) for name, value in frozen(net).items())
    assert modes == [m.training for m in net.module_.modules()]
    assert n_hooks(net.module_) == 0


# ---------------------------------------------------------------- alternation


@pytest.mark.parametrize("backbone", BACKBONES)
def test_alternation_learns_what_is_selected_without_forgetting(backbone, labels):
    _, codes, splits = labels
    fitted = fit_net(backbone, labels)
    pools = fitted.simulated_pools()
    losses = pad([pool.losses for pool in pools])
    fitted_losses = [
        labeled_loss(pool, codes[T]) for pool, (T, _) in zip(pools, splits, strict=True)
    ]
    index = pad([V for _, V in splits])
    mask = torch.arange(index.shape[1]) < torch.tensor([[len(V)] for _, V in splits])
    update = fitted.updater(index, mask)
    hard = (losses > losses.median()) & mask
    for _ in range(30):
        after = update(hard.float())
    assert after.shape == losses.shape
    assert not after.requires_grad
    assert (after[~mask] == 0).all()
    assert after[hard].mean() < 0.9 * losses[hard].mean()
    if backbone == "module":  # the heads that learn are copies
        after = [
            labeled_loss(pool, codes[T])
            for pool, (T, _) in zip(fitted.simulated_pools(), splits, strict=True)
        ]
        assert np.mean(after) < 1.3 * np.mean(fitted_losses)


def labeled_loss(pool, codes):
    P = pool.signals.labeled.probabilities
    return float(F.nll_loss(P.log(), codes))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_padding_takes_no_part_in_the_alternation(backbone, labels):
    _, _, splits = labels
    index = pad([V for _, V in splits])
    wide = F.pad(index, (0, 3))
    columns = torch.arange(wide.shape[1])
    mask = columns < torch.tensor([[len(V)] for _, V in splits])
    narrow = fit_net(backbone, labels).updater(index, mask[:, : index.shape[1]])
    padded = fit_net(backbone, labels).updater(wide, mask)
    p = mask.float()
    for _ in range(3):
        torch.testing.assert_close(padded(p)[:, : index.shape[1]], narrow(p[:, : index.shape[1]]))
