"""Signals computed from a trained skorch net: one pass over the array for what is asked."""

from __future__ import annotations

import copy
from collections.abc import Collection, Generator
from contextlib import closing
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import derive_seed, first_in_order, isolated_rng
from ..data import DaskPool, Pool, Scratch
from ..data._convert import writeable
from ..data._rows import load_rows, n_samples
from ..nets import _net
from ._forward import ForwardPasses, hash_input
from ._names import SIGNAL_NAMES, parts_of, row_axis
from ._signals import Signals
from ._stores import MemoryStore, ScratchStore

_SHARE_HELD = 4  # signals may take one part in four of the memory; the rest is to work in
_ROW_BYTES = 128  # hash, key, utility and position of a row, whatever else there is of it


class NetSignals(ForwardPasses):
    """Signals of one array of samples, computed from a trained skorch net on demand.

    Parameters
    ----------
    net : skorch classifier
        Trained; its state, mode and hooks are the same after each computation.
    X : array, tensor, dict of them, torch Dataset, or Pool
        The samples as the net takes them (floats as float32).
    layout : NetLayout
        What the net can give.
    X_labeled : like X, optional
        The labelled samples.
    codes : array-like of shape (n_labeled,), optional
        Their class codes.
    previous_net : skorch classifier, optional
        The trained net of the round before.
    n_passes : int, default=10
        MC-dropout passes T.
    n_members : int, default=5
        Nets M in an ensemble, each trained from scratch on the labelled samples.
    seed : int, default=0
        Decides the dropout masks and the ensemble.
    chunk_size : int, optional
        Rows of a forward pass; by default as many as make about a million inputs.
    max_memory : int, optional
        Bytes that the signals and work on them may take. What exceeds it is made part by
        part where that is possible, and written to a scratch folder where it is not, which
        :meth:`close` removes.

    """

    def __init__(
        self,
        net,
        X,
        layout: _net.NetLayout,
        *,
        X_labeled=None,
        codes=None,
        previous_net=None,
        n_passes: int = 10,
        n_members: int = 5,
        seed: int = 0,
        chunk_size: int | None = None,
        max_memory: int | None = None,
    ):
        self._net = net
        self._X = X
        self.layout = layout
        self.previous_net = previous_net
        self.n_passes = n_passes
        self.n_members = n_members
        self.seed = seed
        self.chunk_size = chunk_size
        self.max_memory = max_memory
        if isinstance(X, Pool):
            self.n_samples = X.n_samples  # type: ignore[assignment]  # None until a stream was read
        else:
            self.n_samples = n_samples(X)
        self.codes = None if codes is None else torch.as_tensor(codes, device=self.device)
        self.timings = {}
        self._arrays = {}
        self._scratch: Scratch | None = None
        self._members = []
        self._hash = None
        self._known_finite = set()
        self._labeled = None
        if X_labeled is not None:
            self._labeled = NetSignals(
                net, X_labeled, layout, n_passes=n_passes, seed=seed, chunk_size=chunk_size
            )

    @property
    def device(self) -> torch.device:
        return torch.device(self._net.device or "cpu")

    @property
    def n_classes(self) -> int:
        return self.layout.n_outputs

    def has(self, name: str) -> bool:
        if name == "mc_probabilities":
            return self.layout.n_dropout > 0
        if name in ("embeddings", "gradient_factors"):
            return self.layout.embedding_layer is not None
        if name == "head":
            return self.layout.has_head
        if name == "previous_probabilities":
            return self.previous_net is not None
        if name == "ensemble_probabilities":
            name = "labeled"  # it is trained on them
        if name == "labeled":
            return super().has(name)
        return name in SIGNAL_NAMES

    def check_available(self, names: Collection[str], needed_by: str = "A strategy") -> None:
        for name in names:
            self.layout.check(name, needed_by)
        super().check_available(names, needed_by)

    def head(self, embeddings: Tensor) -> Tensor:
        self.check_available({"head"})
        assert self.layout.embedding_layer is not None
        return _net.head_logits(self._net, self.layout.embedding_layer, embeddings)

    def close(self) -> None:
        """Remove what was put on disk; only signals with ``max_memory`` put anything there."""
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None

    def read(self, names: Collection[str]) -> None:
        """Read a pool of unknown length, and keep ``names`` of it; does nothing for others."""
        if self.n_samples is None:
            self.compute({"probabilities", *filter(self.has, names)})

    def exceeds_memory(self, names: Collection[str]) -> bool:
        if self.max_memory is None:
            return False
        return self.n_samples is None or self.n_samples > self._rows_held(names)

    def _rows_held(self, names: Collection[str]) -> int:
        """Rows whose ``names`` may be held at a time."""
        C = self.n_classes
        sizes = {
            "mc_probabilities": C * self.n_passes,
            "ensemble_probabilities": C * self.n_members,
            "embeddings": self.layout.embedding_size,
        }
        assert self.max_memory is not None
        row = _ROW_BYTES + 4 * sum(sizes.get(name, C) for name in parts_of(names))
        return self.max_memory // (_SHARE_HELD * row)

    def manageable(self, names, least, seed):
        if not self.exceeds_memory(names):
            return None, self
        m = min(self.n_samples, max(self._rows_held(names), least, 1))
        rows = torch.as_tensor(np.sort(first_in_order(self.row_hash, seed, m)))
        return rows.to(self.device), self.take(rows)

    def map_rows(self, names, function, needed_by):
        held = parts_of(names) <= set(self._arrays)
        if not self.exceeds_memory(names) and (held or not self._has_workers):
            return super().map_rows(names, function, needed_by)
        self.check_available(names, needed_by)

        def answer(signals: Signals) -> Tensor:
            signals.require(names, needed_by)
            return function(signals)

        by = self._by_workers if self._has_workers and not held else self._one_by_one
        answers = by(parts_of(names), answer)
        # Kept apart, small answers would break the freed memory of the chunks into pieces.
        store = MemoryStore(self.n_samples)
        with closing(answers):
            for start, _, values in answers:
                store.add("answer", start, values.to(self.device))
        return store.finish()["answer"]

    def take(self, indices) -> Signals:
        taken = cast(NetSignals, super().take(indices))
        taken.max_memory = taken._scratch = None
        return taken

    def _parts(self, names: set[str]) -> Generator[NetSignals, None, None]:
        """Signals of one chunk of rows after another, which hold ``names``."""
        if names <= set(self._arrays):
            step = self._chunk_rows(1)
            for start in range(0, self.n_samples, step):
                size = min(step, self.n_samples - start)
                arrays = {n: self._arrays[n].narrow(row_axis(n), start, size) for n in names}
                yield self._part(start, size, None, arrays)
            return
        for start, size, x, arrays in self._forward_chunks(names):
            yield self._part(start, size, x, {name: arrays[name] for name in names})

    def _one_by_one(self, names: set[str], function) -> Generator[tuple[int, int, Any], None, None]:
        """First row, size, and ``function`` of the signals ``names`` of each chunk of rows."""
        with closing(self._parts(names)) as parts:
            for part in parts:
                yield part._first_row, part.n_samples, function(part)

    @property
    def _has_workers(self) -> bool:
        return isinstance(self._X, DaskPool) and self._X.client is not None

    def _by_workers(self, names: set[str], function) -> Generator[tuple[int, int, Any], None, None]:
        """The same as :meth:`_one_by_one`, by the workers of a cluster, a block at a time."""
        self._other_nets(names)  # trained here, once
        shared = self._part(0, None, None, {})
        step = self._chunk_rows(self._copies(names))

        def of_block(signals: NetSignals, rows, start: int) -> list[tuple[int, int, object]]:
            block = signals._part(start, len(rows), rows, {})
            return list(block._one_by_one(names, function))

        for answers in self._X.map_blocks(of_block, shared, step):
            yield from answers

    def _part(self, start: int, size: int | None, x, arrays: dict[str, Tensor]) -> NetSignals:
        part = copy.copy(self)
        part.n_samples, part._X, part._arrays = size, x, arrays  # type: ignore[assignment]
        part._first_row = self._first_row + start
        part._hash, part._known_finite, part.max_memory, part._scratch = None, set(), None, None
        return part

    def _hash_rows(self) -> np.ndarray:
        if self.pool is None:
            return hash_input(self._X)
        if self._has_workers:
            return np.concatenate(list(self._X.map_blocks(_hash_block, None, self._chunk_rows(1))))
        hashes, start = np.empty(self.n_samples, dtype=np.uint64), 0
        with isolated_rng(derive_seed(self.seed, "loader"), self.device):
            for x, size in self.batches():
                hashes[start : start + size] = hash_input(x)
                start += size
        return hashes

    def _hash_of(self, rows: np.ndarray) -> np.ndarray:
        if self._hash is None and (self.pool is None or self.pool.random_access):
            with isolated_rng(derive_seed(self.seed, "loader"), self.device):
                return hash_input(load_rows(self._X, rows))
        return super()._hash_of(rows)

    def _compute(self, names: set[str]) -> None:
        """One pass over the array for all of ``names``, kept in memory or on disk."""
        if self.exceeds_memory(names):
            self._scratch = self._scratch or Scratch()
            store: ScratchStore | MemoryStore = ScratchStore(self._scratch, self.device)
        else:
            # They come out of any forward, are small, and most strategies want them.
            names = names | {"probabilities"}
            store = MemoryStore(self.n_samples)
        if self._has_workers:
            chunks: Generator = self._by_workers(names, lambda part: part._arrays)
        else:
            chunks = self._forward_chunks(names)
        n = 0
        with closing(chunks):
            for start, size, *_, arrays in chunks:
                for name in names:
                    store.add(name, start, arrays[name].to(self.device))
                n = start + size
        self._arrays |= store.finish()
        self.n_samples = n


def compute_signals(
    net, X, *, X_labeled=None, codes=None, embedding_layer: str = "auto", **options
) -> NetSignals:
    """Signals of ``X`` from a trained net; nothing is computed before it is asked for.

    Parameters
    ----------
    net : skorch classifier
        Trained net; never modified.
    X : array of shape (n, ...)
        The samples as the net takes them.
    X_labeled : array of shape (n_labeled, ...), optional
        Labelled samples, for strategies that keep away from them.
    codes : array of shape (n_labeled,), optional
        Their class codes 0..C-1.
    embedding_layer : str, default="auto"
        Submodule whose input is the embedding; ``"auto"`` takes the last linear layer
        executed that is as wide as the output.
    **options
        ``previous_net``, ``n_passes``, ``n_members``, ``seed``, ``chunk_size`` and
        ``max_memory`` of :class:`NetSignals`.

    Returns
    -------
    signals : NetSignals

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skautoal.modules import MLP
    >>> from skautoal.signals import compute_signals
    >>> net = NeuralNetClassifier(MLP, module__n_features=4, module__n_classes=3,
    ...                           criterion=torch.nn.CrossEntropyLoss).initialize()
    >>> signals = compute_signals(net, np.zeros((5, 4), dtype="float32"))
    >>> signals.probabilities.shape, signals.embeddings.shape
    (torch.Size([5, 3]), torch.Size([5, 64]))
    >>> signals.mc_probabilities.shape
    torch.Size([10, 5, 3])

    """
    _net.check_trained(net)
    # A stream may be read once only, and its first row is known without reading it.
    row = X.first_row() if isinstance(X, Pool) else load_rows(X, slice(0, 1))
    layout = _net.inspect_net(net, writeable(row), embedding_layer)
    return NetSignals(net, X, layout, X_labeled=X_labeled, codes=codes, **options)


def _hash_block(_shared, rows, _start: int) -> np.ndarray:
    return hash_input(rows)
