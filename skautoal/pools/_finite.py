"""Finite rows of a pool, for queries with ``on_nonfinite="skip"``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ._base import Pool, SubPool, chunk_rows, leaves, n_rows_of
from ._checks import finite_rows


@dataclass(frozen=True)
class FinitePart:
    """Rows of a pool without NaN and infinity.

    Attributes
    ----------
    pool : Pool
        Samples of these rows.
    rows : ndarray of shape (m,), dtype int64
        Their positions in the whole pool, ascending.
    n_given : int
        Number of samples in the whole pool.

    """

    pool: Pool
    rows: np.ndarray
    n_given: int

    @classmethod
    def of(cls, pool: Pool, name: str) -> FinitePart:
        """Read ``pool`` once and find its finite rows; its own check must allow NaN."""
        good, start = [], 0
        for chunk in pool.chunks(chunk_rows(pool.first_row())):
            good.append(
                start
                + np.flatnonzero(np.all([finite_rows(leaf) for leaf in leaves(chunk)], axis=0))
            )
            start += n_rows_of(chunk)
        rows = np.concatenate(good).astype(np.int64)
        if len(rows) == 0:
            raise ValueError(
                f"Each of the {start} samples of '{name}' holds NaN or infinity: nothing is left"
                " to query with on_nonfinite='skip'. Check how the pool is made."
            )
        return cls(SubPool(pool, rows), rows, start)

    def spread(self, utilities: Tensor) -> Tensor:
        """Return the utilities of the whole pool, minus infinity for the rows left out."""
        everywhere = utilities.new_full((self.n_given,), -torch.inf)
        rows = torch.as_tensor(self.rows, device=utilities.device)
        return everywhere.index_copy_(0, rows, utilities)
