"""Herding: a batch that covers the important regions of the embedding space.

The greedy step of MaxHerding (Bae et al., ECCV 2024, arXiv 2407.12212) with a weight for
each sample, as in UncertaintyHerding (Bae et al., ICLR 2025, arXiv 2412.20644).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ._distances import GaussianKernel, nearest_kernel, normalize_rows
from ._greedy import greedy_coverage
from ._ranking import top_k

#: Width of the Gaussian kernel on embeddings of length 1.
KERNEL_WIDTH = 0.4

EXACT_BELOW = 5_000  # pools up to this size are neither sampled nor cut to candidates
MAX_TARGETS = 2_000
_MAX_CANDIDATES = 2_000
_STORED_ELEMENTS = 2**22  # larger kernels are recomputed: reading them is slower than that


def herding(
    H: Tensor,
    weights: Tensor,
    n_instances: int,
    order: Tensor,
    H_labeled: Tensor | None = None,
    width: float = KERNEL_WIDTH,
) -> Tensor:
    """Maximize the weighted kernel coverage of the pool greedily.

    Parameters
    ----------
    H : Tensor of shape (n, d)
        Embeddings of the pool. They are scaled to length 1.
    weights : Tensor of shape (n,)
        Non-negative importance of covering each sample.
    n_instances : int
        Batch size, at most n.
    order : Tensor of shape (n,), dtype int64
        Random permutation of the rows. It breaks ties and samples the targets.
    H_labeled : Tensor of shape (l, d), optional
        Embeddings of the labelled samples, which cover their surroundings from the start.
    width : float, default=0.4
        Width of the Gaussian kernel on embeddings of length 1.

    Returns
    -------
    picks : Tensor of shape (n_instances,), dtype int64
        Distinct rows, in the order of selection.

    Notes
    -----
    The result is the exact greedy solution up to 5,000 rows. Above, the coverage of t = 2,000
    random targets is maximized, with the m rows of largest weight as candidates, where m is
    2,000 or five batches, whichever is larger. Sampling takes O(n d) time; the selection
    takes O(m t d) and a small part of O(b m t d). Memory is O(n d) and blocks of bounded
    size.
    """
    H, weights = normalize_rows(H.float()), weights.float()
    candidates = targets = order
    if len(order) > EXACT_BELOW:
        n_candidates = max(_MAX_CANDIDATES, 5 * n_instances)
        candidates = top_k(weights, min(n_candidates, len(order)), order)
        targets = order[:MAX_TARGETS]
    covered = H.new_zeros(len(targets))
    if H_labeled is not None:
        covered = nearest_kernel(H[targets], normalize_rows(H_labeled.float()), width)
    A = H[candidates]
    B = A if targets is candidates else H[targets]
    kernel: GaussianKernel | Tensor = GaussianKernel(A, B, width)
    if len(candidates) * len(targets) <= _STORED_ELEMENTS:
        kernel = kernel[:]
    along = torch.arange(len(candidates), device=order.device)
    picks = greedy_coverage(kernel, weights[targets], covered, n_instances, along)
    return candidates[picks]
