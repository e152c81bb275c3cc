"""Sources: the net and the samples that signals come from, when they are not arrays."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Generator, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..data._rows import take_rows
from ..exceptions import MissingSignalError

if TYPE_CHECKING:
    from ._signals import Signals


class Source:
    """Net, samples and linear head behind the signals of one array of samples.

    :class:`~skautoal.signals.Signals` asks its source for what it does not hold. This base
    computes nothing; subclasses override :meth:`has` and :meth:`compute`.

    Parameters
    ----------
    head : callable, optional
        Last layer of the net: maps embeddings (m, d) to logits (m, C), differentiably.
    net : skorch classifier, optional
        Net that the signals come from.
    X : array, tensor, dict of them, torch Dataset or Pool, optional
        Samples as the net takes them.

    Attributes
    ----------
    n_samples : int or None
        Number of samples n; None if it is not known to the source, or not yet.
    n_classes : int or None
        Number of classes C; None if it is not known to the source.
    device : torch.device
        Device of the computed signals.
    has_workers : bool
        Whether the workers of a cluster compute the signals.
    columns_read : ndarray of bool of shape (d,) or None
        Columns of the samples that the net reads; None if all count.

    """

    n_samples: int | None = None
    n_classes: int | None = None
    device = torch.device("cpu")
    has_workers = False
    columns_read: np.ndarray | None = None

    def __init__(
        self, head: Callable[[Tensor], Tensor] | None = None, net: Any = None, X: Any = None
    ):
        self.head, self.net, self.X = head, net, X

    def has(self, name: str) -> bool:
        """Test whether the source gives the signal ``name`` by itself."""
        if name == "head":
            return self.head is not None
        return name == "network" and self.net is not None and self.X is not None

    def check(self, names: Collection[str], needed_by: str) -> None:
        """Raise a MissingSignalError if the net cannot give one of ``names``."""

    def prepare(self, names: Collection[str], labeled: Signals | None, codes: Any) -> None:
        """Train the nets that ``names`` need, on the labelled samples and their codes."""

    def compute(self, names: set[str]) -> dict[str, Tensor]:
        """Compute the arrays ``names``, and possibly others, for all samples."""
        raise NotImplementedError

    def map_chunks(
        self, names: set[str], function: Callable[..., Any], shared: Any
    ) -> Generator[tuple[int, int, Any], None, None]:
        """Compute the arrays ``names`` of one chunk of rows at a time and apply a function.

        Parameters
        ----------
        names : set of str
            Arrays to compute.
        function : callable
            Takes ``shared``, the source of a chunk, its first row and its arrays by name.
        shared : object
            Sent to every worker of a cluster once.

        Yields
        ------
        start : int
            First row of the chunk.
        size : int
            Number of rows.
        result : object
            Value of the function.

        """
        raise NotImplementedError

    def rows_that_fit(self, names: Collection[str]) -> int | None:
        """Return how many rows of ``names`` may be in memory; None if there is no limit."""
        return None

    def exceeds_memory(self, names: Collection[str]) -> bool:
        """Test whether the signals ``names`` of all rows are too large for the memory."""
        limit = self.rows_that_fit(names)
        return limit is not None and (self.n_samples is None or self.n_samples > limit)

    def take(self, rows: np.ndarray) -> Source:
        """Return the source of the samples ``rows`` (m,), in this order."""
        return self.part(None if self.X is None else take_rows(self.X, rows), len(rows))

    def part(self, X: Any, n_samples: int) -> Source:
        """Return the source of other samples ``X`` with the same nets."""
        part = copy.copy(self)
        part.X, part.n_samples = X, n_samples
        return part

    def batches(self) -> Iterator[tuple[Any, int]]:
        """Yield chunks of the samples as the net takes them, with their sizes."""
        raise MissingSignalError("These signals have no samples. Compute them from a net.")

    def row_hash(self) -> np.ndarray | None:
        """Return a content hash of each sample, (n,) uint64; None if the source has no samples."""
        return None

    def hash_of(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the content hashes of ``rows`` (m,), if that is cheaper than of all rows."""
        return None

    def close(self) -> None:
        """Remove the files of the source."""
