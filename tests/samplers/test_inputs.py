"""Every container, dtype, label and net that users bring."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import TensorDataset

from skautoal import SignalOptions, StrategySampler
from skautoal.modules import MLP, SmallCNN
from tests._helpers import (
    ConvNet,
    HeadFirst,
    OneLogit,
    PooledTokens,
    SoftmaxMLP,
    TwoInputs,
    flat_autoal,
)

RNG = np.random.RandomState(0)
X = RNG.randint(-9, 10, (90, 4))  # integers are exact in every dtype
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 4)


def net(module=MLP, **params):
    options = {"criterion": nn.CrossEntropyLoss, "max_epochs": 3, "lr": 0.02, "verbose": 0}
    if issubclass(module, MLP):
        options |= {"module__n_features": 4, "module__n_classes": 3, "module__hidden": 8}
    return NeuralNetClassifier(module, **(options | params))


def autoal(estimator="net", **params):
    options = {"strategies": ["margin", "kmeans"], "n_steps": 3, "n_splits": 2, "random_state": 0}
    return flat_autoal(net() if estimator == "net" else estimator, **(options | params))


def works(sampler, X, y, pool, n_classes=3):
    """Fit, query, teach, predict; returns the picks."""
    sampler.fit(X, y)
    picks = sampler.query(pool, 4)
    assert len(set(picks.tolist())) == 4
    assert sampler.query(pool, 4).tolist() == picks.tolist()
    assert sampler.predict_proba(pool).shape[1] == n_classes
    n = len(sampler.y_labeled_)
    sampler.teach(X, y)
    assert len(sampler.y_labeled_) == 2 * n
    assert len(sampler.query(pool, 4)) == 4
    return picks.tolist()


@pytest.fixture(scope="module")
def expected():
    """The picks for plain float32 arrays and integer labels."""
    return works(autoal(), X[:30].astype(np.float32), Y[:30], X[30:].astype(np.float32))


def _memmap(array, tmp_path):
    name = tmp_path / f"{len(array)}.dat"
    np.memmap(name, dtype=np.float32, mode="w+", shape=array.shape)[:] = array
    return np.memmap(name, dtype=np.float32, mode="r", shape=array.shape)


def _read_only(array):
    array = array.astype(np.float32)
    array.flags.writeable = False
    return array


CONTAINERS = {
    "float32": lambda a, _: a.astype(np.float32),
    "float64": lambda a, _: a.astype(np.float64),
    "float16": lambda a, _: a.astype(np.float16),
    "big-endian": lambda a, _: a.astype(">f8"),
    "int64": lambda a, _: a,
    "int8": lambda a, _: a.astype(np.int8),
    "objects": lambda a, _: a.astype(object),
    "list": lambda a, _: a.tolist(),
    "tuple-of-rows": lambda a, _: tuple(tuple(row) for row in a.tolist()),
    "fortran": lambda a, _: np.asfortranarray(a.astype(np.float32)),
    "strided": lambda a, _: np.repeat(a, 2, axis=1)[:, ::2].astype(np.float32),
    "read-only": lambda a, _: _read_only(a),
    "memmap": _memmap,
    "frame": lambda a, _: pd.DataFrame(a, columns=list("abcd")),
    "tensor": lambda a, _: torch.as_tensor(a, dtype=torch.float32),
    "tensor-float64": lambda a, _: torch.as_tensor(a, dtype=torch.float64),
    "tensor-half": lambda a, _: torch.as_tensor(a, dtype=torch.float16),
    "tensor-int": lambda a, _: torch.as_tensor(a),
    "tensor-transposed": lambda a, _: torch.as_tensor(a.T.copy(), dtype=torch.float32).T,
    "tensor-with-gradient": lambda a, _: torch.as_tensor(a, dtype=torch.float32).requires_grad_(),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_answer_does_not_depend_on_the_container(container, expected, tmp_path):
    labelled, pool = (CONTAINERS[container](part, tmp_path) for part in (X[:30], X[30:]))
    assert works(autoal(), labelled, Y[:30], pool) == expected


def test_booleans():
    flags = X > 0
    assert works(autoal(), flags[:30], Y[:30], flags[30:]) == works(
        autoal(), flags[:30].astype(np.float32), Y[:30], flags[30:].astype(np.float32)
    )


def test_columns_of_a_frame_are_checked():
    frame = pd.DataFrame(X, columns=list("abcd"))
    sampler = autoal().fit(frame[:30], Y[:30])
    assert sampler.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        sampler.query(frame[30:][list("badc")])
    sampler.teach(frame[30:33], Y[30:33])
    assert isinstance(sampler.X_labeled_, pd.DataFrame)
    assert sampler.X_labeled_.shape == (33, 4)
    with (
        pytest.raises(TypeError, match="'X' must be a DataFrame, as in fit"),
        pytest.warns(UserWarning, match="does not have valid feature names"),
    ):
        sampler.teach(X[:3], Y[:3])


@pytest.mark.parametrize("mode", ["search", "paper"])
@pytest.mark.parametrize("search_net", ["location", "module"])
def test_images_keep_their_dimensions(mode, search_net, images):
    X, y = images
    estimator = net(SmallCNN, module__image_shape=(1, 8, 8), module__n_classes=4)
    works(autoal(estimator, mode=mode, search_net=search_net), X[:30], y[:30], X[30:], 4)
    works(autoal(net(ConvNet)), np.asfortranarray(X[:30]), y[:30], X[30:].astype(float), 4)


@pytest.mark.parametrize("search_net", ["location", "module"])
def test_dicts(search_net):
    def parts(rows):
        return {"left": rows[:, :2], "right": rows[:, [0, 1, 2]].astype(float)}

    floats = X.astype(np.float32)
    sampler = autoal(net(TwoInputs), search_net=search_net)
    works(sampler, parts(floats[:30]), Y[:30], parts(floats[30:]))
    tensors = {key: torch.as_tensor(part) for key, part in parts(floats[:30]).items()}
    works(sampler, tensors, Y[:30], parts(floats[30:]))


def test_a_dataset_as_pool():
    floats = X.astype(np.float32)
    sampler = autoal().fit(floats[:30], Y[:30])
    expected = sampler.query(floats[30:], 4).tolist()
    pool = TensorDataset(torch.as_tensor(floats[30:]), torch.zeros(60))
    assert sampler.query(pool, 4).tolist() == expected
    assert sampler.predict(pool).tolist() == sampler.predict(floats[30:]).tolist()


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("search_net", ["location", "module"])
def test_token_ids_stay_integers(dtype, search_net):
    tokens = RNG.randint(0, 11, (60, 5)).astype(dtype)
    y = (tokens == 3).sum(1).clip(max=2)
    sampler = autoal(net(PooledTokens), search_net=search_net)
    expected = works(sampler, tokens[:30], y[:30], tokens[30:])
    as_tensor = [torch.as_tensor(part.astype(np.int64)) for part in (tokens[:30], tokens[30:])]
    assert works(sampler, as_tensor[0], y[:30], as_tensor[1]) == expected


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix])
def test_sparse_samples_through_a_transformer(kind):
    estimator = make_pipeline(TruncatedSVD(4, algorithm="arpack", random_state=0), net())
    wide = np.c_[X, X[:, ::-1] ** 2].astype(float)
    works(autoal(estimator), kind(wide[:30]), Y[:30], kind(wide[30:]))


# ---------------------------------------------------------------- labels


LABELS = {
    "int64": lambda y: y,
    "uint8": lambda y: y.astype(np.uint8),
    "float": lambda y: y.astype(float),
    "gaps": lambda y: np.array([-3, 7, 100])[y],
    "strings": lambda y: np.array(["cat", "dog", "eel"])[y],
    "objects": lambda y: np.array(["cat", "dog", "eel"], dtype=object)[y],
    "list": lambda y: np.array(["cat", "dog", "eel"])[y].tolist(),
    "tensor": lambda y: torch.as_tensor(y),
    "series": lambda y: pd.Series(y, index=np.arange(len(y)) + 5),
    "categories": lambda y: pd.Series(np.array(["cat", "dog", "eel"])[y], dtype="category"),
}


@pytest.mark.parametrize("labels", LABELS)
def test_labels_of_any_kind(labels, expected):
    floats = X.astype(np.float32)
    y = LABELS[labels](Y[:30])
    sampler = autoal()
    assert works(sampler, floats[:30], y, floats[30:]) == expected
    known = np.unique(np.asarray(y))
    assert sampler.classes_.tolist() == known.tolist()
    assert set(sampler.predict(floats).tolist()) <= set(known.tolist())


def test_boolean_labels():
    floats, y = X.astype(np.float32), X[:, 0] > 0
    sampler = autoal(net(module__n_classes=2))
    works(sampler, floats[:30], y[:30], floats[30:], 2)
    assert sampler.classes_.tolist() == [False, True]
    assert sampler.predict(floats).dtype == bool


def test_longer_names_may_come_later():
    floats = X.astype(np.float32)
    sampler = autoal(None).fit(floats[:30], np.array(["a", "b", "c"])[Y[:30]])
    sampler.teach(floats[:3], ["a much longer name"] * 3)
    assert sampler.classes_.tolist() == ["a", "a much longer name", "b", "c"]


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], ["a", "b", "c", "d"], np.arange(4)])
def test_classes_without_labels(classes):
    floats = X.astype(np.float32)
    y = np.asarray(classes)[Y]
    for estimator in (None, net(module__n_classes=4)):
        sampler = autoal(estimator, classes=classes)
        works(sampler, floats[:30], y[:30], floats[30:], 4)
        assert sampler.classes_.tolist() == list(classes)


def test_a_single_labelled_sample_of_named_classes():
    floats = X.astype(np.float32)
    sampler = autoal(None, classes=[0, 1, 2], objective="coverage").fit(floats[:1], Y[:1])
    assert len(sampler.query(floats[1:], 4)) == 4


# ---------------------------------------------------------------- nets


def small(**params):
    floats = X.astype(np.float32)
    return floats[:30], Y[:30], floats[30:]


class Softmax(SoftmaxMLP):
    """For skorch's default criterion."""


class BatchNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(8, 3)

    def forward(self, X):
        return self.head(self.body(X))


class FirstOfTwo(NeuralNetClassifier):
    """The loss of a module that returns a tuple is that of its first output."""

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return super().get_loss(y_pred[0], y_true, *args, **kwargs)


class Anything(NeuralNetClassifier):
    """A subclass that hides the parameters of a net."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


@pytest.mark.parametrize("search_net", ["location", "module"])
@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(net(Softmax, criterion=nn.NLLLoss), id="softmax and NLLLoss"),
        pytest.param(net(), id="logits and CrossEntropyLoss"),
        pytest.param(
            FirstOfTwo(
                HeadFirst,
                module__n_features=4,
                module__n_classes=3,
                criterion=nn.CrossEntropyLoss,
                max_epochs=2,
                verbose=0,
            ),
            id="tuple outputs",
        ),
        pytest.param(net(BatchNorm, batch_size=29), id="a last batch of one row"),
        pytest.param(net(optimizer=torch.optim.Adam, batch_size=-1), id="one batch"),
        pytest.param(
            Anything(
                MLP,
                module__n_features=4,
                module__n_classes=3,
                criterion=nn.CrossEntropyLoss,
                max_epochs=2,
                verbose=0,
            ),
            id="a subclass",
        ),
        pytest.param(None, id="the default net"),
    ],
)
def test_nets(estimator, search_net):
    works(autoal(estimator, search_net=search_net), *small())


@pytest.mark.parametrize("labels", [(0, 1), (False, True), ("no", "yes")])
def test_binary_nets(labels):
    estimator = NeuralNetBinaryClassifier(OneLogit, module__n_features=4, max_epochs=2, verbose=0)
    floats = X.astype(np.float32)
    y = np.asarray(labels)[(X[:, 0] > 0).astype(int)]
    for mode in ("search", "paper"):
        sampler = autoal(estimator, mode=mode, strategies=["margin", "bald", "badge"])
        works(sampler, floats[:30], y[:30], floats[30:], 2)
        P = sampler.predict_proba(floats)
        np.testing.assert_allclose(P.sum(1), 1, atol=1e-5)
        assert set(sampler.predict(floats).tolist()) <= set(labels)


@pytest.mark.parametrize("fit_net", ["auto", "module"])
def test_early_stopping_with_few_labels(fit_net):
    """skorch's default validation split asks for five samples a class."""
    estimator = net(callbacks=[EarlyStopping(patience=2)], max_epochs=4)
    floats = X.astype(np.float32)
    rows = np.concatenate([np.flatnonzero(Y == c)[:2] for c in range(3)])
    sampler = autoal(estimator, mode="search", fit_net=fit_net)
    works(sampler, floats[rows], Y[rows], floats)
    assert "valid_loss" in sampler.estimator_.history[-1]


def test_a_validation_split_that_fits_is_kept():
    estimator = net(train_split=ValidSplit(2, stratified=True))
    sampler = autoal(estimator).fit(*small()[:2])
    assert "valid_loss" in sampler.estimator_.history[-1]
    sampler = autoal(net()).fit(*small()[:2])
    assert "valid_loss" not in sampler.estimator_.history[-1]  # trains on every label


def test_a_chatty_net_is_silent(capfd):
    for sampler in (autoal(net(verbose=1)), StrategySampler(net(verbose=1), random_state=0)):
        works(sampler, *small())
    assert capfd.readouterr() == ("", "")


def test_a_named_embedding_layer():
    labelled, y, pool = small()
    by_name = autoal(signals=SignalOptions("head"))
    assert works(by_name, labelled, y, pool) == works(autoal(), labelled, y, pool)
    works(autoal(signals=SignalOptions("body.2")), labelled, y, pool)
