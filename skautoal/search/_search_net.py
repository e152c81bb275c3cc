"""SearchNet: networks that compute the weight of each strategy for each sample.

All three start with equal weights, because their last layer starts at zero. Weights are at
least 0 and sum to 1, so no candidate can push samples away.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from ..nets._layers import block_features, captured_input
from ._soft_topk import standardize

_HIDDEN = 32


class SearchNet(nn.Module):
    """Base of the networks: maps inputs to logits over strategies and to predicted losses.

    Parameters
    ----------
    equal : Tensor of shape (K,)
        Equal weights, which the network gives before it is trained.
    loss_prediction : bool
        Whether a second head predicts each sample's loss and adds its ranking to the
        candidates' utilities (Yoo & Kweon, CVPR 2019).

    """

    #: Whether ``forward`` takes the raw samples instead of features.
    takes_samples = False
    #: Whether it depends on the location of a sample.
    reads_location = False
    #: Rate of Adam: the more a net could make of chance, the slower it learns.
    learning_rate = 0.02

    def __init__(self, equal: Tensor, loss_prediction: bool):
        super().__init__()
        self.loss_prediction = loss_prediction
        self.register_buffer("equal", torch.empty(0))
        self.set_equal_weights(equal)

    def set_equal_weights(self, equal: Tensor) -> None:
        """Set the equal weights (K,) that logits are relative to."""
        if self.loss_prediction:
            # The learned utility gets the weight of an average candidate.
            equal = torch.cat([equal, equal.mean().reshape(1)])
        self.equal = equal / equal.sum()

    @property
    def n_utilities(self) -> int:
        """Columns of the mixture: strategies, and the predicted loss if there is one."""
        return len(self.equal)

    @property
    def n_strategies(self) -> int:
        """Columns of the mixture that are strategies."""
        return self.n_utilities - self.loss_prediction

    @property
    def equal_strategies(self) -> Tensor:
        """Equal weights of the strategies alone, (n_strategies,)."""
        equal = self.equal[: self.n_strategies]
        return equal / equal.sum()

    @abstractmethod
    def forward(self, inputs: Any) -> tuple[Tensor, Tensor | None]:
        """Return logits (..., n, K), and predicted losses (..., n) or None."""

    def mix(
        self,
        logits: Tensor,
        predicted: Tensor | None,
        utilities: Tensor,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Compute weights, which sum to 1, and the mixed scores.

        Parameters
        ----------
        logits : Tensor of shape (..., n, K)
            From ``forward``.
        predicted : Tensor of shape (..., n) or None
            From ``forward``.
        utilities : Tensor of shape (..., n, K)
            The candidates' utilities.
        mask : Tensor of bool of shape (..., n), optional
            False for padding.

        Returns
        -------
        weights : Tensor of shape (..., n, K)
        scores : Tensor of shape (..., n)

        """
        utilities = self.extend(utilities, predicted, mask)
        logits = logits + self.equal.log()
        if logits.requires_grad:
            # A softmax along a short last axis is many times slower. Along another axis,
            # equal rows may differ by rounding. That does no harm in training, but in a
            # query the positions of equal samples could decide which of them is picked.
            weights = logits.mT.softmax(-2).mT
        else:
            weights = logits.softmax(-1)
        return weights, (weights * utilities).sum(-1)

    def extend(
        self, utilities: Tensor, predicted: Tensor | None, mask: Tensor | None = None
    ) -> Tensor:
        """Append the utility of the predicted losses as the last column, if there are any."""
        if predicted is None:
            return utilities
        # Only the ranking loss trains the prediction; the search just weights it.
        learned = torch.sigmoid(standardize(predicted.detach(), mask)).unsqueeze(-1)
        utilities = utilities.expand(*learned.shape[:-1], -1)  # the same for all copies
        return torch.cat([utilities, learned], dim=-1)


class GlobalSearchNet(SearchNet):
    """One weight a strategy, the same for every sample.

    Parameters
    ----------
    equal
        See :class:`SearchNet`.
    copies : tuple of int, default=()
        ``(F,)`` for F nets in one, which share nothing but their start.

    """

    learning_rate = 0.1

    def __init__(self, equal: Tensor, copies: tuple[int, ...] = ()):
        super().__init__(equal, loss_prediction=False)
        self.logits = nn.Parameter(torch.zeros(*copies, *(1,) * (2 * len(copies)), len(equal)))

    def forward(self, inputs: Any) -> tuple[Tensor, Tensor | None]:
        shape = torch.broadcast_shapes(inputs.shape[:-1], self.logits.shape[:-1])
        return self.logits.expand(*shape, -1), None


class LocationSearchNet(SearchNet):
    """A small perceptron on the location of a sample.

    Parameters
    ----------
    equal, loss_prediction
        See :class:`SearchNet`.
    n_features : int
        Width of the inputs.
    copies : tuple of int, default=()
        ``(F,)`` for F nets in one; inputs (S, n, n_features) then give logits
        (F, S, n, K). Copies start with the same weights and share nothing after that.

    """

    reads_location = True

    def __init__(
        self,
        equal: Tensor,
        loss_prediction: bool,
        n_features: int,
        copies: tuple[int, ...] = (),
    ):
        super().__init__(equal, loss_prediction)
        start = nn.Linear(max(1, n_features), _HIDDEN)  # torch warns of layers without inputs
        # A copy reads all inputs: its weights stand before their two leading axes.
        shape = (*copies, *(1,) * len(copies))
        self.body_weight = _repeated(start.weight.detach().T[:n_features], shape)
        self.body_bias = _repeated(start.bias.detach()[None], shape)
        n_out = self.n_utilities + loss_prediction
        self.head_weight = _repeated(torch.zeros(_HIDDEN, n_out), shape)
        self.head_bias = _repeated(torch.zeros(1, n_out), shape)

    def forward(self, inputs: Any) -> tuple[Tensor, Tensor | None]:
        hidden = torch.tanh(inputs @ self.body_weight + self.body_bias)
        out = hidden @ self.head_weight + self.head_bias
        if not self.loss_prediction:
            return out, None
        return out[..., :-1], out[..., -1]

    def draw_head(self) -> None:
        """Draw the weights of the last layer at random, as torch does by default."""
        bound = _HIDDEN**-0.5
        for parameter in (self.head_weight, self.head_bias):
            nn.init.uniform_(parameter, -bound, bound)


def _repeated(start: Tensor, shape: tuple[int, ...]) -> nn.Parameter:
    return nn.Parameter(start.expand(*shape, *start.shape).clone())


class ModuleSearchNet(SearchNet):
    """The user's module with a head of K outputs in place of the classes, as in the paper.

    The loss-prediction head reads the outputs of the module's blocks, averaged over
    positions, as in Yoo & Kweon.

    Parameters
    ----------
    equal, loss_prediction
        See :class:`SearchNet`.
    module : torch.nn.Module
        A copy of the task net's module; it is trained further here.
    layer : str
        Submodule whose input feeds the head.
    X_row : array of shape (1, ...)
        Any sample, from which the widths of the layers are found.

    """

    takes_samples = True
    learning_rate = 0.005

    def __init__(
        self, equal: Tensor, loss_prediction: bool, module: nn.Module, layer: str, X_row: Any
    ) -> None:
        super().__init__(equal, loss_prediction)
        self.module = module.eval()  # the search uses neither dropout nor batch statistics
        self.layer = layer
        with torch.no_grad():
            embedding, levels = self._features(X_row)
        self.head = _zero(nn.Linear(embedding.shape[1], self.n_utilities))
        self.loss_head = _zero(nn.Linear(levels.shape[1], 1)) if loss_prediction else None

    def forward(self, inputs: Any) -> tuple[Tensor, Tensor | None]:
        embedding, levels = self._features(inputs)
        predicted = None if self.loss_head is None else self.loss_head(levels).squeeze(-1)
        return self.head(embedding), predicted

    def _features(self, inputs: Any) -> tuple[Tensor, Tensor]:
        """Return the embedding (n, d) and the outputs of all blocks side by side (n, D)."""
        with captured_input(self.module, self.layer) as seen:
            levels = block_features(self.module, inputs, self.equal.device)
        return seen[-1], torch.cat(levels, dim=1)


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
