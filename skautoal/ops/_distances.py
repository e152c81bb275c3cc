"""Distances and kernels in blocks: nothing of size n x n is ever held."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_BLOCK_ELEMENTS = 2**23  # elements of one block of a distance matrix, at most
_CACHED_ELEMENTS = 2**21  # as many stay in the cache, and the allocator keeps their memory
_EFFICIENT_ROWS = 256  # of fewer rows a product spends its time on preparing the columns


def squared_distances(A: Tensor, B: Tensor) -> Tensor:
    """Squared Euclidean distances, (n, m), never negative."""
    # In place: passes over the matrix cost more here than its products.
    products = torch.addmm(B.square().sum(1), A, B.T, alpha=-2)
    return products.add_(A.square().sum(1)[:, None]).clamp_min_(0)


def row_blocks(n: int, m: int) -> Iterator[slice]:
    """Slices of n rows such that a block against m columns stays small."""
    m = max(1, m)
    step = min(max(_CACHED_ELEMENTS // m, _EFFICIENT_ROWS), max(1, _BLOCK_ELEMENTS // m))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def nearest_distances(A: Tensor, B: Tensor) -> Tensor:
    """Squared distance of each row of A to its nearest row of B, (n,)."""
    return ShiftedPoints(A).to_nearest(B)


class ShiftedPoints:
    """Points counted from one of them, for distances that rounding does not swamp.

    Far from the origin, differences of squared lengths are mostly rounding. One of the
    points as origin keeps what is exact in floating point exact.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        The points.

    """

    def __init__(self, X: Tensor):
        self.origin = X[:1]
        self.X = X - self.origin
        self.scale = self.X.square().sum(1)

    def __len__(self) -> int:
        return len(self.X)

    def to_rows(self, rows: Tensor) -> Tensor:
        """Squared distances of ``rows`` (m,) to all, (m, n), in O(m n d)."""
        cross = torch.addmm(self.scale, self.X[rows], self.X.T, alpha=-2)
        return cross.add_(self.scale[rows][:, None]).clamp_min_(0)

    def to_nearest(self, others: Tensor) -> Tensor:
        """Squared distances to the nearest of other points (m, d), (n,)."""
        others = others - self.origin
        lengths = others.square().sum(1)
        out = torch.empty_like(self.scale)
        for rows in row_blocks(len(self.X), len(others)):
            products = torch.addmm(lengths, self.X[rows], others.T, alpha=-2)
            out[rows] = products.amin(dim=1).add_(self.scale[rows]).clamp_min_(0)
        return out


def normalize_rows(H: Tensor) -> Tensor:
    """Rows scaled to length 1; zero rows stay zero."""
    return H / H.norm(dim=1, keepdim=True).clamp_min(torch.finfo(H.dtype).tiny)


def gaussian_kernel(A: Tensor, B: Tensor, width: float) -> Tensor:
    """Kernel exp(-||a - b||^2 / width^2), (n, m)."""
    return GaussianKernel(A, B, width)[slice(None)]


class GaussianKernel:
    """Rows of the kernel matrix exp(-||a - b||^2 / width^2), made when asked for.

    Parameters
    ----------
    A : Tensor of shape (n, d)
    B : Tensor of shape (m, d)
    width : float
        Width of the kernel.

    """

    def __init__(self, A: Tensor, B: Tensor, width: float):
        self.symmetric = A is B
        # The exponent is a product of scaled points plus a number for each row and column.
        self.left, self.right = A * (2 / width**2), B.T
        self.of_row = A.square().sum(1).div_(-(width**2))
        self.of_column = B.square().sum(1).div_(-(width**2))

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Kernel of some rows with all of B, (r, m); a new tensor."""
        return self.block(rows, slice(None))

    def block(self, rows: Tensor | slice, columns: slice) -> Tensor:
        """Kernel of some rows with some rows of B, (r, c); a new tensor."""
        right, of_column = self.right[:, columns], self.of_column[columns]
        exponent = torch.addmm(of_column, self.left[rows], right)
        return exponent.add_(self.of_row[rows][:, None]).clamp_max_(0).exp_()


def nearest_kernel(A: Tensor, B: Tensor, width: float) -> Tensor:
    """Largest kernel value of each row of A with the rows of B, (n,); 0 if B is empty."""
    if len(B) == 0:
        return A.new_zeros(len(A))
    return nearest_distances(A, B).div_(-(width**2)).exp_()
