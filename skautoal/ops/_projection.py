"""Principal components of a set of points, and projections of other points onto them."""

from __future__ import annotations

from numbers import Integral

import torch
from torch import Tensor


def principal_components(
    X: Tensor, n_components: int, others: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Project ``X`` (and ``others``) onto the leading principal components of ``X``.

    Parameters
    ----------
    X : Tensor of shape (n, d)
        Points that define the components.
    n_components : int
        Number of components, at least 1; at most d are used.
    others : Tensor of shape (m, d), optional
        Points to project onto the same components.

    Returns
    -------
    X_projected : Tensor of shape (n, min(n_components, d))
        Coordinates of ``X``.
    others_projected : Tensor of shape (m, min(n_components, d)) or None
        Coordinates of ``others``; None if they are not given.

    Raises
    ------
    ValueError
        If ``n_components`` is not an integer of at least 1.

    """
    is_integer = isinstance(n_components, Integral) and not isinstance(n_components, bool)
    if not is_integer or n_components < 1:
        raise ValueError(f"'n_components' must be None or an integer >= 1; got {n_components!r}.")
    mean = X.mean(dim=0)
    centred = X - mean
    # The eigenvectors of the d x d covariance are exact and take O(n d^2 + d^3) time,
    # less than a singular value decomposition of X when n is large.
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    basis = vectors.flip(1)[:, :n_components]
    return centred @ basis, None if others is None else (others - mean) @ basis
