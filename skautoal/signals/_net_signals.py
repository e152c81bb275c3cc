"""Signals computed from a trained skorch net: one pass over the array for what is asked."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing
from functools import partial

import numpy as np
import torch
from skorch.dataset import get_len
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from .. import _net
from .._layers import captured_input, first_output
from .._mc_dropout import MCDropout
from .._rng import combine_hashes, derive_seed, first_in_order, hash_rows, isolated_rng
from ..exceptions import MissingSignalError
from ..pools import DatasetPool, Pool, Scratch
from ..pools._base import row_elements
from ._signals import SIGNAL_NAMES, Signals, parts_of
from ._stores import MemoryStore, ScratchStore, row_axis

_CHUNK_ELEMENTS = 2**20  # input elements a forward chunk aims at
_MAX_CHUNK = 4096
_SHARE_HELD = 4  # signals may take one part in four of the memory; the rest is to work in
_ROW_BYTES = 64  # hash, key, utility and position of a row, whatever else there is of it


class NetSignals(Signals):
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
            self.n_samples = X.n_samples  # None until a stream was read
        else:
            self.n_samples = len(X) if isinstance(X, Dataset) else get_len(X)
        self.codes = None if codes is None else torch.as_tensor(codes, device=self.device)
        self.timings = {}
        self._arrays: dict[str, Tensor] = {}
        self._scratch: Scratch | None = None
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

    @property
    def pool(self) -> Pool | None:
        """The samples as a pool, if they are not an array that is sliced as it is."""
        if isinstance(self._X, Dataset):
            return DatasetPool(self._X, partial(_net.load_batches, self._net))
        return self._X if isinstance(self._X, Pool) else None

    def head(self, embeddings: Tensor) -> Tensor:
        self.check_available({"head"})
        return _net.head_logits(self._net, self.layout.embedding_layer, embeddings)

    def close(self) -> None:
        """Remove what was put on disk; only signals with ``max_memory`` put anything there."""
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None

    def read(self, names: Collection[str]) -> None:
        """Read a pool of unknown length, and keep ``names`` of it; does nothing for others."""
        if self.n_samples is None:
            self.compute({name for name in names if self.has(name)})

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
        row = _ROW_BYTES + 4 * sum(sizes.get(name, C) for name in parts_of(names))
        return self.max_memory // (_SHARE_HELD * row)

    def manageable(self, names, least, seed):
        if not self.exceeds_memory(names):
            return None, self
        m = min(self.n_samples, max(self._rows_held(names), least, 1))
        rows = torch.as_tensor(np.sort(first_in_order(self.row_hash, seed, m)))
        return rows.to(self.device), self.take(rows)

    def map_rows(self, names, function, needed_by):
        if not self.exceeds_memory(names):
            return super().map_rows(names, function, needed_by)
        self.check_available(names, needed_by)

        def answer(signals: Signals) -> Tensor:
            signals.require(names, needed_by)
            return function(signals)

        with closing(self._parts(parts_of(names))) as parts:
            return torch.cat([answer(part) for part in parts])

    def take(self, indices) -> Signals:
        taken = super().take(indices)
        taken.max_memory = taken._scratch = None
        return taken

    def _parts(self, names: set[str]) -> Iterator[Signals]:
        """Signals of one chunk of rows after another, which hold ``names``."""
        if names <= set(self._arrays):
            step = self._chunk_rows(1)
            for start in range(0, self.n_samples, step):
                size = min(step, self.n_samples - start)
                arrays = {n: self._arrays[n].narrow(row_axis(n), start, size) for n in names}
                yield self._part(start, size, None, arrays)
            return
        for start, x, arrays in self._forward_chunks(names):
            yield self._part(start, len(arrays["probabilities"]), x, arrays)

    def _part(self, start: int, size: int, x, arrays: dict[str, Tensor]) -> Signals:
        part = copy.copy(self)
        part.n_samples, part._first_row, part._X, part._arrays = size, start, x, arrays
        part._hash, part._known_finite, part.max_memory, part._scratch = None, set(), None, None
        return part

    def _hash_rows(self) -> np.ndarray:
        if self.pool is None:
            return _hash_input(self._X)
        with isolated_rng(derive_seed(self.seed, "loader"), self.device):
            return np.concatenate([_hash_input(x) for x, _ in self.batches()])

    def _hash_of(self, rows: np.ndarray) -> np.ndarray:
        if self._hash is None and (self.pool is None or self.pool.random_access):
            with isolated_rng(derive_seed(self.seed, "loader"), self.device):
                return _hash_input(_net.load_rows(self._X, rows))
        return super()._hash_of(rows)

    def _compute(self, names: set[str]) -> None:
        """One pass over the array for all of ``names``, kept in memory or on disk."""
        if self.exceeds_memory(names):
            self._scratch = self._scratch or Scratch()
            store = ScratchStore(self._scratch, self.device)
        else:
            # They come out of the same forward and are small.
            names = names | {"probabilities", "logits"}
            store = MemoryStore(self.n_samples)
        position = 0
        with closing(self._forward_chunks(names)) as chunks:
            for start, _, arrays in chunks:
                for name in names:
                    store.add(name, start, arrays[name])
                position = start + len(arrays["probabilities"])
        self._arrays |= store.finish()
        self.n_samples = position

    def _forward_chunks(self, names: set[str]) -> Iterator[tuple[int, object, dict[str, Tensor]]]:
        """One reading of the array: first row, samples and signals of each chunk."""
        with_mc = "mc_probabilities" in names
        others = self._other_nets(names)
        layer = self.layout.embedding_layer if "embeddings" in names else None
        hashes = None if self._hash is not None or self._rereadable_rows else []
        start, passes_differ = 0, False
        with ExitStack() as stack:
            module = stack.enter_context(_net.evaluation_mode(self._net))
            for net in (net for nets in others.values() for net in nets):
                stack.enter_context(_net.evaluation_mode(net))
            stack.enter_context(isolated_rng(derive_seed(self.seed, "loader"), self.device))
            seen = stack.enter_context(captured_input(module, layer))
            dropout = None
            if with_mc:
                dropout = MCDropout(module, self.n_passes, derive_seed(self.seed, "mc"))
            for x, size in self.batches(self.n_passes if with_mc else 1):
                with torch.no_grad():
                    arrays = self._forward(x, size, seen, dropout)
                    for name, nets in others.items():
                        P = [_probabilities(net, x) for net in nets]
                        arrays[name] = torch.stack(P) if row_axis(name) else P[0]
                if with_mc and not passes_differ:
                    passes = arrays["mc_probabilities"]
                    passes_differ = not bool((passes[:1] == passes).all())
                if hashes is not None:
                    hashes.append(_hash_input(x))
                yield start, x, arrays
                start += size
        if hashes is not None:
            self._hash = np.concatenate(hashes)
        if with_mc and start and self.n_passes > 1 and not passes_differ:
            raise MissingSignalError(_EQUAL_PASSES)

    @property
    def _rereadable_rows(self) -> bool:
        return self.pool is None or self.pool.random_access

    def _other_nets(self, names: set[str]) -> dict[str, list]:
        """Nets beside the one of the task whose probabilities are among ``names``."""
        others = {}
        if "previous_probabilities" in names:
            others["previous_probabilities"] = [self.previous_net]
        if "ensemble_probabilities" in names:
            codes = self.codes.cpu().numpy()
            others["ensemble_probabilities"] = [
                _net.fit_net(
                    _net.fresh_net(self._net, codes),
                    self._labeled.X,
                    codes,
                    derive_seed(self.seed, "ensemble", member),
                )
                for member in range(self.n_members)
            ]
        return others

    def _forward(self, x, size: int, seen: list[Tensor], dropout: MCDropout | None):
        def forward() -> tuple[Tensor, ...]:
            seen.clear()
            out = first_output(self._net.infer(x))
            return (out, seen[-1]) if seen else (out,)

        if dropout is None:
            outputs = forward()
        else:
            outputs, (raw, *_) = dropout.run(forward, size)
        logits, P = _net.to_probabilities(self._net, outputs[0])
        parts = {"logits": logits, "probabilities": P}
        if len(outputs) > 1:
            parts["embeddings"] = outputs[1][:size]
        if dropout is not None:
            flat = _net.to_probabilities(self._net, raw.flatten(0, 1))[1]
            parts["mc_probabilities"] = flat.unflatten(0, (self.n_passes, size))
        return parts

    def batches(self, copies: int = 1) -> Iterator[tuple[object, int]]:
        """Chunks of the input as the net takes them, with their sizes.

        ``copies`` says how many rows go downstream for each row of a chunk.
        """
        step = self._chunk_rows(copies)
        if self.pool is not None:
            for x in self.pool.chunks(step):
                yield x, get_len(x)
            return
        # An empty array is one empty chunk: its signals still have their widths.
        for start in range(0, max(self.n_samples, 1), step):
            x = _net.take_rows(self._X, slice(start, start + step))
            yield _net.writeable(x), min(step, self.n_samples - start)

    def _chunk_rows(self, copies: int) -> int:
        if self.chunk_size is not None:
            return self.chunk_size
        pool = self.pool
        row = _net.take_rows(self._X, slice(0, 1)) if pool is None else pool.first_row()
        rows = min(max(_CHUNK_ELEMENTS // row_elements(row), 32), _MAX_CHUNK)
        return max(rows // (1 + copies // 4), 16)


_EQUAL_PASSES = (
    "MC dropout gives the same probabilities in every pass: the dropout modules of the net in"
    " 'estimator' do not reach its output. Put a torch.nn.Dropout before the last linear layer, or"
    " take the strategies that need 'mc_probabilities' out of 'strategies'."
)


def _probabilities(net, x) -> Tensor:
    return _net.to_probabilities(net, first_output(net.infer(x)))[1]


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
    if isinstance(X, Dataset):
        row = default_collate([X[0][0]])
    elif isinstance(X, Pool):
        row = X.first_row()
    else:
        row = _net.take_rows(X, slice(0, 1))
    layout = _net.inspect_net(net, _net.writeable(row), embedding_layer)
    return NetSignals(net, X, layout, X_labeled=X_labeled, codes=codes, **options)


def _hash_input(X) -> np.ndarray:
    if isinstance(X, dict):
        return combine_hashes([_hash_input(X[key]) for key in sorted(X)])
    if isinstance(X, (list, tuple)):
        return combine_hashes([_hash_input(part) for part in X])
    return hash_rows(X.detach().cpu().numpy() if isinstance(X, Tensor) else np.asarray(X))
