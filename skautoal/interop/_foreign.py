"""Strategies of other libraries as candidates: what they are shown, what they answer."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import draw_seed, hash_rows, isolated_rng
from ..data._convert import as_numpy
from ..data._rows import load_rows
from ..exceptions import StrategyOutputError
from ..signals import Signals, compute_signals
from ..strategies import BatchStrategy

FEATURES = ("samples", "embeddings")


class ForeignStrategy(BatchStrategy):
    """Base of strategies that ask a strategy of another library.

    That one gets copies, rows of the pool in a random order that follows them when they
    move, so its ties do not hang on positions; random generators are seeded for it and
    restored after. Its answer may hold repeated or too few picks: repeated ones are taken
    once, and random ones fill the batch.

    Subclasses implement ``_ask(strategy, signals, order, n_instances, seed)``, which
    returns positions in ``order``.

    Parameters
    ----------
    strategy : object
        The strategy of the other library; a copy of it is asked.

    """

    cost = "that of the other strategy"

    def __init__(self, strategy: Any) -> None:
        self.strategy = strategy

    @property
    def name(self) -> str:
        return getattr(self.strategy, "__name__", type(self.strategy).__name__)

    @abstractmethod
    def _ask(
        self, strategy: Any, signals: Signals, order: np.ndarray, n_instances: int, seed: int
    ) -> Any: ...

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        order = signals.order(rng).cpu().numpy()
        seed = draw_seed(rng)
        strategy = copy.deepcopy(self.strategy)
        with isolated_rng(seed, signals.device):
            answer = self._ask(strategy, signals, order, n_instances, seed)
        picks = clean_picks(answer, len(order), n_instances, self.name)
        return torch.as_tensor(order[picks], device=signals.device)


class ForeignModelStrategy(ForeignStrategy):
    """Base of those that look at samples, labels and a model, not at probabilities alone.

    Parameters
    ----------
    strategy : object
        The strategy of the other library; a copy of it is asked.
    features : {"samples", "embeddings"}, default="samples"
        What it is shown as samples.

    """

    def __init__(self, strategy: Any, features: str = "samples") -> None:
        super().__init__(strategy)
        self.features = features

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Signals that the model it is shown is made of."""
        if self.features not in FEATURES:
            raise ValueError(f"'features' must be one of {FEATURES}; got {self.features!r}.")
        own = ("network",) if self.features == "samples" else ("embeddings", "head")
        return ("probabilities", "labeled", *own)


class ForeignModel:
    """The task model, its pool and its labelled samples, as arrays.

    Parameters
    ----------
    signals : Signals
        Signals of the pool.
    features : {"samples", "embeddings"}
        What stands for the samples.
    order : ndarray of shape (n,)
        Order that the pool is shown in.

    Attributes
    ----------
    pool, labeled : ndarray of shape (n, ...) and (l, ...)
        Copies in memory, so that in-place changes stay there.
    codes : ndarray of shape (l,), dtype int64
        Class codes of the labelled samples.
    n_classes : int
        Number of classes.

    """

    def __init__(self, signals: Signals, features: str, order: np.ndarray):
        self._signals = signals
        self._features = features
        assert signals.codes is not None  # "labeled" is among the needs
        assert signals.labeled is not None
        self.codes = signals.codes.cpu().numpy().astype(np.int64)
        self.n_classes = signals.n_classes
        self.pool = self._rows(signals, order)
        self.labeled = self._rows(signals.labeled, np.arange(len(self.codes)))
        known = _normalised(signals.probabilities[torch.as_tensor(order, device=signals.device)])
        key = ("probabilities", None, hash_rows(self.pool).tobytes())
        self._known: dict[tuple, np.ndarray] = {key: known}

    def __deepcopy__(self, memo: Any) -> Any:
        return self  # libraries copy the models they are given; this one changes nothing

    def _rows(self, signals: Signals, order: np.ndarray) -> np.ndarray:
        if self._features == "embeddings":
            return signals.embeddings.cpu().numpy()[order]
        X = load_rows(signals.X, order)
        if not isinstance(X, (np.ndarray, Tensor)):
            raise TypeError(
                "A strategy of another library takes samples as one array; these are a"
                f" {type(X).__name__}. Use features='embeddings'."
            )
        return as_numpy(X)

    def probabilities(self, X: Any) -> np.ndarray:
        """Class probabilities (m, C), float64, of rows like those of the pool."""
        return self._computed("probabilities", X)

    def passes(self, X: Any, n_passes: int | None = None) -> np.ndarray:
        """Class probabilities of each MC-dropout pass, (T, m, C), float64."""
        return self._computed("mc_probabilities", X, n_passes)

    def embeddings(self, X: Any) -> np.ndarray:
        """Embeddings (m, d) of rows like those of the pool."""
        if self._features == "embeddings":
            return np.asarray(X)
        return self._like_pool(X).embeddings.cpu().numpy()

    def _computed(self, name: str, X: Any, n_passes: int | None = None) -> np.ndarray:
        X = np.asarray(X).astype(self.pool.dtype, copy=False)
        key = (name, n_passes, hash_rows(X).tobytes())
        if key not in self._known:
            if self._features == "samples":
                value = self._like_pool(X, n_passes).get(name)
            elif name == "probabilities":
                H = self._signals.embeddings
                with torch.no_grad():
                    value = self._signals.head(torch.as_tensor(X).to(H)).softmax(dim=1)
            else:
                raise TypeError(
                    "Passes of MC dropout start from samples, not from embeddings; use"
                    " features='samples'."
                )
            self._known[key] = _normalised(value)
        return self._known[key]

    def _like_pool(self, X: Any, n_passes: int | None = None) -> Signals:
        own = self._signals
        layout = getattr(own, "layout", None)
        return compute_signals(
            own.net,
            np.asarray(X).astype(self.pool.dtype, copy=False),
            embedding_layer=(layout and layout.embedding_layer) or "auto",
            n_passes=n_passes or getattr(own, "n_passes", 10),
            seed=getattr(own, "seed", 0),
        )


def clean_picks(answer: Any, n: int, k: int, name: str) -> np.ndarray:
    """Exactly ``k`` distinct positions in 0..n-1, those of ``answer`` first.

    The positions are those of a random order, so the first ones that ``answer`` leaves
    out are random ones.
    """
    picks = np.asarray(answer).ravel()
    if picks.size and not (picks.dtype.kind in "iu" and 0 <= picks.min() and picks.max() < n):
        raise StrategyOutputError(
            f"Strategy {name} returned {picks.tolist()!r:.80} for {n} samples. It must return"
            f" integers in 0..{n - 1}."
        )
    return np.array(list(dict.fromkeys([*picks.tolist(), *range(n)]))[:k], dtype=np.int64)


def _normalised(probabilities: Tensor) -> np.ndarray:
    """In float64 and summing to one: some libraries take 1.0000001 for a logit."""
    P = probabilities.detach().cpu().numpy().astype(np.float64)
    return P / P.sum(axis=-1, keepdims=True)
