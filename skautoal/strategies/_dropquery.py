"""DropQuery: diverse samples whose prediction changes under dropout on the embedding."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import draw_seed
from ..ops._distances import row_blocks
from ..ops._kmeans import nearest_to_centers
from ..ops._ranking import top_k
from ..signals import Signals
from ._base import BatchStrategy
from ._checks import check_integer, check_number


class DropQuery(BatchStrategy):
    """DropQuery: k-means of the samples whose prediction changes under feature dropout.

    In each pass, a random share ``dropout`` of the entries of the embeddings is dropped and
    the head predicts again. The candidates are the samples whose prediction changes in more
    than half of the passes. They are clustered into b clusters, and the sample nearest to each
    centre is picked. If there are at most b candidates, the batch is the b samples whose
    prediction changes most often.

    Parameters
    ----------
    n_passes : int, default=3
        Number of dropout passes.
    dropout : float, default=0.75
        Probability of dropping an entry, in (0, 1). The others are multiplied by
        1 / (1 - dropout).

    Notes
    -----
    The passes go through the head alone, so the net needs no dropout layer. Cost
    O(n_passes n d C) plus k-means on the candidates; memory O(nd).

    References
    ----------
    Gupte, Aklilu, Nirschl & Yeung-Levy, "Revisiting active learning in the era of vision
    foundation models", TMLR 2024, arXiv 2401.14555.

    Examples
    --------
    >>> import torch
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import DropQuery
    >>> def head(H):
    ...     return torch.cat([H, torch.full_like(H, 6.0)], dim=1)
    >>> signals = Signals(embeddings=[[1.0], [4.0], [2.0]], head=head)
    >>> DropQuery(n_passes=30, dropout=0.5).select(signals, 1, random_state=0).tolist()
    [1]

    """

    needs = ("embeddings", "head")
    cost = "O(n d C) per pass + k-means"

    def __init__(self, n_passes: int = 3, dropout: float = 0.75):
        self.n_passes = n_passes
        self.dropout = dropout

    def _pick(self, signals: Signals, n_instances: int, rng: np.random.RandomState) -> Tensor:
        check_integer("n_passes", self.n_passes, lowest=1)
        check_number("dropout", self.dropout, above=0, below=1)
        order = signals.order(rng)
        H = signals.embeddings[order]
        changes = self._changes(signals, H, rng)
        candidates = (2 * changes > self.n_passes).nonzero().flatten()
        along = torch.arange(len(H), device=H.device)
        if len(candidates) <= n_instances:
            return order[top_k(changes, n_instances, along)]
        picks = nearest_to_centers(H[candidates], n_instances, along[: len(candidates)], rng)
        return order[candidates[picks]]

    def _changes(self, signals: Signals, H: Tensor, rng: np.random.RandomState) -> Tensor:
        """Count the passes in which the predicted class of each row of ``H`` changes, (n,)."""
        changes = H.new_zeros(len(H))
        generator = torch.Generator(H.device).manual_seed(draw_seed(rng))
        with torch.no_grad():
            for rows in row_blocks(len(H), H.shape[1] + signals.head(H[:1]).shape[1]):
                block = H[rows]
                predicted = signals.head(block).argmax(dim=1)
                for _ in range(self.n_passes):
                    # Inverted dropout: the expected value of each entry stays the same.
                    uniform = torch.rand(
                        block.shape, generator=generator, dtype=H.dtype, device=H.device
                    )
                    kept = block * (uniform >= self.dropout) / (1 - self.dropout)
                    changes[rows] += signals.head(kept).argmax(dim=1) != predicted
        return changes
