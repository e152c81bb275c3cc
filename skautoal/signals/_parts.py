"""Functions of signals that are too large for the memory, computed part by part."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor

from ._names import parts_of, row_axis
from ._source import Source
from ._stores import MemoryStore

if TYPE_CHECKING:
    from ._signals import Signals

_PART_ROWS = 1_024  # rows of a part, when signals on disk are read part by part


def map_parts(
    signals: Signals,
    names: Collection[str],
    function: Callable[[Signals], Tensor],
    needed_by: str,
) -> Tensor:
    """Apply a function that treats each row separately to one part of the rows at a time.

    See :meth:`Signals.map_rows` for the parameters. Signals that are not held are computed
    for one chunk of samples at a time and dropped, here or by the workers of a cluster.
    """
    signals.check_available(names, needed_by)
    answer = partial(_answer, names, function, needed_by)
    # Kept separately, small results would fragment the memory freed by the chunks.
    store = MemoryStore(signals.n_samples)
    with closing(_answers(signals, names, answer)) as answers:
        for start, values in answers:
            store.add("answer", start, values.to(signals.device))
    return store.finish()["answer"]


def _answers(
    signals: Signals, names: Collection[str], answer: Callable[..., Tensor]
) -> Generator[tuple[int, Tensor], None, None]:
    """Yield the first row and the answer of one part after another."""
    source, n, parts = signals.source, signals.n_samples, parts_of(names)
    # Functions of the raw samples need the chunks themselves.
    if signals._holds(names) and "network" not in names:
        for start in range(0, n, _PART_ROWS):
            size = min(_PART_ROWS, n - start)
            arrays = {k: signals._arrays[k].narrow(row_axis(k), start, size) for k in parts}
            yield start, answer(signals, source.part(None, size), start, arrays)
        return
    source.prepare(parts, signals.labeled, signals.codes)
    # Workers get the signals without the arrays and samples of the pool.
    shared = signals._with_source(source.part(None, 0), {})
    with closing(source.map_chunks(parts, answer, shared)) as chunks:
        for start, _, values in chunks:
            yield start, values


def _answer(
    names: Collection[str],
    function: Callable[[Signals], Tensor],
    needed_by: str,
    signals: Signals,
    source: Source,
    start: int,
    arrays: dict[str, Tensor],
) -> Tensor:
    """Apply a function to the part of ``signals`` from row ``start`` on."""
    wanted = {name: arrays[name] for name in parts_of(names)}
    part = signals._with_source(source, wanted, start)
    part.require(names, needed_by)
    return function(part)
