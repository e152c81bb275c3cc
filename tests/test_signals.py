"""Signals: the fused pass equals separate computations, lazily, and changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, Subset, TensorDataset

from skautoal.exceptions import MissingSignalError
from skautoal.modules import MLP
from skautoal.signals import Signals, compute_signals
from tests._helpers import (
    Failing,
    HeadFirst,
    PooledTokens,
    Residual,
    TwoInputs,
    counted_calls,
    frozen,
    make_net,
    make_signals,
    n_hooks,
    take_signals,
)
from tests._internals import evaluation_mode, isolated_rng

# The arrays that a net gives of a pool by itself, without labels or an earlier net.
FROM_A_NET = (
    "probabilities",
    "logits",
    "embeddings",
    "mc_probabilities",
    "gradient_factors",
)

STORED = ("probabilities", "logits", "embeddings", "mc_probabilities")
NETS = ("mlp_net", "softmax_net", "binary_net", "cnn_net")


class DictRows(Dataset):
    """Yields dicts, as datasets of several inputs do."""

    def __init__(self, parts):
        self.parts = parts

    def __len__(self):
        return len(self.parts["left"])

    def __getitem__(self, i):
        return {key: value[i] for key, value in self.parts.items()}, 0


@pytest.fixture(params=NETS)
def net_and_rows(request, blobs, images):
    data = images if request.param == "cnn_net" else blobs
    return request.getfixturevalue(request.param), data[0][:50]


def assert_same(signals: Signals, expected: Signals, names=STORED, rows=slice(None)):
    for name in names:
        value = expected.get(name)
        value = value[:, rows] if name == "mc_probabilities" else value[rows]
        torch.testing.assert_close(signals.get(name), value, rtol=1e-4, atol=1e-5, msg=name)


def predict_proba(net, X):
    with isolated_rng(0):
        return net.predict_proba(X)


# ---------------------------------------------------------------- values


def test_probabilities_are_those_of_the_net(net_and_rows):
    net, X = net_and_rows
    np.testing.assert_allclose(
        compute_signals(net, X).probabilities, predict_proba(net, X), atol=1e-6
    )


def test_all_signals_in_one_pass_equal_each_alone(net_and_rows):
    net, X = net_and_rows
    fused = compute_signals(net, X)
    fused.compute(FROM_A_NET)
    for name in STORED:
        assert_same(compute_signals(net, X), fused, [name])


def test_softmax_of_the_logits_is_the_probabilities(net_and_rows):
    net, X = net_and_rows
    signals = compute_signals(net, X)
    torch.testing.assert_close(signals.logits.softmax(1), signals.probabilities)


@pytest.mark.parametrize("name", ["mlp_net", "cnn_net"])
def test_the_head_on_the_embeddings_gives_the_logits(name, blobs, images, request):
    net, X = request.getfixturevalue(name), (images if name == "cnn_net" else blobs)[0]
    signals = compute_signals(net, X)
    with torch.no_grad():
        logits = net.module_.head(signals.embeddings)
    torch.testing.assert_close(logits, signals.logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["mlp_net", "cnn_net"])
def test_gradient_factors_are_the_gradient_of_the_head(name, blobs, images, request):
    net, X = request.getfixturevalue(name), (images if name == "cnn_net" else blobs)[0][:8]
    A, H = compute_signals(net, X).gradient_factors
    with evaluation_mode(net) as module:
        for row in range(len(X)):
            logits = module(torch.as_tensor(X[row : row + 1]))
            loss = nn.functional.cross_entropy(logits, logits.argmax(1))
            (gradient,) = torch.autograd.grad(loss, module.head.weight)
            torch.testing.assert_close(torch.outer(A[row], H[row]), gradient, rtol=1e-4, atol=1e-6)


def test_gradient_factors_of_a_binary_net(binary_net, blobs):
    A, H = compute_signals(binary_net, blobs[0]).gradient_factors
    P = predict_proba(binary_net, blobs[0])
    np.testing.assert_allclose(A, P - np.eye(2)[P.argmax(1)], atol=1e-6)
    assert H.shape == (len(P), 8)


def test_an_embedding_layer_can_be_named(mlp_net, blobs):
    signals = compute_signals(mlp_net, blobs[0], embedding_layer="body.2")
    with torch.no_grad():
        expected = mlp_net.module_.body[:2](torch.as_tensor(blobs[0]))
    signals.compute(FROM_A_NET)
    torch.testing.assert_close(signals.embeddings, expected, rtol=1e-5, atol=1e-6)


def test_a_head_at_each_position_has_the_mean_embedding(blobs):
    net = make_net(PooledTokens)
    X = np.random.RandomState(0).randint(0, 11, (12, 7))
    signals = compute_signals(net, X)
    with torch.no_grad():
        logits = net.module_.head(signals.embeddings)
    torch.testing.assert_close(logits, signals.logits, rtol=1e-4, atol=1e-5)


def test_of_several_outputs_the_first_counts(blobs):
    net = make_net(HeadFirst, module__n_features=5, module__n_classes=3)
    signals = compute_signals(net, blobs[0])
    signals.compute(FROM_A_NET)
    np.testing.assert_allclose(signals.probabilities, predict_proba(net, blobs[0]), atol=1e-6)
    assert signals.embeddings.shape == (120, 7)
    assert signals.mc_probabilities.shape == (10, 120, 3)


@pytest.mark.parametrize("module", [MLP, Residual])
def test_mc_probabilities_average_to_the_net_in_training_mode(module, blobs):
    net = make_net(module, module__n_features=5, module__n_classes=3)
    X = blobs[0][:10]
    ours = compute_signals(net, X, n_passes=200).mc_probabilities.mean(0)
    with isolated_rng(0), torch.no_grad():
        copies = torch.as_tensor(X).repeat(2000, 1)
        theirs = net.module_.train()(copies).softmax(1).unflatten(0, (2000, 10)).mean(0)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.03)


# ---------------------------------------------------------------- rows are independent


@pytest.mark.parametrize("chunk_size", [1, 7, 49, 1000])
def test_the_chunk_size_does_not_matter(net_and_rows, chunk_size):
    net, X = net_and_rows
    signals = compute_signals(net, X, chunk_size=chunk_size)
    signals.compute(STORED)
    assert_same(signals, compute_signals(net, X))


def test_the_other_rows_do_not_matter(net_and_rows):
    net, X = net_and_rows
    rows = np.array([31, 2, 17])
    assert_same(compute_signals(net, X[rows]), compute_signals(net, X), rows=rows)


def test_masks_depend_on_the_seed(mlp_net, blobs):
    passes = [compute_signals(mlp_net, blobs[0], seed=s).mc_probabilities for s in (0, 0, 1)]
    assert torch.equal(passes[0], passes[1])
    assert not torch.allclose(passes[0], passes[2], atol=1e-3)


def test_hashes_follow_the_rows_and_the_order_follows_the_hashes(net_and_rows):
    net, X = net_and_rows
    permutation = np.random.RandomState(0).permutation(len(X))
    signals, moved = compute_signals(net, X), compute_signals(net, X[permutation])
    np.testing.assert_array_equal(moved.row_hash, signals.row_hash[permutation])
    orders = [s.order(np.random.RandomState(3)).numpy() for s in (signals, moved)]
    np.testing.assert_array_equal(orders[0], permutation[orders[1]])


# ---------------------------------------------------------------- nothing changes


def test_the_net_is_bit_identical_after(cnn_net, images):
    before = frozen(cnn_net)
    cnn_net.module_.train()
    compute_signals(cnn_net, images[0]).compute(FROM_A_NET)
    assert all(m.training for m in cnn_net.module_.modules())
    assert n_hooks(cnn_net.module_) == 0
    assert all(torch.equal(before[name], value) for name, value in frozen(cnn_net).items())


@pytest.mark.parametrize("names", [{"probabilities"}, {"embeddings"}, {"mc_probabilities"}])
def test_modes_and_hooks_are_restored_when_the_forward_raises(names, blobs):
    net = make_net(Failing, module__n_features=5, module__n_classes=3)
    signals = compute_signals(net, blobs[0])
    net.module_.broken = True
    net.module_.train()
    net.module_.mlp.body.eval()
    with pytest.raises(RuntimeError, match="broken on purpose"):
        signals.compute(names)
    assert net.module_.training
    assert not net.module_.mlp.body.training
    assert n_hooks(net.module_) == 0


# ---------------------------------------------------------------- laziness


def test_nothing_is_computed_that_is_not_asked_for(mlp_net, blobs):
    with counted_calls(mlp_net.module_) as sizes:
        signals = compute_signals(mlp_net, blobs[0], X_labeled=blobs[0])
        assert sizes == [1]  # the row that tells the layout
        signals.compute({"probabilities"})
        assert sizes == [1, 120]
        assert signals.probabilities is signals.probabilities
        assert set(signals._arrays) == {"probabilities"}  # of ten million rows each is large
        signals.compute({"embeddings", "logits"})
        assert sizes == [1, 120, 120]
        signals.compute({"probabilities", "logits", "embeddings"})
        assert sizes == [1, 120, 120]
    assert list(signals.timings) == ["probabilities", "embeddings+logits"]
    assert signals.labeled.timings == {}


def test_all_signals_share_one_trunk_pass(mlp_net, blobs):
    signals = compute_signals(mlp_net, blobs[0], chunk_size=30, n_passes=20)
    with counted_calls(mlp_net.module_.body) as sizes:
        signals.compute(FROM_A_NET)
    assert sizes == [30] * 5  # four chunks, the first one checked against a lone pass


def test_hand_made_signals_derive_what_follows():
    logits = torch.tensor([[1.0, 2.0, -1.0], [0.0, 0.0, 0.0]])
    P = Signals(logits=logits).probabilities
    torch.testing.assert_close(P, logits.softmax(1))
    torch.testing.assert_close(Signals(probabilities=P).logits.softmax(1), P)
    assert not Signals(logits=logits).has("gradient_factors")
    assert Signals(logits=logits, embeddings=P).has("gradient_factors")


# ---------------------------------------------------------------- containers


def test_dict_inputs(blobs):
    net = make_net(TwoInputs)
    X = {"left": blobs[0][:, :2], "right": blobs[0][:, 2:]}
    signals = compute_signals(net, X, chunk_size=50)
    signals.compute(FROM_A_NET)
    np.testing.assert_allclose(signals.probabilities, predict_proba(net, X), atol=1e-6)
    assert len(np.unique(signals.row_hash)) == signals.n_samples == 120
    dataset = compute_signals(net, DictRows(X))
    assert_same(dataset, signals)
    np.testing.assert_array_equal(dataset.row_hash, signals.row_hash)


@pytest.mark.parametrize("subset", [False, True])
def test_a_dataset_as_pool_gives_what_its_array_gives(mlp_net, blobs, subset):
    dataset = TensorDataset(*map(torch.as_tensor, blobs))
    dataset = Subset(dataset, range(120)) if subset else dataset
    signals = compute_signals(mlp_net, dataset)
    assert_same(signals, compute_signals(mlp_net, blobs[0]))
    np.testing.assert_array_equal(signals.row_hash, compute_signals(mlp_net, blobs[0]).row_hash)


def test_a_tensor_as_pool_gives_what_its_array_gives(mlp_net, blobs):
    signals = compute_signals(mlp_net, torch.as_tensor(blobs[0]))
    assert_same(signals, compute_signals(mlp_net, blobs[0]))


def test_read_only_arrays_are_taken_without_a_warning(mlp_net, blobs, recwarn):
    X = blobs[0].copy()
    X.flags.writeable = False
    compute_signals(mlp_net, X, X_labeled=X).labeled.compute(STORED)
    assert not recwarn


def test_an_empty_pool_has_empty_signals(net_and_rows):
    net, X = net_and_rows
    signals = compute_signals(net, X[:0])
    signals.require(FROM_A_NET)
    assert len(signals) == len(signals.row_hash) == 0
    assert signals.probabilities.shape == (0, signals.n_classes)
    assert signals.mc_probabilities.shape == (10, 0, signals.n_classes)
    assert len(signals.embeddings) == 0


def test_signals_live_on_the_device_of_the_net(device, blobs):
    net = make_net(MLP, module__n_features=5, module__n_classes=3, device=device)
    signals = compute_signals(net, blobs[0])
    signals.compute(FROM_A_NET)
    assert {signals.get(name).device.type for name in STORED} == {device}
    assert signals.order(np.random.RandomState(0)).device.type == device


# ---------------------------------------------------------------- refusals


def test_nan_in_the_pool_is_named_with_its_rows(mlp_net, blobs):
    X = blobs[0].copy()
    X[[4, 9]] = np.nan
    signals = compute_signals(mlp_net, X)
    with pytest.raises(
        ValueError, match=r"Mine needs finite 'probabilities', but 2 of 120 .* \[4, 9\]\. Check"
    ):
        signals.require({"probabilities"}, "Mine")


def test_a_diverged_net_is_told_from_a_wrong_criterion(blobs):
    net = make_net(MLP, module__n_features=5, module__n_classes=3)
    with torch.no_grad():
        net.module_.head.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"finite 'mc_probabilities'.*divergence"):
        compute_signals(net, blobs[0]).require({"mc_probabilities"})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["logits", "embeddings", "mc_probabilities"])
def test_hand_made_signals_must_be_finite(name, value):
    signals = make_signals()
    signals.get(name)[..., 5, 1] = value
    with pytest.raises(ValueError, match=rf"Mine needs finite '{name}', but 1 of 30 .*\[5\]"):
        signals.require({name}, "Mine")


def test_a_net_without_dropout_is_refused_before_any_work(no_dropout_net, blobs):
    signals = compute_signals(no_dropout_net, blobs[0])
    with (
        counted_calls(no_dropout_net.module_) as sizes,
        pytest.raises(MissingSignalError, match=r"Mine needs MC dropout.*Add one"),
    ):
        signals.require({"probabilities", "mc_probabilities"}, "Mine")
    assert sizes == []


def test_dropout_that_does_not_reach_the_output_is_refused(blobs):
    class Aside(MLP):
        def forward(self, X):
            h = self.body(X)
            self.dropout(h)
            return self.head(h)

    net = make_net(Aside, module__n_features=5, module__n_classes=3)
    with pytest.raises(MissingSignalError, match="do not reach its output"):
        compute_signals(net, blobs[0]).compute({"mc_probabilities"})


def test_passes_that_are_equal_by_chance_are_no_fault_of_the_net(blobs):
    sizes = {"module__n_features": 5, "module__n_classes": 3, "module__hidden": 4}
    net = make_net(MLP, **sizes, module__dropout=0.05)
    n_equal = 0
    for seed in range(10):
        P = compute_signals(net, blobs[0], n_passes=2, seed=seed).mc_probabilities
        n_equal += torch.equal(P[0], P[1])
    assert 3 <= n_equal <= 9  # 0.95 ** 8 of them


def test_missing_arrays_are_named_with_the_way_out():
    signals = Signals(embeddings=np.zeros((3, 2)))
    with pytest.raises(MissingSignalError, match=r"Mine needs 'logits'.*\['embeddings'\].*Pass"):
        signals.require({"logits"}, "Mine")
    with pytest.raises(MissingSignalError, match="'spam', which is not a signal"):
        signals.require({"spam"}, "Mine")


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"spam": [[1.0]]},
        {"embeddings": None},
        {"gradient_factors": [[1.0]]},
        {"probabilities": [[1.0], [1.0]], "embeddings": [[0.0]]},
    ],
    ids=["nothing", "unknown", "none", "derived", "two lengths"],
)
def test_hand_made_signals_need_known_arrays_of_one_length(arrays):
    with pytest.raises(ValueError, match="Signals "):
        Signals(**arrays)


def test_integers_become_floats_and_doubles_stay():
    assert Signals(embeddings=np.array([[1, 2]])).embeddings.dtype == torch.float32
    assert Signals(embeddings=np.array([[1.0, 2.0]])).embeddings.dtype == torch.float64


def test_a_float64_net_keeps_its_precision(blobs):
    net = make_net(MLP, module__n_features=5, module__n_classes=3)
    net.module_.double()
    signals = compute_signals(net, blobs[0].astype(np.float64))
    signals.compute(STORED)
    assert {signals.get(name).dtype for name in STORED} == {torch.float64}


def test_order_of_hand_made_signals_follows_rows():
    signals = make_signals()
    permutation = np.random.RandomState(1).permutation(30)
    orders = [
        s.order(np.random.RandomState(0)).numpy()
        for s in (signals, take_signals(signals, permutation))
    ]
    np.testing.assert_array_equal(orders[0], permutation[orders[1]])


def test_a_head_without_embeddings_is_missing():
    signals = Signals(probabilities=[[0.5, 0.5]], head=lambda H: H)
    with pytest.raises(MissingSignalError, match="needs 'head'"):
        signals.require({"head"}, needed_by="Mine")
