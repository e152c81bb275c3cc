"""Batch: picks with their reasons, the values that the builder computed for each pick."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..ops._distances import GaussianKernel, nearest_kernel

_BLOCK_ELEMENTS = 2**22  # of a kernel matrix that is evaluated at a time

Reasons = dict[str, np.ndarray]


def no_reasons() -> Reasons:
    """Return no columns: the scores alone made the batch."""
    return {}


@dataclass(frozen=True)
class Batch:
    """Picks of a builder, and a function that computes their reasons.

    Attributes
    ----------
    picks : Tensor of shape (b,), dtype int64
        Distinct rows, best first.
    reasons : callable
        Returns a dict of columns (b,), numbers or texts, with one value per pick. This takes
        additional time, so it is called only when a query is explained.

    """

    picks: Tensor
    reasons: Callable[[], Reasons] = no_reasons

    def within(self, rows: Tensor) -> Batch:
        """Return the batch with picks as rows of the whole pool, of which this is ``rows``."""
        return Batch(rows[self.picks], self.reasons)


def coverage_reasons(
    picks: Tensor, targets: Tensor, weights: Tensor, labeled: Tensor, width: float
) -> Reasons:
    """Compute the coverage that each pick adds to the labelled samples and earlier picks.

    Parameters
    ----------
    picks : Tensor of shape (b, d)
        Points picked, in order.
    targets : Tensor of shape (t, d)
        Points to be covered.
    weights : Tensor of shape (t,)
        Importance of covering each.
    labeled : Tensor of shape (l, d)
        Labelled points, which cover already; may be empty.
    width : float
        Width of the Gaussian kernel.

    Returns
    -------
    reasons : dict of str to ndarray of shape (b,)
        ``newly_covered``: share of the weight of all targets that the pick adds to the
        coverage. ``nearest``: the nearest labelled sample or earlier pick, as
        ``"labelled 3"`` (row of the labelled set) or ``"pick 1"`` (place in the batch).
        ``similarity``: kernel value of the pick and this sample, from 0 to 1.

    """
    b, device = len(picks), targets.device
    covered = nearest_kernel(targets, labeled, width)
    kernel = GaussianKernel(picks, targets, width)
    total = weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)
    newly = torch.empty(b, dtype=weights.dtype, device=device)
    step = max(1, _BLOCK_ELEMENTS // max(1, len(targets)))
    for start in range(0, b, step):
        rows = kernel[slice(start, start + step)]
        # Row i is compared with what the labelled samples and all rows before it cover.
        before = torch.cat([covered[None], rows[:-1]]).cummax(0).values
        newly[start : start + step] = (rows - before).clamp_min(0) @ weights
        covered = torch.maximum(before[-1], rows[-1])
    nearest, similarity = _nearest_before(picks, labeled, width)
    return {
        "newly_covered": (newly / total).cpu().numpy(),
        "nearest": nearest,
        "similarity": similarity,
    }


def _nearest_before(picks: Tensor, labeled: Tensor, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Find the labelled sample or earlier pick nearest to each pick: names and kernel values."""
    others = torch.cat([labeled, picks])
    kernel = GaussianKernel(picks, others, width)
    n_labeled, names, values = len(labeled), [], []
    for i in range(len(picks)):
        row = kernel[slice(i, i + 1)][0, : n_labeled + i]
        at = int(row.argmax()) if len(row) else -1
        known = at < n_labeled
        names.append("" if at < 0 else f"labelled {at}" if known else f"pick {at - n_labeled + 1}")
        values.append(float(row[at]) if at >= 0 else 0.0)
    return np.array(names, dtype=object), np.array(values)


def merged(reasons: Mapping[str, np.ndarray], **columns: Tensor) -> Reasons:
    """Return reasons with further columns, given as tensors (b,), before them."""
    return {name: column.cpu().numpy() for name, column in columns.items()} | dict(reasons)
