"""Location: where a sample lies, in a few numbers that mean the same for labels and pool."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..mixing._inputs import InputView, has_inputs
from ..signals import Signals

N_COMPONENTS = 8  # of embeddings, and as many of inputs
_MAX_ROWS = 2_000
_FARTHEST = 4.0  # standard deviations; beyond it, all places are alike
_NO_SPREAD = 1e-6  # of the largest standard deviation: below it is rounding


@dataclass(frozen=True)
class Location:
    """Principal components of the labelled samples, in embeddings and inputs.

    A weight of a strategy can differ between two regions only if SearchNet sees the
    region. Components and scales come from the labelled samples and are then used for any
    array, so that a place has the same numbers in all of them.

    Attributes
    ----------
    embeddings : Components or None
        Of the embeddings, if there are any.
    inputs : Components or None
        Of the raw inputs, if these are numbers.
    view : InputView or None
        Makes points of the raw inputs.

    """

    embeddings: Components | None
    inputs: Components | None
    view: InputView | None

    @classmethod
    def of(cls, labeled: Signals) -> Location:
        """Find at most 8 components in each view of labelled samples."""
        embeddings = inputs = view = None
        if labeled.has("embeddings"):
            embeddings = Components.of(labeled.embeddings)
        if has_inputs(labeled):
            view = InputView.of(labeled)
            inputs = Components.of(view(labeled))
        return cls(embeddings, inputs, view)

    def __call__(self, signals: Signals) -> Tensor:
        """Return the components of the samples of any array, (n, q) float32."""
        parts = []
        if self.embeddings is not None:
            parts.append(self.embeddings(signals.embeddings))
        if self.inputs is not None and self.view is not None:
            if has_inputs(signals):
                parts.append(self.inputs(self.view(signals)))
            else:  # chunks that can be read once only: the place of an average sample
                parts.append(self.inputs.mean.new_zeros(signals.n_samples, self.inputs.n).float())
        if not parts:
            return torch.zeros(signals.n_samples, 0, device=signals.device)
        return torch.cat(parts, dim=1)


@dataclass(frozen=True)
class Components:
    """Principal components of points.

    Attributes
    ----------
    mean : Tensor of shape (d,)
        Mean of the points.
    directions : Tensor of shape (d, q)
        Principal directions, divided by the standard deviation along them.

    """

    mean: Tensor
    directions: Tensor

    @property
    def n(self) -> int:
        """Number of components q."""
        return self.directions.shape[1]

    @classmethod
    def of(cls, points: Tensor) -> Components:
        """Find the components of points (n, d)."""
        points = points[:_MAX_ROWS].double()
        mean = points.mean(0)
        _, scale, directions = torch.linalg.svd(points - mean, full_matrices=False)
        # A direction and its opposite are the same component: one of them is fixed.
        largest = directions.abs().argmax(1, keepdim=True)
        directions = directions * directions.gather(1, largest).sign()
        std = scale / max(1, len(points) - 1) ** 0.5
        kept = std > _NO_SPREAD * std.max().clamp_min(torch.finfo(std.dtype).tiny)
        kept[N_COMPONENTS:] = False
        return cls(mean, (directions[kept] / std[kept].unsqueeze(1)).T)

    def __call__(self, points: Tensor) -> Tensor:
        """Return the components of points (n, d), (n, q) float32."""
        found = (points.to(self.mean.dtype) - self.mean) @ self.directions
        return found.clamp(-_FARTHEST, _FARTHEST).float()
