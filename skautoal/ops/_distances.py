"""Distances and Gaussian kernels, computed in blocks so that no n x n matrix is held."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_BLOCK_ELEMENTS = 2**23  # maximum number of elements of a block of a distance matrix
_CACHED_ELEMENTS = 2**21  # blocks of this size fit the cache, and the allocator reuses them
_EFFICIENT_ROWS = 256  # products with fewer rows spend most time on packing the columns


def squared_distances(A: Tensor, B: Tensor) -> Tensor:
    """Compute squared Euclidean distances of all rows of A (n, d) and B (m, d), (n, m).

    Rounding never makes a distance negative.
    """
    # In place, because passes over the (n, m) matrix cost more than the product itself.
    products = torch.addmm(B.square().sum(1), A, B.T, alpha=-2)
    return products.add_(A.square().sum(1)[:, None]).clamp_min_(0)


def row_blocks(n: int, m: int) -> Iterator[slice]:
    """Split n rows into slices such that a block of rows x m columns stays small."""
    m = max(1, m)
    step = min(max(_CACHED_ELEMENTS // m, _EFFICIENT_ROWS), max(1, _BLOCK_ELEMENTS // m))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def nearest_distances(A: Tensor, B: Tensor) -> Tensor:
    """Compute the squared distance of each row of A (n, d) to its nearest row of B (m, d), (n,)."""
    return ShiftedPoints(A).to_nearest(B)


class ShiftedPoints:
    """Points with one of them as the origin, for accurate distances far from zero.

    Squared distances are differences of squared lengths. Far from the origin these lengths
    are large and their difference is mostly rounding error. With one of the points as the
    origin, coordinates that floating point represents exactly stay exact.

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
        """Compute squared distances of ``rows`` (m,) to all points, (m, n), in O(m n d) time."""
        cross = torch.addmm(self.scale, self.X[rows], self.X.T, alpha=-2)
        return cross.add_(self.scale[rows][:, None]).clamp_min_(0)

    def to_nearest(self, others: Tensor) -> Tensor:
        """Compute the squared distance of each point to the nearest of ``others`` (m, d), (n,)."""
        others = others - self.origin
        lengths = others.square().sum(1)
        out = torch.empty_like(self.scale)
        for rows in row_blocks(len(self.X), len(others)):
            products = torch.addmm(lengths, self.X[rows], others.T, alpha=-2)
            out[rows] = products.amin(dim=1).add_(self.scale[rows]).clamp_min_(0)
        return out


def normalize_rows(H: Tensor) -> Tensor:
    """Scale rows to length 1; zero rows stay zero."""
    return H / H.norm(dim=1, keepdim=True).clamp_min(torch.finfo(H.dtype).tiny)


def gaussian_kernel(A: Tensor, B: Tensor, width: float) -> Tensor:
    """Compute the kernel matrix exp(-||a - b||^2 / width^2), (n, m)."""
    return GaussianKernel(A, B, width)[slice(None)]


class GaussianKernel:
    """Lazy kernel matrix exp(-||a - b||^2 / width^2), whose rows are computed on access.

    Parameters
    ----------
    A : Tensor of shape (n, d)
        Points of the rows.
    B : Tensor of shape (m, d)
        Points of the columns. The kernel is symmetric if it is the same object as ``A``.
    width : float
        Width of the kernel, in the units of the points.

    """

    def __init__(self, A: Tensor, B: Tensor, width: float):
        self.symmetric = A is B
        # -|a - b|^2 / w^2 = (2 / w^2) a.b - |a|^2 / w^2 - |b|^2 / w^2: one matrix product
        # plus one precomputed number for each row and each column.
        self.left, self.right = A * (2 / width**2), B.T
        self.of_row = A.square().sum(1).div_(-(width**2))
        self.of_column = B.square().sum(1).div_(-(width**2))

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Compute the kernel of ``rows`` with all of B, (r, m), as a new tensor."""
        return self.block(rows, slice(None))

    def block(self, rows: Tensor | slice, columns: slice) -> Tensor:
        """Compute the kernel of ``rows`` with ``columns``, (r, c), as a new tensor."""
        right, of_column = self.right[:, columns], self.of_column[columns]
        exponent = torch.addmm(of_column, self.left[rows], right)
        return exponent.add_(self.of_row[rows][:, None]).clamp_max_(0).exp_()


def nearest_kernel(A: Tensor, B: Tensor, width: float) -> Tensor:
    """Compute the largest kernel value of each row of A with a row of B, (n,); 0 if B is empty."""
    if len(B) == 0:
        return A.new_zeros(len(A))
    return nearest_distances(A, B).div_(-(width**2)).exp_()
