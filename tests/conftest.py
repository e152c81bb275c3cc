"""Fixtures for all tests: nothing global may change, and a few small trained nets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import settings
from sklearn.datasets import load_digits, make_blobs
from torch import nn

from skautoal.modules import MLP
from tests._budget import pytest_sessionstart, pytest_terminal_summary  # noqa: F401
from tests._helpers import ConvNet, OneLogit, SoftmaxMLP, make_net, train
from tests._internals import internal

settings.register_profile("skautoal", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("skautoal")


def pytest_configure(config):
    config.addinivalue_line("markers", "gpu: needs a CUDA device")


def _global_state():
    name, keys, *rest = np.random.get_state()
    return {
        "numpy RNG": (name, keys.tobytes(), *rest),
        "torch RNG": torch.get_rng_state().numpy().tobytes(),
        "default dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "gradient mode": torch.is_grad_enabled(),
    }


@pytest.fixture(autouse=True)
def global_state_unchanged():
    before = _global_state()
    yield
    after = _global_state()
    changed = [name for name in before if before[name] != after[name]]
    assert not changed, f"the test changed the global {changed}"


@pytest.fixture(
    params=[
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
            ],
        ),
    ]
)
def device(request):
    return request.param


@pytest.fixture(scope="module")
def short_training():
    """The net of a sampler without one trains for 10 epochs at a higher rate, not for 50.

    Enough for scikit-learn's checks of accuracy; only for tests that do not look at the
    default itself. Workers of joblib do not know of it.
    """
    place = internal("nets.default_net")
    make = getattr(*place)

    def quick_net(X, n_classes):
        return make(X, n_classes).set_params(max_epochs=10, lr=0.03)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*place, quick_net)
        yield


@pytest.fixture(scope="session")
def blobs():
    """120 rows of 5 features in 3 overlapping classes."""
    X, y = make_blobs(120, n_features=5, centers=3, cluster_std=5.0, random_state=0)
    return (X / 5).astype(np.float32), y.astype(np.int64)


@pytest.fixture(scope="session")
def images():
    """120 images (1, 8, 8) of the digits 0 to 3."""
    X, y = load_digits(n_class=4, return_X_y=True)
    return (X[:120] / 16).reshape(-1, 1, 8, 8).astype(np.float32), y[:120].astype(np.int64)


def _trained_mlp(data, module=MLP, dropout=0.5, **params):
    net = make_net(
        module,
        module__n_features=5,
        module__n_classes=3,
        module__hidden=16,
        module__dropout=dropout,
        max_epochs=10,
        lr=0.1,
        **params,
    )
    return train(net, *data)


@pytest.fixture(scope="session")
def mlp_net(blobs):
    return _trained_mlp(blobs)


@pytest.fixture(scope="session")
def no_dropout_net(blobs):
    return _trained_mlp(blobs, dropout=0.0)


@pytest.fixture(scope="session")
def softmax_net(blobs):
    return _trained_mlp(blobs, module=SoftmaxMLP, criterion=nn.NLLLoss)


@pytest.fixture(scope="session")
def cnn_net(images):
    return train(make_net(ConvNet, max_epochs=3, batch_size=40), *images)


@pytest.fixture(scope="session")
def binary_net(blobs):
    X, y = blobs
    net = make_net(OneLogit, binary=True, module__n_features=5, max_epochs=5, lr=0.1)
    return train(net, X, (y == 1).astype(np.float32))
