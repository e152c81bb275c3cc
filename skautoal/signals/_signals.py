"""Signals of an array of samples: given as arrays, or computed by a source on demand."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import (
    draw_seed,
    first_in_order,
    order_among,
    random_order,
)
from ..exceptions import MissingSignalError
from ..ops._ranking import top_k
from ._checks import check_finite, why_missing
from ._hashing import hash_arrays
from ._names import ARRAYS, SIGNAL_NAMES, STACKED, parts_of, row_axis
from ._parts import map_parts
from ._source import Source


class Signals:
    """Signals of one array of samples: the output of a net, as query strategies use it.

    Signals can be given as arrays. :func:`compute_signals` returns signals that are
    computed from a net when they are first used.

    Parameters
    ----------
    labeled : Signals, optional
        Signals of the labelled samples.
    codes : array-like of shape (n_labeled,), optional
        Class codes 0..C-1 of the labelled samples.
    row_hash : ndarray of shape (n,), dtype uint64, optional
        Content hash of each row. By default the arrays are hashed.
    head : callable, optional
        Last layer of the net: maps embeddings (m, d) to logits (m, C), differentiably.
    net : skorch classifier, optional
        Net that the signals come from.
    X : array, tensor, dict of them, or torch Dataset, optional
        Samples as this net takes them.
    source : Source, optional
        Object that computes the signals that are not given. It replaces ``head``, ``net``
        and ``X``.
    **arrays : array-like
        Any of ``probabilities`` (n, C), ``logits`` (n, C), ``embeddings`` (n, d),
        ``mc_probabilities`` (T, n, C), ``ensemble_probabilities`` (M, n, C) and
        ``previous_probabilities`` (n, C), from the net of the previous round. Floating
        dtypes are kept; other dtypes become float32.

    Attributes
    ----------
    labeled : Signals or None
        Signals of the labelled samples.
    codes : Tensor of shape (n_labeled,) or None
        Class codes of the labelled samples.
    n_samples : int
        Number of samples n. None for a pool of unknown length that has not been read.
    timings : dict of str to float
        Seconds spent on each group of signals that were computed together.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> signals = Signals(probabilities=[[0.9, 0.1], [0.5, 0.5]])
    >>> signals.n_samples, signals.n_classes
    (2, 2)
    >>> signals.probabilities.max(dim=1).values.tolist()[1]
    0.5

    """

    n_samples: int
    _first_row = 0  # position of this part in the whole array, for messages

    def __init__(
        self,
        *,
        labeled: Signals | None = None,
        codes: Any = None,
        row_hash: np.ndarray | None = None,
        head: Callable[[Tensor], Tensor] | None = None,
        net: Any = None,
        X: Any = None,
        source: Source | None = None,
        **arrays: Any,
    ):
        self.source = Source(head, net, X) if source is None else source
        self._arrays = {
            name: _as_float_tensor(value) for name, value in arrays.items() if value is not None
        }
        if not (self._arrays or source) or not set(arrays) <= set(ARRAYS):
            raise ValueError(
                f"Signals must be given at least one of {ARRAYS} by keyword; got {sorted(arrays)}."
            )
        self.labeled = labeled
        self.codes = None if codes is None else torch.as_tensor(codes, device=self.device).long()
        self._hash = row_hash
        self._known_finite: set[str] = set()
        self.timings: dict[str, float] = {}
        lengths = {name: value.shape[row_axis(name)] for name, value in self._arrays.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"Signals must all have the same number of rows; got {lengths}.")
        self.n_samples = next(iter(lengths.values()), cast(int, self.source.n_samples))

    def __len__(self) -> int:
        return self.n_samples

    @property
    def device(self) -> torch.device:
        """Device of every signal."""
        for value in self._arrays.values():
            return value.device
        return self.source.device

    @property
    def n_classes(self) -> int:
        """Number of classes C."""
        if self.source.n_classes is not None:
            return self.source.n_classes
        for name in ("probabilities", *STACKED):
            if self.has(name):
                return self.get(name).shape[-1]
        raise MissingSignalError(
            f"The number of classes is unknown: these signals hold {sorted(self._arrays)}."
            " Pass probabilities or logits to Signals."
        )

    def has(self, name: str) -> bool:
        """Return whether the signal ``name`` is held or can be computed."""
        if name == "probabilities":
            return self._gives("probabilities") or self._gives("logits")
        if name == "logits":
            return self.has("probabilities")
        if name == "gradient_factors":
            return self.has("probabilities") and self.has("embeddings")
        if name == "labeled":
            return self.labeled is not None and self.codes is not None
        if name == "head":
            return self.source.has("head") and self.has("embeddings")
        if name == "ensemble_probabilities" and name not in self._arrays:
            return self.source.has(name) and self.has("labeled")  # trained on these
        return self._gives(name)

    def _gives(self, name: str) -> bool:
        return name in self._arrays or self.source.has(name)

    def _holds(self, names: Collection[str]) -> bool:
        return parts_of(names) <= set(self._arrays)

    def check_available(self, names: Collection[str], needed_by: str = "A strategy") -> None:
        """Raise a MissingSignalError if a signal is not available; compute nothing."""
        self.source.check(names, needed_by)
        for name in names:
            if name not in SIGNAL_NAMES:
                raise MissingSignalError(
                    f"{needed_by} needs {name!r}, which is not a signal. 'needs' may list"
                    f" {SIGNAL_NAMES}."
                )
            if not self.has(name):
                raise MissingSignalError(f"{needed_by} {why_missing(self, name)}")

    def compute(self, names: Collection[str]) -> None:
        """Compute the signals ``names`` together, in one pass over the array."""
        self.check_available(names)
        missing = parts_of(names) - set(self._arrays)
        if missing:
            start = time.perf_counter()
            self._compute(missing)
            stage = "+".join(sorted(missing))
            seconds = time.perf_counter() - start
            self.timings[stage] = self.timings.get(stage, 0.0) + seconds

    def require(self, names: Collection[str], needed_by: str = "A strategy") -> None:
        """Compute the signals ``names`` together.

        Raise a MissingSignalError if one is not available, and a ValueError that names the rows
        if one contains NaN or infinity. Messages begin with ``needed_by``.
        """
        self.check_available(names, needed_by)
        self.compute(names)
        for name in sorted(parts_of(names) - self._known_finite):
            check_finite(self, name, needed_by)
            self._known_finite.add(name)

    def read(self, names: Collection[str]) -> None:
        """Read a pool of unknown length and keep ``names``; do nothing for other pools."""
        if self.n_samples is None:
            self.compute({"probabilities", *filter(self.has, names)})

    def _compute(self, names: set[str]) -> None:
        of_source = {name for name in names if self.source.has(name)}
        if of_source:
            self.source.prepare(of_source, self.labeled, self.codes)
            self._arrays |= self.source.compute(of_source)
            if self.n_samples is None:
                self.n_samples = cast(int, self.source.n_samples)
        # What is left are the two signals that can be derived from each other.
        if "probabilities" in names - of_source:
            self._arrays["probabilities"] = self._arrays["logits"].softmax(dim=1)
        if "logits" in names - of_source:
            P = self._arrays["probabilities"]
            self._arrays["logits"] = P.clamp_min(torch.finfo(P.dtype).tiny).log()

    def get(self, name: str) -> Tensor:
        """Return one signal as a tensor; compute it if it is not held."""
        if name not in self._arrays:
            self.compute({name})
        return self._arrays[name]

    def close(self) -> None:
        """Remove the scratch files of signals with ``max_memory``."""
        self.source.close()

    @property
    def probabilities(self) -> Tensor:
        """Class probabilities P, (n, C)."""
        return self.get("probabilities")

    @property
    def logits(self) -> Tensor:
        """Logits, (n, C), whose softmax is P."""
        return self.get("logits")

    @property
    def embeddings(self) -> Tensor:
        """Embeddings H, (n, d), the input of the last linear layer."""
        return self.get("embeddings")

    @property
    def mc_probabilities(self) -> Tensor:
        """Class probabilities of each MC-dropout pass, (T, n, C)."""
        return self.get("mc_probabilities")

    @property
    def ensemble_probabilities(self) -> Tensor:
        """Class probabilities of each member of an ensemble, (M, n, C)."""
        return self.get("ensemble_probabilities")

    @property
    def previous_probabilities(self) -> Tensor:
        """Class probabilities from the net of the previous round, (n, C)."""
        return self.get("previous_probabilities")

    @property
    def net(self) -> Any:
        """Net that the signals come from."""
        self.check_available({"network"})
        return self.source.net

    @property
    def X(self) -> Any:
        """Samples as the net takes them."""
        self.check_available({"network"})
        return self.source.X

    def head(self, embeddings: Tensor) -> Tensor:
        """Return the logits (m, C) of embeddings (m, d); differentiable."""
        self.check_available({"head"})
        assert self.source.head is not None  # checked above
        return self.source.head(embeddings)

    @property
    def gradient_factors(self) -> tuple[Tensor, Tensor]:
        """Factors (P - onehot(argmax P), H), (n, C) and (n, d).

        The outer product of two rows is the gradient of the cross-entropy at the predicted
        label with respect to the weights of the last layer (Ash et al. 2020). It is never
        formed.
        """
        self.compute({"gradient_factors"})
        P = self.probabilities
        residual = P.clone()
        residual[torch.arange(len(P), device=P.device), P.argmax(dim=1)] -= 1
        return residual, self.embeddings

    @property
    def row_hash(self) -> np.ndarray:
        """Content hash of each row, (n,) uint64."""
        if self._hash is None:
            of_source = self.source.row_hash()
            self._hash = hash_arrays(self._arrays) if of_source is None else of_source
        return self._hash

    def take(self, indices: Any) -> Signals:
        """Return the signals of some of the rows; the labelled samples stay the same.

        Parameters
        ----------
        indices : array-like of shape (m,), dtype int
            Rows, in the wanted order.

        Returns
        -------
        signals : Signals
            Arrays that are held are gathered. Signals that are computed later are computed
            for these rows alone, and their time is added to ``timings`` of both.

        Examples
        --------
        >>> from skautoal.signals import Signals
        >>> signals = Signals(embeddings=[[0.0], [1.0], [2.0]])
        >>> signals.take([2, 0]).embeddings.tolist()
        [[2.0], [0.0]]

        """
        rows = torch.as_tensor(indices, dtype=torch.long, device=self.device)
        at = rows.cpu().numpy()
        # Hashed before, from the whole: a hash of the arrays held by the part could change
        # when more of them are computed.
        row_hash = self.row_hash[at]
        arrays = {
            name: value.index_select(row_axis(name), rows) for name, value in self._arrays.items()
        }
        taken = self._with_source(self.source.take(at), arrays)
        taken._hash, taken._known_finite = row_hash, set(self._known_finite)
        return taken

    def _with_source(self, source: Source, arrays: dict[str, Tensor], start: int = 0) -> Signals:
        """Return the signals of the samples of another source, which begin at row ``start``.

        ``arrays`` are held already. The labelled samples and the timings are shared.
        """
        other = copy.copy(self)
        other.source, other._arrays = source, arrays
        other.n_samples = cast(int, source.n_samples)
        other._first_row = self._first_row + start
        other._hash, other._known_finite = None, set()
        return other

    def exceeds_memory(self, names: Collection[str]) -> bool:
        """Return whether the signals ``names`` of all rows are too large for ``max_memory``."""
        return self.source.exceeds_memory(names)

    def manageable(
        self, names: Collection[str], least: int, seed: int
    ) -> tuple[Tensor | None, Signals]:
        """Return rows and signals of a random part if ``names`` exceed ``max_memory``.

        The part has as many rows as may be held, at least ``least``. They are in ascending order,
        (m,), and depend on ``seed`` and on the content of the rows. If nothing is exceeded, the
        rows are None and the signals are these.
        """
        limit = self.source.rows_that_fit(names)
        if limit is None or not self.exceeds_memory(names):
            return None, self
        m = min(self.n_samples, max(limit, least, 1))
        rows = torch.as_tensor(np.sort(first_in_order(self.row_hash, seed, m)))
        return rows.to(self.device), self.take(rows)

    def map_rows(
        self, names: Collection[str], function: Callable[[Signals], Tensor], needed_by: str
    ) -> Tensor:
        """Apply ``function``, which treats each row separately, to these signals, (n,).

        The function takes signals of some rows and returns one value for each. It is applied part
        by part if ``names`` exceed ``max_memory`` or are computed by the workers of a cluster.
        """
        if self.exceeds_memory(names) or (self.source.has_workers and not self._holds(names)):
            return map_parts(self, names, function, needed_by)
        self.require(names, needed_by)
        return function(self)

    def top(self, scores: Tensor, k: int, rng: np.random.RandomState) -> Tensor:
        """Return the rows of the ``k`` highest scores, best first, (k,); ties are random."""
        seed, n = draw_seed(rng), len(scores)
        border = scores.topk(k).values[-1] if k else torch.inf
        rows = (scores >= border).nonzero().flatten()
        if 2 * len(rows) > n:
            drawn = random_order(self.row_hash, seed)
            return top_k(scores, k, torch.as_tensor(drawn, device=scores.device))
        # Only rows that can be among the top k need a place in the random order, and a hash.
        at = rows.cpu().numpy()
        order = torch.as_tensor(order_among(at, self._hash_of(at), n, seed), device=scores.device)
        return rows[top_k(scores[rows], k, order)]

    def _hash_of(self, rows: np.ndarray) -> np.ndarray:
        of_source = None if self._hash is not None else self.source.hash_of(rows)
        return self.row_hash[rows] if of_source is None else of_source

    def order(self, rng: np.random.RandomState) -> Tensor:
        """Return a random permutation of the rows, (n,) int64.

        It depends on the content of the rows and not on their positions.
        """
        order = random_order(self.row_hash, draw_seed(rng))
        return torch.as_tensor(order, device=self.device)


def _as_float_tensor(value: Any) -> Tensor:
    tensor = torch.as_tensor(value)
    return tensor if tensor.is_floating_point() else tensor.float()
