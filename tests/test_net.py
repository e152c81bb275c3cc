"""What is asked of skorch nets: fresh copies, seeded training, modes, and the layout."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit
from torch import nn

from skautoal.exceptions import MissingSignalError
from skautoal.modules import MLP, SmallCNN
from tests._helpers import (
    ConvNet,
    Failing,
    HeadFirst,
    PooledTokens,
    TwoInputs,
    frozen,
    make_net,
    n_hooks,
)
from tests._internals import (
    captured_input,
    copy_module,
    evaluation_mode,
    fit_net,
    fresh_net,
    initialize_net,
    inspect_net,
    isolated_rng,
    split_estimator,
    takes_integers,
    to_probabilities,
)

BALANCED = np.repeat([0, 1, 2], 6)
RARE_CLASS = np.array([0] * 8 + [1])


def untrained_mlp(**params):
    sizes = {"module__n_features": 5, "module__n_classes": 3, "module__hidden": 8}
    return NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss, **sizes, **params)


class Doubled(MLP):
    """The first dropout has rate zero, and so drops nothing."""

    def __init__(self):
        super().__init__(5, 3, hidden=8, dropout=0.0)
        self.more = nn.Dropout(0.25)


class NoHead(nn.Module):
    """No linear layer at all."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 3, 5)

    def forward(self, X):
        return self.conv(X.unsqueeze(1)).squeeze(2)


# ---------------------------------------------------------------- the estimator


def test_the_net_is_found_alone_and_at_the_end_of_a_pipeline(mlp_net):
    assert split_estimator(mlp_net) == (None, mlp_net)
    steps, net = split_estimator(make_pipeline(StandardScaler(), mlp_net))
    assert [type(step) for _, step in steps.steps] == [StandardScaler]
    assert net is mlp_net
    assert split_estimator(make_pipeline(mlp_net)) == (None, mlp_net)


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), MLP(2, 2), make_pipeline(StandardScaler()), None]
)
def test_what_is_no_net_is_refused(estimator):
    with pytest.raises(TypeError, match=r"(?s)'estimator' must be .* Wrap a torch module"):
        split_estimator(estimator)


def test_a_fresh_net_is_untrained_and_silent(mlp_net):
    new = fresh_net(mlp_net)
    assert not new.initialized_
    assert new.verbose == 0
    assert mlp_net.initialized_


@pytest.mark.parametrize(
    ("params", "codes", "expected"),
    [
        ({}, BALANCED, None),
        ({"callbacks": [EarlyStopping()]}, BALANCED, ValidSplit(5, stratified=True)),
        ({"callbacks": [EarlyStopping()]}, RARE_CLASS, ValidSplit(0.2, random_state=0)),
        ({"train_split": None}, RARE_CLASS, None),
        ({"train_split": ValidSplit(3)}, RARE_CLASS, ValidSplit(3)),
    ],
    ids=["default", "callbacks", "callbacks, few labels", "none", "own"],
)
def test_the_validation_split_of_a_fresh_net(params, codes, expected):
    split = fresh_net(untrained_mlp(**params), codes).train_split
    assert type(split) is type(expected)
    if expected is not None:
        assert vars(split) == vars(expected)


def test_early_stopping_trains_on_few_labels():
    net = fresh_net(untrained_mlp(callbacks=[EarlyStopping()], max_epochs=2), RARE_CLASS)
    X = np.zeros((len(RARE_CLASS), 5), dtype=np.float32)
    assert "valid_loss" in fit_net(net, X, RARE_CLASS, 0).history[-1]


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("name", ["mlp_net", "cnn_net", "binary_net"])
def test_training_depends_on_the_seed_only(name, blobs, images, request):
    net = request.getfixturevalue(name)
    X, y = images if name == "cnn_net" else blobs
    y = (y == 1).astype(int) if name == "binary_net" else y

    def weights(seed):
        return torch.cat([w.flatten() for w in fit(seed).module_.parameters()])

    def fit(seed):
        return fit_net(fresh_net(net).set_params(max_epochs=1), X[:41], y[:41], seed)

    assert torch.equal(weights(0), weights(0))
    assert not torch.allclose(weights(0), weights(1))


def test_weights_at_initialization_come_from_the_seed():
    heads = [initialize_net(untrained_mlp(), seed).module_.head.weight for seed in (0, 0, 1)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


@pytest.mark.parametrize("n_rows", [41, 81])
def test_batch_norm_never_trains_on_one_row(images, n_rows):
    X, y = images
    net = make_net(ConvNet, max_epochs=1, batch_size=40)
    assert len(fit_net(net, X[:n_rows], y[:n_rows], 0).history) == 1


def test_the_batch_size_is_kept_where_batches_have_more_rows(images):
    X, y = images
    net = fit_net(make_net(ConvNet, max_epochs=1, batch_size=40), X[:42], y[:42], 0)
    assert [batch["train_batch_size"] for batch in net.history[0, "batches"]] == [40, 2]


# ---------------------------------------------------------------- looking inside


def test_every_mode_is_restored(mlp_net):
    module = mlp_net.module_
    modes = [True, False, True, False]
    parts = [module, module.body, module.dropout, module.head]
    before = [part.training for part in parts]
    for part, training in zip(parts, modes, strict=True):
        part.training = training
    inside = []
    with pytest.raises(KeyError), evaluation_mode(mlp_net) as inner:
        raise KeyError(inside.extend(m.training for m in inner.modules()))
    assert inside
    assert not any(inside)
    assert [part.training for part in parts] == modes
    for part, training in zip(parts, before, strict=True):
        part.training = training


@pytest.mark.parametrize(
    ("module", "params", "row", "expected"),
    [
        (MLP, {"n_features": 5, "n_classes": 3, "dropout": 0.25}, (1, 5), (3, "head", 1, 0.25)),
        (MLP, {"n_features": 5, "n_classes": 3, "dropout": 0.0}, (1, 5), (3, "head", 0, 0.0)),
        (Doubled, {}, (1, 5), (3, "head", 1, 0.25)),
        (SmallCNN, {"image_shape": (1, 8, 8), "n_classes": 2}, (1, 1, 8, 8), (2, "head", 1, 0.3)),
        (ConvNet, {}, (1, 1, 8, 8), (4, "head", 2, 0.4)),
        (HeadFirst, {"n_features": 5, "n_classes": 3}, (1, 5), (3, "head", 1, 0.5)),
        (NoHead, {}, (1, 5), (3, None, 0, 0.0)),
    ],
)
def test_the_layout_is_found_by_running_one_row(module, params, row, expected):
    net = make_net(module, **{f"module__{key}": value for key, value in params.items()})
    layout = inspect_net(net, np.zeros(row, dtype=np.float32))
    found = (layout.n_outputs, layout.embedding_layer, layout.n_dropout, layout.dropout_rate)
    assert found == expected
    assert n_hooks(net.module_) == 0


def test_the_layout_of_a_binary_net(binary_net, blobs):
    layout = inspect_net(binary_net, blobs[0][:1])
    assert (layout.n_outputs, layout.embedding_layer) == (2, "mlp.head")


def test_another_layer_can_be_named(mlp_net, blobs):
    assert inspect_net(mlp_net, blobs[0][:1], "body.2").embedding_layer == "body.2"


def test_an_unknown_layer_is_refused_and_the_known_are_listed(mlp_net, blobs):
    with pytest.raises(ValueError, match=r"'embedding_layer'.*'body\.0'.*'head'.*got 'neck'"):
        inspect_net(mlp_net, blobs[0][:1], "neck")


def test_a_layer_that_is_never_called_is_refused(blobs):
    net = make_net(HeadFirst, module__n_features=5, module__n_classes=3)
    with pytest.raises(ValueError, match=r"'unused', which the forward pass .* not call"):
        inspect_net(net, blobs[0][:1], "unused")
    assert n_hooks(net.module_) == 0


def test_a_row_the_net_cannot_process_is_named(mlp_net):
    with pytest.raises(ValueError, match=r"cannot process a row of X of shape \(7,\)"):
        inspect_net(mlp_net, np.zeros((1, 7), dtype=np.float32))


def test_a_dict_row_the_net_cannot_process_is_named():
    row = {"left": np.zeros((1, 2), np.float32), "right": np.zeros((1, 9), np.float32)}
    with pytest.raises(ValueError, match=r"\{'left': \(2,\), 'right': \(9,\)\}"):
        inspect_net(make_net(TwoInputs), row)


def test_modes_and_hooks_are_restored_when_the_forward_raises(blobs):
    net = make_net(Failing, module__n_features=5, module__n_classes=3)
    net.module_.broken = True
    net.module_.train()
    with pytest.raises(ValueError, match="broken on purpose"):
        inspect_net(net, blobs[0][:1])
    assert all(m.training for m in net.module_.modules())
    assert n_hooks(net.module_) == 0


def test_looking_changes_nothing(cnn_net, images):
    before = frozen(cnn_net)
    inspect_net(cnn_net, images[0][:1])
    assert all(torch.equal(before[name], value) for name, value in frozen(cnn_net).items())
    pickle.dumps(cnn_net)  # a hook left behind could not be pickled


@pytest.mark.parametrize(
    ("signal", "way_out"),
    [
        ("mc_probabilities", r"Add one \(usually before the last linear layer\)"),
        ("embeddings", "'embedding_layer'"),
        ("gradient_factors", "'embedding_layer'"),
    ],
)
def test_a_net_that_cannot_give_a_signal_says_what_to_do(signal, way_out):
    layout = inspect_net(make_net(NoHead), np.zeros((1, 5), dtype=np.float32))
    with pytest.raises(MissingSignalError, match=rf"Somebody needs .*{way_out}"):
        layout.check(signal, "Somebody")
    layout.check("probabilities", "Somebody")


# ---------------------------------------------------------------- outputs


@pytest.mark.parametrize(
    ("module", "criterion"),
    [("MLP", nn.NLLLoss), ("log_softmax", nn.NLLLoss), ("MLP", nn.MultiMarginLoss)],
)
def test_a_criterion_that_does_not_fit_the_module_is_refused(module, criterion, blobs):
    class LogSoftmaxMLP(MLP):
        def forward(self, X):
            return super().forward(X).log_softmax(dim=1)

    net = make_net(
        MLP if module == "MLP" else LogSoftmaxMLP,
        criterion=criterion,
        module__n_features=5,
        module__n_classes=3,
    )
    with pytest.raises(ValueError, match=r"does not predict probabilities.*predict_nonlinearity"):
        inspect_net(net, blobs[0][:1])


def test_one_map_of_probabilities_a_row_is_refused():
    net = make_net(nn.Conv1d, module__in_channels=1, module__out_channels=3, module__kernel_size=1)
    with pytest.raises(ValueError, match=r"shape \(n, C\); got shape \(1, 3, 5\)"):
        inspect_net(net, np.zeros((1, 1, 5), dtype=np.float32))


@pytest.mark.parametrize("name", ["mlp_net", "softmax_net", "binary_net"])
def test_softmax_of_the_logits_is_the_probabilities(name, blobs, request):
    net = request.getfixturevalue(name)
    with isolated_rng(0):  # skorch's loaders draw from the global generator
        output, expected = net.forward(blobs[0]), net.predict_proba(blobs[0])
    logits, P = to_probabilities(net, output)
    np.testing.assert_allclose(P, expected, atol=1e-7)
    np.testing.assert_allclose(logits.softmax(dim=1), P, atol=1e-6)


def test_logits_of_certain_predictions_are_finite(softmax_net):
    logits, _ = to_probabilities(softmax_net, torch.tensor([[1.0, 0.0, 0.0]]))
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Conv1d(2, 3, 1), (4, 2, 7), lambda x: x.mean(2)),
        (nn.Conv2d(2, 3, 1), (4, 2, 7, 5), lambda x: x.mean((2, 3))),
        (nn.Linear(6, 3), (4, 6), lambda x: x),
        (nn.Linear(6, 3), (4, 7, 6), lambda x: x.mean(1)),
        (nn.Linear(6, 3), (4, 7, 2, 6), lambda x: x.mean((1, 2))),
    ],
)
def test_the_input_of_a_layer_is_averaged_over_positions(layer, shape, expected):
    module = nn.Sequential(nn.Identity(), layer)
    x = torch.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    with captured_input(module, "1") as seen, torch.no_grad():
        module(x)
    torch.testing.assert_close(seen[0], expected(x))


def test_nets_that_look_tokens_up_keep_integers(mlp_net):
    assert takes_integers(make_net(PooledTokens))
    assert not takes_integers(mlp_net)


def test_a_copied_module_is_independent(mlp_net):
    module = copy_module(mlp_net)
    before = frozen(mlp_net)
    with torch.no_grad():
        module.head.weight.add_(1)
    assert torch.equal(mlp_net.module_.head.weight, before["head.weight"])
