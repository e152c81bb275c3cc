"""Source that computes signals from a trained skorch net, one pass over the array each time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .._utils._rng import derive_seed, isolated_rng
from ..data import DaskPool, DatasetPool, Pool, Scratch
from ..data._base import chunk_rows, n_rows_of
from ..data._convert import writeable
from ..data._rows import load_rows, n_samples, take_rows
from ..nets import _net
from ..nets._training import fit_net, fresh_net
from ._forward import forward_pass
from ._hashing import hash_block, hash_samples
from ._names import ARRAYS, parts_of
from ._source import Source
from ._stores import MemoryStore, ScratchStore

if TYPE_CHECKING:
    from ._signals import Signals

_SHARE_HELD = 4  # signals may take 1/4 of the memory; the rest is for work on them
_ROW_BYTES = 128  # hash, key, utility and position of a row, whatever its signals are


class NetSource(Source):
    """Trained net and samples, from which signals are computed on demand.

    Parameters
    ----------
    net : skorch classifier
        Trained net. Its state, mode and hooks are the same after each computation.
    X : array, tensor, dict of them, torch Dataset, or Pool
        Samples as the net takes them (floats as float32).
    layout : NetLayout
        Signals that the net can give.
    previous_net : skorch classifier, optional
        Trained net of the previous round.
    n_passes : int, default=10
        Number T of MC-dropout passes.
    n_members : int, default=5
        Number M of nets in an ensemble, each trained from scratch on the labelled samples.
    seed : int, default=0
        Seed of the dropout masks and the ensemble.
    chunk_size : int, optional
        Rows of a forward pass; by default about a million input values.
    max_memory : int, optional
        Bytes that the signals and work on them may take. Larger signals are computed in
        parts where possible, and otherwise written to a scratch folder, which :meth:`close`
        removes.
    columns_read : ndarray of bool of shape (d,), optional
        Columns of the samples that the net reads; by default all count.

    """

    def __init__(
        self,
        net: Any,
        X: Any,
        layout: _net.NetLayout,
        *,
        previous_net: Any = None,
        n_passes: int = 10,
        n_members: int = 5,
        seed: int = 0,
        chunk_size: int | None = None,
        max_memory: int | None = None,
        columns_read: np.ndarray | None = None,
    ):
        super().__init__(partial(_head, net, layout) if layout.has_head else None, net, X)
        self.layout = layout
        self.previous_net = previous_net
        self.n_passes = n_passes
        self.n_members = n_members
        self.seed = seed
        self.chunk_size = chunk_size
        self.max_memory = max_memory
        self.columns_read = columns_read
        self.n_classes = layout.n_outputs
        self.device = torch.device(net.device or "cpu")
        # The length of a stream is None until it has been read.
        self.n_samples = X.n_samples if isinstance(X, Pool) else n_samples(X)
        #: Rows of a forward pass that fit into memory; known once memory has run out.
        self.max_rows: int | None = None
        self._members: list = []
        self._hash: np.ndarray | None = None
        self._scratch: Scratch | None = None

    @property
    def pool(self) -> Pool | None:
        """The samples as a pool; None if they are an array, which is sliced directly."""
        if isinstance(self.X, Dataset):
            return DatasetPool(self.X, partial(_net.load_batches, self.net))
        return self.X if isinstance(self.X, Pool) else None

    @property
    def has_workers(self) -> bool:  # type: ignore[override]
        return isinstance(self.X, DaskPool) and self.X.client is not None

    # ---------------------------------------------------------------- what the net can give

    def has(self, name: str) -> bool:
        if name == "mc_probabilities":
            return self.layout.n_dropout > 0
        if name == "embeddings":
            return self.layout.embedding_layer is not None
        if name == "previous_probabilities":
            return self.previous_net is not None
        return name in ARRAYS or super().has(name)

    def check(self, names: Collection[str], needed_by: str) -> None:
        for name in names:
            self.layout.check(name, needed_by)

    def prepare(self, names: Collection[str], labeled: Signals | None, codes: Any) -> None:
        if "ensemble_probabilities" not in names or self._members:
            return
        assert labeled is not None  # Signals.has("ensemble_probabilities") has tested it
        y = codes.cpu().numpy()
        self._members = [
            fit_net(
                fresh_net(self.net, y), labeled.X, y, derive_seed(self.seed, "ensemble", member)
            )
            for member in range(self.n_members)
        ]

    def other_nets(self, names: set[str]) -> dict[str, list]:
        """Return the nets other than the task net whose probabilities are among ``names``."""
        others = {}
        if "previous_probabilities" in names:
            others["previous_probabilities"] = [self.previous_net]
        if "ensemble_probabilities" in names:
            others["ensemble_probabilities"] = self._members
        return others

    # ---------------------------------------------------------------- computing

    def compute(self, names: set[str]) -> dict[str, Tensor]:
        if self.exceeds_memory(names):
            self._scratch = self._scratch or Scratch()
            store: ScratchStore | MemoryStore = ScratchStore(self._scratch, self.device)
        else:
            # Probabilities come with every forward pass, are small, and are often needed.
            names = names | {"probabilities"}
            store = MemoryStore(self.n_samples)
        n = 0
        with closing(self.map_chunks(names, _arrays_of, None)) as chunks:
            for start, size, arrays in chunks:
                for name in names:
                    store.add(name, start, arrays[name].to(self.device))
                n = start + size
        self.n_samples = n
        return store.finish()

    def map_chunks(
        self, names: set[str], function: Callable[..., Any], shared: Any
    ) -> Generator[tuple[int, int, Any], None, None]:
        if self.has_workers:
            yield from self._map_on_workers(names, function, shared)
            return
        with closing(self._chunks(names)) as chunks:
            for start, size, x, arrays in chunks:
                yield start, size, function(shared, self.part(x, size), start, arrays)

    def _map_on_workers(
        self, names: set[str], function: Callable[..., Any], shared: Any
    ) -> Iterator[tuple[int, int, Any]]:
        """Do the same as :meth:`map_chunks` on the workers of a cluster, block by block."""

        def of_block(sent: tuple[NetSource, Any], rows: Any, start: int) -> list:
            source, shared = sent
            with closing(source.part(rows, len(rows))._chunks(names)) as chunks:
                return [
                    (
                        start + first,
                        size,
                        function(shared, source.part(x, size), start + first, arrays),
                    )
                    for first, size, x, arrays in chunks
                ]

        step = self._chunk_rows(self._copies(names))
        for results in self.X.map_blocks(of_block, (self.part(None, 0), shared), step):
            yield from results

    def _chunks(
        self, names: set[str]
    ) -> Generator[tuple[int, int, Any, dict[str, Tensor]], None, None]:
        """Read the array once; yield first row, size, samples and signals of each chunk."""
        # A stream may not be readable again: hash its rows in the same pass.
        hashes: list[np.ndarray] | None = None
        if self._hash is None and not self._random_access:
            hashes = []
        start = 0
        with forward_pass(self, names) as forward:
            for x, size in self.batches(self._copies(names)):
                arrays = forward(x, size)
                if hashes is not None:
                    hashes.append(hash_samples(x))
                yield start, size, x, arrays
                start += size
            if start:
                forward.check_dropout(x)
        if hashes is not None:
            self._hash = np.concatenate(hashes)

    # ---------------------------------------------------------------- reading the samples

    @property
    def _random_access(self) -> bool:
        return self.pool is None or self.pool.random_access

    def _copies(self, names: set[str]) -> int:
        """Return how many rows each sample becomes after the first dropout module."""
        return self.n_passes if "mc_probabilities" in names else 1

    def batches(self, copies: int = 1) -> Iterator[tuple[Any, int]]:
        """Yield chunks of the samples as the net takes them, with their sizes.

        ``copies`` is the number of rows that each sample becomes within the net; the more,
        the smaller the chunks.
        """
        step = self._chunk_rows(copies)
        if self.pool is not None:
            for x in self.pool.chunks(step):
                yield x, n_rows_of(x)
            return
        assert self.n_samples is not None  # only streams have an unknown length
        # An empty array is one empty chunk, so that its signals have the right widths.
        for start in range(0, max(self.n_samples, 1), step):
            x = take_rows(self.X, slice(start, start + step))
            yield writeable(x), min(step, self.n_samples - start)

    def _chunk_rows(self, copies: int) -> int:
        """Return the number of rows of a chunk."""
        if self.chunk_size is not None:
            return self.chunk_size
        pool = self.pool
        row = take_rows(self.X, slice(0, 1)) if pool is None else pool.first_row()
        return max(chunk_rows(row) // (1 + copies // 4), 16)

    def take(self, rows: np.ndarray) -> NetSource:
        taken = self.part(take_rows(self.X, rows), len(rows))
        taken._hash = None if self._hash is None else self._hash[rows]
        return taken

    def part(self, X: Any, n_samples: int) -> NetSource:
        part = copy.copy(self)
        part.X, part.n_samples = X, n_samples
        part._hash = part.max_memory = part._scratch = None
        return part

    def row_hash(self) -> np.ndarray:
        if self._hash is None:
            self._hash = self._hash_rows()
        return self._hash

    def _hash_rows(self) -> np.ndarray:
        """Hash all samples, chunk by chunk or by the workers of a cluster."""
        if self.pool is None:
            return hash_samples(self.X)
        if self.has_workers:
            return np.concatenate(list(self.X.map_blocks(hash_block, None, self._chunk_rows(1))))
        assert self.n_samples is not None  # a stream is hashed when it is read
        hashes, start = np.empty(self.n_samples, dtype=np.uint64), 0
        with isolated_rng(derive_seed(self.seed, "loader"), self.device):
            for x, size in self.batches():
                hashes[start : start + size] = hash_samples(x)
                start += size
        return hashes

    def hash_of(self, rows: np.ndarray) -> np.ndarray | None:
        if self._hash is not None or not self._random_access:
            return None
        with isolated_rng(derive_seed(self.seed, "loader"), self.device):
            return hash_samples(load_rows(self.X, rows))

    # ---------------------------------------------------------------- memory

    def rows_that_fit(self, names: Collection[str]) -> int | None:
        if self.max_memory is None:
            return None
        C = self.layout.n_outputs
        sizes = {
            "mc_probabilities": C * self.n_passes,
            "ensemble_probabilities": C * self.n_members,
            "embeddings": self.layout.embedding_size,
        }
        row = _ROW_BYTES + 4 * sum(sizes.get(name, C) for name in parts_of(names))
        return self.max_memory // (_SHARE_HELD * row)

    def close(self) -> None:
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None


def _head(net: Any, layout: _net.NetLayout, embeddings: Tensor) -> Tensor:
    """Return the logits of the net's linear head."""
    assert layout.embedding_layer is not None
    return _net.head_logits(net, layout.embedding_layer, embeddings)


def _arrays_of(
    _shared: None, _source: NetSource, _start: int, arrays: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Return the arrays of a chunk, as the function of :meth:`NetSource.map_chunks`."""
    return arrays
