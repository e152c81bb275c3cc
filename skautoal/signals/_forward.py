"""One reading of an array through the nets, chunk by chunk, for the signals that are wanted."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .._utils._rng import combine_hashes, derive_seed, hash_rows, isolated_rng
from ..data import DatasetPool, Pool
from ..data._base import chunk_rows, cut, n_rows_of
from ..data._convert import as_numpy, writeable
from ..data._rows import take_rows
from ..exceptions import MissingSignalError
from ..nets import _net
from ..nets._layers import captured_input, first_output
from ..nets._mc_dropout import MCDropout, is_out_of_memory
from ..nets._training import fit_net, fresh_net
from ._names import row_axis
from ._signals import Signals

_EQUAL_PASSES = (
    "MC dropout gives the same probabilities in every pass: the dropout modules of the net in"
    " 'estimator' do not reach its output. Put a torch.nn.Dropout before the last linear layer, or"
    " take the strategies that need 'mc_probabilities' out of 'strategies'."
)


class ForwardPasses(Signals):
    """The part of :class:`NetSignals` that reads samples and calls nets."""

    layout: _net.NetLayout
    previous_net: Any
    n_passes: int
    n_members: int
    seed: int
    chunk_size: int | None
    _members: list
    _rows_that_fit: int | None = None  # of a forward pass; known once memory has run out

    @property
    def pool(self) -> Pool | None:
        """The samples as a pool, if they are not an array that is sliced as it is."""
        if isinstance(self._X, Dataset):
            return DatasetPool(self._X, partial(_net.load_batches, self._net))
        return self._X if isinstance(self._X, Pool) else None

    def _forward_chunks(
        self, names: set[str]
    ) -> Generator[tuple[int, int, object, dict[str, Tensor]], None, None]:
        """One reading of the array: first row, size, samples and signals of each chunk."""
        with_mc = "mc_probabilities" in names
        others = self._other_nets(names)
        layer = self.layout.embedding_layer if "embeddings" in names else None
        hashes: list[np.ndarray] | None = None
        if self._hash is None and not self._rereadable_rows:
            hashes = []
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
            for x, size in self.batches(self._copies(names)):
                with torch.no_grad():
                    arrays = self._in_memory(x, size, partial(self._pass, seen, dropout, others))
                if with_mc and not passes_differ:
                    passes = arrays["mc_probabilities"]
                    passes_differ = not bool((passes[:1] == passes).all())
                if hashes is not None:
                    hashes.append(hash_input(x))
                yield start, size, x, arrays
                start += size
            if dropout is not None and start and self.n_passes > 1 and not passes_differ:
                # Few passes that drop little may be equal by chance.
                if not dropout.reaches(partial(self._output, cut(x, slice(self._rows_that_fit)))):
                    raise MissingSignalError(_EQUAL_PASSES)
        if hashes is not None:
            self._hash = np.concatenate(hashes)

    def _output(self, x) -> Tensor:
        with torch.no_grad():
            return first_output(self._net.infer(x))

    def _copies(self, names: set[str]) -> int:
        """Rows that go downstream for each row of a chunk."""
        return self.n_passes if "mc_probabilities" in names else 1

    @property
    def _rereadable_rows(self) -> bool:
        return self.pool is None or self.pool.random_access

    def _other_nets(self, names: set[str]) -> dict[str, list]:
        """Nets beside the one of the task whose probabilities are among ``names``."""
        others = {}
        if "previous_probabilities" in names:
            others["previous_probabilities"] = [self.previous_net]
        if "ensemble_probabilities" in names:
            self._members = self._members or self._trained_members()
            others["ensemble_probabilities"] = self._members
        return others

    def _trained_members(self) -> list:
        assert self.codes is not None
        assert self._labeled is not None
        codes = self.codes.cpu().numpy()
        return [
            fit_net(
                fresh_net(self._net, codes),
                self._labeled.X,
                codes,
                derive_seed(self.seed, "ensemble", member),
            )
            for member in range(self.n_members)
        ]

    def _in_memory(self, x, size: int, function) -> dict[str, Tensor]:
        """Signals ``function(x, size)`` of a chunk, in smaller pieces where memory runs out."""
        while True:
            step = max(1, min(size, self._rows_that_fit or size))
            try:
                if step >= size:
                    return function(x, size)
                starts = range(0, size, step)
                slices = [slice(start, min(start + step, size)) for start in starts]
                parts = [function(cut(x, rows), rows.stop - rows.start) for rows in slices]
                return {
                    name: torch.cat([part[name] for part in parts], dim=row_axis(name))
                    for name in parts[0]
                }
            except (MemoryError, RuntimeError) as exc:
                if step == 1 or not is_out_of_memory(exc):
                    raise
            # After the block, so that what the error refers to is free. The chunks that
            # follow are not tried whole again.
            self._rows_that_fit = step // 2

    def _pass(self, seen, dropout, others: dict[str, list], x, size: int) -> dict[str, Tensor]:
        arrays = self._forward(x, size, seen, dropout)
        for name, nets in others.items():
            P = [_probabilities(net, x) for net in nets]
            arrays[name] = torch.stack(P) if row_axis(name) else P[0]
        return arrays

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
                yield x, n_rows_of(x)
            return
        # An empty array is one empty chunk: its signals still have their widths.
        for start in range(0, max(self.n_samples, 1), step):
            x = take_rows(self._X, slice(start, start + step))
            yield writeable(x), min(step, self.n_samples - start)

    def _chunk_rows(self, copies: int) -> int:
        if self.chunk_size is not None:
            return self.chunk_size
        pool = self.pool
        row = take_rows(self._X, slice(0, 1)) if pool is None else pool.first_row()
        return max(chunk_rows(row) // (1 + copies // 4), 16)


def _probabilities(net, x) -> Tensor:
    return _net.to_probabilities(net, first_output(net.infer(x)))[1]


def hash_input(X) -> np.ndarray:
    if isinstance(X, dict):
        return combine_hashes([hash_input(X[key]) for key in sorted(X)])
    if isinstance(X, (list, tuple)):
        return combine_hashes([hash_input(part) for part in X])
    return hash_rows(as_numpy(X))
