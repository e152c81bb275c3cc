"""BAIT: a batch that minimizes a bound on the error of the last layer over the pool."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._distances import row_blocks
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_integer, check_number, labeled_signals

_MAX_FACTOR_ELEMENTS = 2**23  # largest n C^2 for exact Fisher factors: 64 MB in float64


class BAIT(BatchStrategy):
    """BAIT: greedy minimization of a bound on the expected error on the pool.

    The bound is tr(M^-1 F). The Fisher information of a sample with respect to the last layer is
    ``F(x) = h h^T (x) (diag(p) - p p^T)``, of size C d x C d. F is its mean over the pool. M is
    ``regularization`` times the identity plus the sum over labelled and picked samples. The
    forward step adds 2b samples one by one. The backward step removes one by one those that
    raise the trace least, until b are left.

    Parameters
    ----------
    regularization : float, default=1.0
        Positive information about each weight before any label.
    max_parameters : int, default=512
        Largest C d for which F(x) is exact. Above it, the class factor is replaced by its
        trace: ``F(x) = (1 - sum_c p_c^2) h h^T``, of size d x d.

    Notes
    -----
    Woodbury's identity updates M^-1 and, for every candidate, the two C x C matrices that
    determine its gain. A pick costs O(n (d C^2 + C^3) + (C d)^2) exactly and O(n d) with the
    approximation, which is exact for two classes. The approximation is also used if n C^2
    exceeds 2^23. Computations are in double precision.

    References
    ----------
    Ash, Goel, Krishnamurthy & Kakade, "Gone fishing: neural active learning with Fisher
    embeddings", NeurIPS 2021, arXiv 2106.09675; a Fisher information of size d x d for it:
    Huseljic, Hahn, Herde, Rauch & Sick, "Fast fishing: approximating BAIT for efficient
    and scalable deep active image classification", 2024, arXiv 2404.08981.

    Examples
    --------
    The first two samples are uncertain in two directions. The third one repeats the first:

    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import BAIT
    >>> signals = Signals(probabilities=[[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [1.0, 0.0]],
    ...                   embeddings=[[3.0, 0.0], [0.0, 3.0], [3.0, 0.0], [9.0, 9.0]])
    >>> picks = BAIT().select(signals, 2, random_state=0)
    >>> 1 in picks, 3 in picks
    (True, False)

    """

    needs = ("probabilities", "embeddings")
    cost = "O(b n (d C^2 + C^3)) exact, O(b n d + d^3) approximate"

    def __init__(self, regularization: float = 1.0, max_parameters: int = 512):
        self.regularization = regularization
        self.max_parameters = max_parameters

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_number("regularization", self.regularization, above=0)
        check_integer("max_parameters", self.max_parameters, 1)
        order = signals.order(rng)
        candidates = self._candidates(signals, order)
        picks = order.new_empty(min(2 * n_instances, len(order)))
        free = torch.ones_like(order, dtype=torch.bool)
        # Forward: add 2b samples, or the whole pool if it is smaller.
        for step in range(len(picks)):
            picks[step] = candidates.gains().masked_fill(~free, -torch.inf).argmax()
            candidates.take(picks[step])
            free[picks[step]] = False
        # Backward: remove samples until b are left.
        candidates = candidates.subset(picks)
        kept = torch.ones_like(picks, dtype=torch.bool)
        for _ in range(len(picks) - n_instances):
            least = candidates.losses().masked_fill(~kept, torch.inf).argmin()
            candidates.take(least, sign=-1)
            kept[least] = False
        return order[picks[kept]]

    def _candidates(self, signals: Signals, order: Tensor) -> _Candidates:
        """Return the pool along ``order``, with F, and M of the labelled samples."""
        P, H = signals.probabilities[order].double(), signals.embeddings[order].double()
        (n, n_classes), d = P.shape, H.shape[1]
        exact = n_classes * d <= self.max_parameters
        exact = exact and n * n_classes**2 <= _MAX_FACTOR_ELEMENTS
        factors = _class_factors if exact else _trace_factors
        S = factors(P)
        information = _information(H, S) / n
        known = self.regularization * torch.eye(len(information), dtype=H.dtype, device=H.device)
        labeled = labeled_signals(signals, self.needs, self.name)
        if labeled is not None:
            S_labeled = factors(labeled.probabilities.double())
            known += _information(labeled.embeddings.double(), S_labeled)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(known))
        return _Candidates(H, S, inverse, information)


class _Candidates:
    """Candidates with Fisher factors V_i = h_i (x) S_i, and the matrices their gains depend on.

    M^-1, N = M^-1 F M^-1 and, for each candidate, V^T M^-1 V and V^T N V, (n, r, r) each, are
    kept up to date.

    Parameters
    ----------
    H : Tensor of shape (n, d)
        Embeddings.
    S : Tensor of shape (n, c, r)
        Factors of the class part: S S^T = diag(p) - p p^T, or its trace with c = r = 1.
    inverse : Tensor of shape (d c, d c)
        M^-1.
    information : Tensor of shape (d c, d c)
        F.

    """

    def __init__(self, H: Tensor, S: Tensor, inverse: Tensor, information: Tensor):
        self.H, self.S = H, S
        self.inverse, self.information = inverse, information
        self.known = self._quadratic(inverse)
        self.useful = self._quadratic(inverse @ information @ inverse)

    def subset(self, rows: Tensor) -> _Candidates:
        """Return the candidates at ``rows``, with the same M and F."""
        part = object.__new__(_Candidates)
        part.inverse, part.information = self.inverse, self.information
        for name in ("H", "S", "known", "useful"):
            setattr(part, name, getattr(self, name)[rows])
        return part

    def gains(self) -> Tensor:
        """Compute the decrease of the trace from adding each candidate, (n,)."""
        return self._trace(sign=1)

    def losses(self) -> Tensor:
        """Compute the increase of the trace from removing each candidate, (n,)."""
        return self._trace(sign=-1)

    def _trace(self, sign: int) -> Tensor:
        """Compute tr((I +- V^T M^-1 V)^-1 V^T N V), the change of the trace by Woodbury, (n,)."""
        if self.known.shape[1] == 1:
            return (self.useful / (1 + sign * self.known)).flatten()
        eye = torch.eye(self.known.shape[1], dtype=self.H.dtype, device=self.H.device)
        solved = torch.linalg.solve(eye + sign * self.known, self.useful)
        return solved.diagonal(dim1=1, dim2=2).sum(1)

    def take(self, row: Tensor, sign: int = 1) -> None:
        """Add the information of a candidate to M, or subtract it with ``sign=-1``."""
        V = torch.einsum("a,ir->air", self.H[row], self.S[row]).flatten(0, 1)  # (d c, r)
        eye = torch.eye(V.shape[1], dtype=V.dtype, device=V.device)
        root = torch.linalg.cholesky(eye + sign * self.known[row])
        half = torch.linalg.solve_triangular(root, (self.inverse @ V).T, upper=False).T
        # Woodbury: M^-1 falls by sign U U^T, with U = half. Inserted into N = M^-1 F M^-1,
        # N falls by sign (X U^T + U X^T), with X = cross.
        moved = self.information @ half
        cross = self.inverse @ moved - sign / 2 * half @ (half.T @ moved)
        self.inverse = self.inverse - sign * half @ half.T
        to_half, to_cross = self._project(half), self._project(cross)
        product = to_cross @ to_half.mT
        self.known -= sign * to_half @ to_half.mT
        self.useful -= sign * (product + product.mT)

    def _project(self, U: Tensor) -> Tensor:
        """Compute V_i^T U of each candidate, (n, r, r)."""
        n_classes, r = self.S.shape[1:]
        rows = self.H @ U.reshape(self.H.shape[1], n_classes * r)
        return self.S.mT @ rows.reshape(-1, n_classes, r)

    def _quadratic(self, A: Tensor) -> Tensor:
        """Compute V_i^T A V_i of each candidate, (n, r, r), in blocks."""
        n, d = self.H.shape
        c = self.S.shape[1]
        out = torch.empty_like(self.S)
        for rows in row_blocks(n, d * c * c):
            half = (self.H[rows] @ A.reshape(d, c * d * c)).reshape(-1, c, d, c)
            inner = torch.einsum("nidj,nd->nij", half, self.H[rows])
            out[rows] = self.S[rows].mT @ inner @ self.S[rows]
        return out


def _class_factors(P: Tensor) -> Tensor:
    """Compute S with S S^T = diag(p) - p p^T, (n, C, C)."""
    root = P.sqrt()
    return torch.diag_embed(root) - P.unsqueeze(2) * root.unsqueeze(1)


def _trace_factors(P: Tensor) -> Tensor:
    """Compute the root of tr(diag(p) - p p^T) = 1 - sum_c p_c^2, (n, 1, 1)."""
    return (1 - P.square().sum(1)).clamp_min(0).sqrt()[:, None, None]


def _information(H: Tensor, S: Tensor) -> Tensor:
    """Sum the Fisher information over samples, (d c, d c), in blocks."""
    n, d = H.shape
    c, r = S.shape[1:]
    total = H.new_zeros(d * c, d * c)
    for rows in row_blocks(n, d * c * r):
        V = torch.einsum("na,nir->nrai", H[rows], S[rows]).reshape(-1, d * c)
        total.addmm_(V.T, V)
    return total
