"""Held-out sets: labelled samples that the net which is judged on them has never seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..mixing import Candidates, candidate_utilities
from ..signals import Signals

_SELECTED_SHARE = 5  # one in five of a held-out set is selected
_MAX_ROWS = 256  # of a set that are learned from


@dataclass(frozen=True)
class HeldOut:
    """Answers of a net and of the candidates about samples, before their labels were used.

    Attributes
    ----------
    names : tuple of str
        Names of the K candidates.
    rows : ndarray of shape (n,)
        Positions in the labelled set.
    utilities : Tensor of shape (n, K)
        Utilities of the candidates.
    probabilities : Tensor of shape (n, C)
        Predictions of the net.
    classes : ndarray of shape (C,)
        Their labels.
    head_inputs : Tensor of shape (n, d) or None
        Inputs of the net's linear head, if an objective reads them.
    n_selected : int
        Size of a simulated batch.

    """

    names: tuple[str, ...]
    rows: np.ndarray
    utilities: Tensor
    probabilities: Tensor
    classes: np.ndarray
    head_inputs: Tensor | None
    n_selected: int

    @classmethod
    def of(
        cls,
        signals: Signals,
        rows: np.ndarray,
        candidates: Candidates,
        classes: np.ndarray,
        head_inputs: Tensor | None,
        *,
        n_instances: int,
        kind: str,
        seed: int,
    ) -> HeldOut:
        """Ask the candidates about samples that a net has not seen.

        Parameters
        ----------
        signals : Signals
            Signals of the samples from that net.
        rows : ndarray of shape (n,)
            Their positions in the labelled set.
        candidates : Candidates
            The candidates.
        classes : ndarray of shape (C,)
            Labels of the columns that the net predicts.
        head_inputs : Tensor of shape (n, d) or None
            Inputs of the net's linear head.
        n_instances : int
            Size of a batch.
        kind : {"rank", "binary"}
            Kind of the utilities.
        seed : int
            Decides every draw.

        """
        if len(rows) > _MAX_ROWS:
            kept = np.random.RandomState(seed).permutation(len(rows))[:_MAX_ROWS]
            kept.sort()
            signals, rows = signals.take(kept), rows[kept]
            head_inputs = None if head_inputs is None else head_inputs[torch.as_tensor(kept)]
        n_selected = max(1, len(rows) // _SELECTED_SHARE)
        utilities = candidate_utilities(
            candidates, signals, min(n_instances, n_selected), kind=kind, seed=seed
        )
        return cls(
            tuple(candidates.names),
            rows,
            utilities,
            signals.probabilities.float(),
            classes,
            head_inputs,
            n_selected,
        )

    def losses(self, codes: Tensor, classes: np.ndarray) -> tuple[Tensor, Tensor]:
        """Compare the predictions with the labels.

        Parameters
        ----------
        codes : Tensor of shape (l,)
            Class codes of the whole labelled set.
        classes : ndarray
            Labels that the codes stand for; there may be more than the net knew.

        Returns
        -------
        losses : Tensor of shape (n,)
            Cross-entropy.
        residuals : Tensor of shape (n, C)
            Probabilities minus one-hot labels.

        """
        P = self.probabilities
        if len(self.classes) != len(classes):
            column = torch.as_tensor(np.searchsorted(classes, self.classes), device=P.device)
            P = P.new_zeros(len(P), len(classes)).index_copy_(1, column, P)
        target = codes[torch.as_tensor(self.rows, device=codes.device)]
        losses = F.nll_loss(P.clamp_min(1e-12).log(), target, reduction="none")
        return losses, P - F.one_hot(target, P.shape[1]).to(P.dtype)
