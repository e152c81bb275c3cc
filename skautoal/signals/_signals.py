"""Signals given as arrays, and what every kind of signals shares: names, checks, order."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import combine_hashes, draw_seed, hash_rows, order_among, random_order
from ..data._rows import take_rows
from ..exceptions import MissingSignalError
from ..ops._ranking import top_k
from ._names import ARRAYS, SIGNAL_NAMES, STACKED, parts_of, row_axis


class Signals:
    """Signals of one array of samples, given as arrays.

    Parameters
    ----------
    labeled : Signals, optional
        The same of the labelled samples.
    codes : array-like of shape (n_labeled,), optional
        Class codes 0..C-1 of the labelled samples.
    row_hash : ndarray of shape (n,), dtype uint64, optional
        Content hash of each row; made from the arrays if not given.
    head : callable, optional
        The last layer: embeddings (m, d) to logits (m, C), differentiable.
    net : skorch classifier, optional
        The net the signals come from.
    X : array, tensor, dict of them, or torch Dataset, optional
        The samples as that net takes them.
    **arrays : array-like
        Any of ``probabilities`` (n, C), ``logits`` (n, C), ``embeddings`` (n, d),
        ``mc_probabilities`` (T, n, C), ``ensemble_probabilities`` (M, n, C) and
        ``previous_probabilities`` (n, C), those of last round's net. Floating dtypes
        are kept.

    Attributes
    ----------
    n_samples : int
        Number of samples n.
    timings : dict of str to float
        Seconds spent on each group of signals that was computed together.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> signals = Signals(probabilities=[[0.9, 0.1], [0.5, 0.5]])
    >>> signals.n_samples, signals.n_classes
    (2, 2)
    >>> signals.probabilities.max(dim=1).values.tolist()[1]
    0.5

    """

    _first_row = 0  # where this part stands in the whole, for messages

    def __init__(
        self,
        *,
        labeled: Signals | None = None,
        codes=None,
        row_hash: np.ndarray | None = None,
        head: Callable[[Tensor], Tensor] | None = None,
        net=None,
        X=None,
        **arrays,
    ):
        self._head, self._net, self._X = head, net, X
        self._arrays = {
            name: _as_float_tensor(value) for name, value in arrays.items() if value is not None
        }
        if not self._arrays or not set(arrays) <= set(ARRAYS):
            raise ValueError(
                f"Signals takes at least one of {ARRAYS} as keyword; got {sorted(arrays)}."
            )
        self._labeled = labeled
        self.codes = None if codes is None else torch.as_tensor(codes).long()
        self._hash = row_hash
        self._known_finite: set[str] = set()
        self.timings: dict[str, float] = {}
        lengths = {name: value.shape[row_axis(name)] for name, value in self._arrays.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"Signals of one array must have as many rows each; got {lengths}.")
        self.n_samples = next(iter(lengths.values()))

    def __len__(self) -> int:
        return self.n_samples

    @property
    def device(self) -> torch.device:
        """Device of every signal."""
        return next(iter(self._arrays.values())).device

    @property
    def n_classes(self) -> int:
        """Number of classes C."""
        for name in ("probabilities", *STACKED):
            if self.has(name):
                return self.get(name).shape[-1]
        raise MissingSignalError(
            f"The number of classes is unknown: these signals hold {sorted(self._arrays)}."
            " Pass probabilities or logits to Signals."
        )

    @property
    def labeled(self) -> Signals | None:
        """Signals of the labelled samples, or None."""
        return self._labeled

    def has(self, name: str) -> bool:
        """Whether ``name`` can be had here."""
        if name == "probabilities":
            return bool({"probabilities", "logits"} & set(self._arrays))
        if name == "logits":
            return self.has("probabilities")
        if name == "gradient_factors":
            return self.has("probabilities") and self.has("embeddings")
        if name == "labeled":
            return self._labeled is not None and self.codes is not None
        if name == "head":
            return self._head is not None and self.has("embeddings")
        if name == "network":
            return self._net is not None and self._X is not None
        return name in self._arrays

    def check_available(self, names: Collection[str], needed_by: str = "A strategy") -> None:
        """Refuse signals that cannot be had; computes nothing.

        Raises
        ------
        MissingSignalError
            If a name is no signal, or the net cannot give it.

        """
        for name in names:
            if name not in SIGNAL_NAMES:
                raise MissingSignalError(
                    f"{needed_by} needs {name!r}, which is not a signal; 'needs' may"
                    f" name {SIGNAL_NAMES}."
                )
            if not self.has(name):
                raise MissingSignalError(f"{needed_by} {self._why_missing(name)}")

    def _why_missing(self, name: str) -> str:
        if name in ("labeled", "ensemble_probabilities"):
            return (
                "needs labelled samples; pass 'X_labeled' and 'y_labeled' (a sampler does"
                " so by itself)."
            )
        if name == "previous_probabilities":
            return (
                "needs the net of the round before; use teach() from the second round on"
                " instead of fit(), or pass 'previous_net'."
            )
        missing = [part for part in sorted(parts_of({name})) if not self.has(part)] or [name]
        return (
            f"needs {name!r}, which these signals do not hold; they hold"
            f" {sorted(self._arrays)}. Pass {missing} to Signals."
        )

    def compute(self, names: Collection[str]) -> None:
        """Compute ``names`` together, in one pass over the array."""
        self.check_available(names)
        missing = parts_of(names) - set(self._arrays)
        if missing:
            start = time.perf_counter()
            self._compute(missing)
            stage = "+".join(sorted(missing))
            seconds = time.perf_counter() - start
            self.timings[stage] = self.timings.get(stage, 0.0) + seconds

    def require(self, names: Collection[str], needed_by: str = "A strategy") -> None:
        """Compute ``names`` together, and refuse what is missing or not finite.

        Raises
        ------
        MissingSignalError
            If a signal cannot be had.
        ValueError
            If a signal holds NaN or infinity; says which and in which rows.

        """
        self.check_available(names, needed_by)
        self.compute(names)
        for name in sorted(parts_of(names) - self._known_finite):
            self._check_finite(name, needed_by)

    def _compute(self, names: set[str]) -> None:
        """Fill in ``names`` from what is held."""
        if "probabilities" in names:
            self._arrays["probabilities"] = self._arrays["logits"].softmax(dim=1)
        if "logits" in names:
            P = self._arrays["probabilities"]
            self._arrays["logits"] = P.clamp_min(torch.finfo(P.dtype).tiny).log()

    def _check_finite(self, name: str, needed_by: str) -> None:
        value = self._arrays[name]
        # A finite sum has finite terms; only a sum that is not needs a look at each.
        if value.sum(dtype=torch.float64).isfinite() or bool(torch.isfinite(value).all()):
            self._known_finite.add(name)
            return
        axes = (0, 2) if name in STACKED else (1,)
        bad = (~torch.isfinite(value)).any(dim=axes).nonzero().flatten()
        raise ValueError(
            f"{needed_by} needs finite {name!r}, but {len(bad)} of {self.n_samples} rows"
            f" hold NaN or infinity, the first of them {(bad[:5] + self._first_row).tolist()}."
            " Check the"
            " inputs for such values and the net for divergence (a lower lr helps)."
        )

    def get(self, name: str) -> Tensor:
        """One signal as a tensor; computed now if it was not before."""
        if name not in self._arrays:
            self.compute({name})
        return self._arrays[name]

    @property
    def probabilities(self) -> Tensor:
        """Class probabilities P, (n, C)."""
        return self.get("probabilities")

    @property
    def logits(self) -> Tensor:
        """Logits, (n, C): softmax of them is P."""
        return self.get("logits")

    @property
    def embeddings(self) -> Tensor:
        """Embeddings H, (n, d): the input of the last linear layer."""
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
        """Class probabilities from the net of the round before, (n, C)."""
        return self.get("previous_probabilities")

    @property
    def net(self):
        """The net the signals come from."""
        self.check_available({"network"})
        return self._net

    @property
    def X(self):
        """The samples as the net takes them."""
        self.check_available({"network"})
        return self._X

    def head(self, embeddings: Tensor) -> Tensor:
        """Logits (m, C) that the last layer gives embeddings (m, d); differentiable."""
        self.check_available({"head"})
        assert self._head is not None
        return self._head(embeddings)

    @property
    def gradient_factors(self) -> tuple[Tensor, Tensor]:
        """Factors (P - onehot(argmax P), H): their outer product is never formed.

        The gradient of the cross-entropy at the predicted label with respect to the
        last layer's weights is their outer product a row (Ash et al. 2020).
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
            self._hash = self._hash_rows()
        return self._hash

    def _hash_rows(self) -> np.ndarray:
        parts = [
            value.transpose(0, 1) if name in STACKED else value
            for name, value in sorted(self._arrays.items())
        ]
        return combine_hashes([hash_rows(part.cpu().numpy()) for part in parts])

    def take(self, indices) -> Signals:
        """Signals of some of the rows; the labelled samples stay the same.

        Parameters
        ----------
        indices : array-like of shape (m,), dtype int
            The rows, in the order wanted.

        Returns
        -------
        signals : Signals
            Of the same kind. Arrays that are held are gathered; what is computed later is
            computed for these rows alone, and its time counted in ``timings`` of both.

        Examples
        --------
        >>> from skautoal.signals import Signals
        >>> signals = Signals(embeddings=[[0.0], [1.0], [2.0]])
        >>> signals.take([2, 0]).embeddings.tolist()
        [[2.0], [0.0]]

        """
        rows = torch.as_tensor(indices, dtype=torch.long, device=self.device)
        taken = copy.copy(self)
        taken.n_samples = len(rows)
        taken._arrays = {
            name: value.index_select(row_axis(name), rows) for name, value in self._arrays.items()
        }
        taken._known_finite = set(self._known_finite)
        at = rows.cpu().numpy()
        # The content of equal rows must stay equal: a hash of what is held now could
        # differ from one of what is held later.
        taken._hash = self.row_hash[at]
        taken._X = None if self._X is None else take_rows(self._X, at)
        return taken

    def exceeds_memory(self, names: Collection[str]) -> bool:
        """Whether ``names`` of all rows are more than may be held at a time."""
        return False

    def manageable(self, names: Collection[str], least: int, seed: int):
        """These signals, or those of a random part of the rows that can be held.

        Parameters
        ----------
        names : collection of str
            Signals that will be read.
        least : int
            Rows that are needed at any rate.
        seed : int
            Chooses the rows.

        Returns
        -------
        rows : Tensor of shape (m,) or None
            The rows in ascending order; None for all of them.
        signals : Signals
            Theirs.

        """
        return None, self

    def map_rows(
        self, names: Collection[str], function: Callable[[Signals], Tensor], needed_by: str
    ) -> Tensor:
        """``function`` of the signals ``names``, (n,), for functions that go row by row.

        Signals that cannot be held for all rows are made and given part by part.
        """
        self.require(names, needed_by)
        return function(self)

    def top(self, scores: Tensor, k: int, rng: np.random.RandomState) -> Tensor:
        """Rows of the ``k`` highest scores, best first, (k,); chance decides between equals."""
        seed, n = draw_seed(rng), len(scores)
        border = scores.topk(k).values[-1] if k else torch.inf
        rows = (scores >= border).nonzero().flatten()
        if 2 * len(rows) > n:
            drawn = random_order(self.row_hash, seed)
            return top_k(scores, k, torch.as_tensor(drawn, device=scores.device))
        # Who is first among equals only matters to those that can be chosen.
        at = rows.cpu().numpy()
        order = torch.as_tensor(order_among(at, self._hash_of(at), n, seed), device=scores.device)
        return rows[top_k(scores[rows], k, order)]

    def _hash_of(self, rows: np.ndarray) -> np.ndarray:
        return self.row_hash[rows]

    def order(self, rng: np.random.RandomState) -> Tensor:
        """Random permutation of the rows, (n,), that follows rows when they move."""
        order = random_order(self.row_hash, draw_seed(rng))
        return torch.as_tensor(order, device=self.device)


def _as_float_tensor(value) -> Tensor:
    tensor = torch.as_tensor(value)
    return tensor if tensor.is_floating_point() else tensor.float()
