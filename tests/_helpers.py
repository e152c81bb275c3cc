"""Small modules, nets and hand-made signals that several test files share."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from skautoal import AutoALSampler, Search, SignalOptions, baselines, samplers
from skautoal.modules import MLP
from skautoal.signals import Signals
from skautoal.strategies import STRATEGIES, Strategy
from tests._internals import (
    PAPER,
    Candidates,
    fit_net,
    internal,
    isolated_rng,
    named_strategies,
)


class ConvNet(nn.Module):
    """Batch norm, channel dropout and dropout: everything a mode switch could spoil."""

    def __init__(self, n_classes: int = 4):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.channel_dropout = nn.Dropout2d(0.3)
        self.hidden = nn.Linear(8 * 9, 12)
        self.norm = nn.BatchNorm1d(12)
        self.dropout = nn.Dropout(0.4)
        self.head = nn.Linear(12, n_classes)

    def forward(self, X):
        X = self.channel_dropout(self.trunk(X)).flatten(1)
        return self.head(self.dropout(self.norm(self.hidden(X)).relu()))


class SoftmaxMLP(MLP):
    """Returns probabilities, as skorch's NLLLoss wants them."""

    def forward(self, X):
        return super().forward(X).softmax(dim=1)


class OneLogit(nn.Module):
    """One logit a row, shape (n,), for NeuralNetBinaryClassifier."""

    def __init__(self, n_features: int):
        super().__init__()
        self.mlp = MLP(n_features, n_classes=1, hidden=8, dropout=0.5)

    def forward(self, X):
        return self.mlp(X).squeeze(-1)


class Residual(nn.Module):
    """A skip connection past the dropout: copies of rows cannot be added to the rows."""

    def __init__(self, n_features: int, n_classes: int):
        super().__init__()
        self.body = nn.Linear(n_features, 8)
        self.dropout = nn.Dropout(0.5)
        self.branch = nn.Linear(8, 8)
        self.late_dropout = nn.Dropout(0.25)
        self.head = nn.Linear(8, n_classes)

    def forward(self, X):
        h = self.body(X).relu()
        return self.head(self.late_dropout(h + self.branch(self.dropout(h))))


class AssertedResidual(Residual):
    """The same, but it checks its shapes itself."""

    def forward(self, X):
        h = self.body(X).relu()
        branch = self.branch(self.dropout(h))
        assert branch.shape == h.shape
        return self.head(self.late_dropout(h + branch))


class HeadFirst(nn.Module):
    """The head is registered before the body, and an auxiliary head runs after it."""

    def __init__(self, n_features: int, n_classes: int):
        super().__init__()
        self.head = nn.Linear(7, n_classes)
        self.auxiliary = nn.Linear(7, n_classes + 2)
        self.body = nn.Linear(n_features, 7)
        self.dropout = nn.Dropout(0.5)
        self.unused = nn.Linear(7, n_classes)

    def forward(self, X):
        h = self.dropout(self.body(X).relu())
        return self.head(h), self.auxiliary(h)


class TwoInputs(nn.Module):
    """Takes a dict with the keys ``left`` and ``right``."""

    def __init__(self, n_classes: int = 3):
        super().__init__()
        self.left = nn.Linear(2, 6)
        self.right = nn.Linear(3, 6)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(6, n_classes)

    def forward(self, left, right):
        return self.head(self.dropout((self.left(left) + self.right(right)).relu()))


class PooledTokens(nn.Module):
    """Token ids, a head applied at each position, logits averaged over positions."""

    def __init__(self, n_classes: int = 3):
        super().__init__()
        self.lookup = nn.Embedding(11, 6)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(6, n_classes)

    def forward(self, X):
        return self.head(self.dropout(self.lookup(X))).mean(dim=1)


class FirstColumns(nn.Module):
    """Reads the first ``d`` columns of a table alone."""

    def __init__(self, d: int, n_classes: int):
        super().__init__()
        self.d, self.mlp = d, MLP(d, n_classes, hidden=16)

    def forward(self, X):
        return self.mlp(X[:, : self.d])


class Failing(nn.Module):
    """Raises in the forward as soon as it is told to."""

    def __init__(self, n_features: int, n_classes: int):
        super().__init__()
        self.mlp = MLP(n_features, n_classes, hidden=6, dropout=0.5)
        self.broken = False

    def forward(self, X):
        if self.broken:
            raise RuntimeError("broken on purpose")
        return self.mlp(X)


def make_net(module, *, binary: bool = False, criterion=nn.CrossEntropyLoss, **params):
    """Silent skorch net with seeded weights, not trained."""
    if binary:
        net = NeuralNetBinaryClassifier(module, verbose=0, train_split=None, **params)
    else:
        net = NeuralNetClassifier(
            module, criterion=criterion, verbose=0, train_split=None, **params
        )
    with isolated_rng(0):
        return net.initialize()


def train(net, X, y):
    """Trains in place, leaving the global generators as they were."""
    with isolated_rng(1):
        return net.fit(X, y)


_TRAINED: dict[tuple, object] = {}


@contextmanager
def trained_once(which):
    """Samplers train the net called ``which`` once for the same labels and seed.

    For tests that fit many samplers with the same net: what strategies there are and how
    they are searched changes nothing about its training.
    """

    def fit_net_once(net, X, codes, seed):
        key = (which, X.tobytes(), codes.tobytes(), seed)
        if key not in _TRAINED:
            _TRAINED[key] = fit_net(net, X, codes, seed)
        return copy.deepcopy(_TRAINED[key])

    with pytest.MonkeyPatch.context() as patch:
        for place in ("task.fit_net", "search.fit_net"):
            patch.setattr(*internal(place), fit_net_once)
        yield


_ROW_ARRAYS = ("logits", "embeddings", "previous_probabilities")
_STACKED_ARRAYS = ("mc_probabilities", "ensemble_probabilities")


def make_signals(
    n: int = 30,
    *,
    n_classes: int = 4,
    d: int = 5,
    n_passes: int = 6,
    n_labeled: int = 8,
    seed: int = 0,
    dtype=np.float64,
    device: str = "cpu",
) -> Signals:
    """Every signal there is: arrays, labelled samples with codes, a head, a net.

    The net is another linear one, on the embeddings as raw samples.
    """
    rng, more = np.random.RandomState(seed), np.random.RandomState(seed + 1000)
    uniform = np.ones(n_classes)

    def arrays(n):
        made = {
            "logits": rng.standard_normal((n, n_classes)),
            "embeddings": rng.standard_normal((n, d)),
            "mc_probabilities": rng.dirichlet(uniform, (n_passes, n)),
            "previous_probabilities": more.dirichlet(uniform, n),
            "ensemble_probabilities": more.dirichlet(uniform, (n_passes, n)),
        }
        tensors = {
            name: torch.as_tensor(array.astype(dtype), device=device)
            for name, array in made.items()
        }
        return tensors | {"X": made["embeddings"].astype(np.float32)}

    labeled, pool = arrays(n_labeled), arrays(n)
    weights = torch.as_tensor(more.standard_normal((d, n_classes)).astype(dtype), device=device)
    shared = {"head": lambda H: H @ weights, "net": linear_net(d, n_classes, device)}
    return Signals(
        **pool,
        **shared,
        labeled=Signals(**labeled, **shared),
        codes=torch.arange(n_labeled, device=device) % n_classes,
    )


@lru_cache
def linear_net(n_features: int, n_classes: int, device: str = "cpu"):
    """A skorch net that is one linear layer, its weights drawn."""
    sizes = {"module__in_features": n_features, "module__out_features": n_classes}
    return make_net(nn.Linear, device=device, **sizes)


def row_arrays(signals: Signals) -> dict[str, np.ndarray]:
    """The arrays that :func:`make_signals` was given, as NumPy."""
    return {name: signals.get(name).numpy() for name in (*_ROW_ARRAYS, *_STACKED_ARRAYS)}


def beside_arrays(signals: Signals) -> dict:
    """What :func:`make_signals` gave besides arrays, as keywords of ``Signals``."""
    return {
        "labeled": signals.labeled,
        "codes": signals.codes,
        "head": signals.head,
        "net": signals.net,
        "X": signals.X,
    }


def take_signals(signals: Signals, rows) -> Signals:
    """New signals of ``rows``, in that order, with the same labelled samples."""
    arrays = {
        name: value[:, rows] if name in _STACKED_ARRAYS else value[rows]
        for name, value in row_arrays(signals).items()
    }
    return Signals(**arrays, **beside_arrays(signals) | {"X": signals.X[rows]})


# What trains something is made quick where only the rules matter, not what it learns.
_QUICK = {
    "learning_loss": {"n_steps": 2},
    "vaal": {"n_latent": 2, "n_steps": 2},
    "waal": {"n_steps": 2},
    "discriminative_al": {"n_sub_batches": 2, "n_steps": 2},
    "mqnet": {"n_steps": 2},
}


def quick_strategy(name: str) -> Strategy:
    """The strategy registered as ``name``, trained little if it trains."""
    return STRATEGIES[name](**_QUICK.get(name, {}))


@contextmanager
def counted_calls(module: nn.Module):
    """List with the number of rows of each forward call of ``module``."""
    sizes: list[int] = []
    handle = module.register_forward_hook(lambda m, args, out: sizes.append(len(args[0])))
    try:
        yield sizes
    finally:
        handle.remove()


def n_hooks(module: nn.Module) -> int:
    """Forward hooks of any kind left on the module and its submodules."""
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules())


def frozen(net) -> dict[str, torch.Tensor]:
    """Copy of everything a net could change in inference: parameters and buffers."""
    return {name: value.clone() for name, value in net.module_.state_dict().items()}


def flat_autoal(estimator=None, strategies="auto", *, mode="auto", frozen=False, **params):
    """AutoALSampler with the parameters of its search and its signals given flat.

    ``mode`` is ``"auto"``, ``"search"``, ``"paper"``, or ``"vote"``: the top of the scores.
    An ``objective`` makes any of them learn. Parameters of a search that have no effect are
    ignored.
    """
    defaults = Search().get_params(deep=False)
    given = {name: params.pop(name) for name in list(params) if name in defaults}
    if mode in ("search", "paper") or "objective" in given:
        search = Search(**{**(PAPER if mode == "paper" else {}), **given})
        unused = search._without_effect()
        params["search"] = search.set_params(**{name: defaults[name] for name in unused})
    if mode in ("paper", "vote"):
        params.setdefault("batch_builder", "top")
    of_signals = SignalOptions().get_params(deep=False)
    signals = {name: params.pop(name) for name in list(params) if name in of_signals}
    if signals:
        params["signals"] = SignalOptions(**signals)
    estimator = FrozenEstimator(estimator) if frozen else estimator
    return AutoALSampler(estimator, strategies, **params)


def candidates_of(strategies, **options):
    """Candidates from a list as the parameter ``strategies`` takes it."""
    return Candidates(named_strategies(list(strategies)), **options)


def sampler_classes():
    """All samplers and baselines of the package."""
    return [
        cls
        for room in (samplers, baselines)
        for cls in (getattr(room, name) for name in room.__all__)
        if issubclass(cls, samplers.BaseSampler) and cls is not samplers.BaseSampler
    ]
