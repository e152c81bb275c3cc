"""FitNet: models trained on one part of the labels, for out-of-fold signals of the other.

Linear heads on the task net's embeddings, all splits in one batched tensor program, where
no label has shaped the embeddings; or a fresh copy of the user's module for each split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .._utils._rng import derive_seed
from ..data._rows import take_rows
from ..nets._layers import first_output
from ..nets._net import NetLayout, evaluation_mode, predicted_probabilities
from ..nets._training import fit_net, fresh_net
from ..signals import Signals
from ..signals._compute import signals_from_net
from ..signals._source import Source

_HEAD_STEPS = 200
_HEAD_LR = 0.05
_HEAD_DECAY = 1e-3  # on standardized embeddings: weights stay finite on separable classes
_ADAM_BETAS, _ADAM_EPS = (0.9, 0.999), 1e-8
_MEMBERS = 5
_UPDATE_LR = 0.005  # learning rate of the alternation, as in the paper


@dataclass
class SimulatedPool:
    """The held-out part V of one split, with signals of a FitNet trained on T.

    Attributes
    ----------
    rows : ndarray of shape (n,)
        Positions of V in the labelled set.
    signals : Signals
        Out-of-fold signals of V; their ``labeled`` are the signals of T.
    residuals : Tensor of shape (n, C)
        Probabilities minus one-hot true labels.
    losses : Tensor of shape (n,)
        Out-of-fold cross-entropy.
    design : Tensor of shape (n, d), optional
        Inputs of FitNet's linear head; by default the embeddings and a constant.

    """

    rows: np.ndarray
    signals: Signals
    residuals: Tensor
    losses: Tensor
    design: Tensor | None = None

    @property
    def head_inputs(self) -> Tensor:
        """Inputs of FitNet's linear head, with a constant column for the intercept."""
        if self.design is not None:
            return self.design
        return with_constant(self.signals.embeddings)


def with_constant(H: Tensor) -> Tensor:
    """Embeddings (n, d) with a column of ones, the input of a linear head's intercept."""
    return torch.cat([H, torch.ones_like(H[:, :1])], dim=1)


def batched_heads(
    H: Tensor, codes: Tensor, train: Tensor, n_classes: int, n_steps: int = _HEAD_STEPS
) -> Tensor:
    """Train multinomial logistic regressions on S subsets of the same rows, all at once.

    Parameters
    ----------
    H : Tensor of shape (l, d)
        Standardized embeddings, a constant column for the intercept included.
    codes : Tensor of shape (l,)
        Class codes.
    train : Tensor of shape (S, l)
        Weight of each row for each head, 0 where it is held out.
    n_classes : int
        Number of classes C.
    n_steps : int, default=200
        Full-batch Adam steps.

    Returns
    -------
    weights : Tensor of shape (S, d, C)

    """
    S, n_rows = train.shape
    W = torch.zeros(S * n_classes, H.shape[1], device=H.device)
    mean, square = torch.zeros_like(W), torch.zeros_like(W)
    share = (train / train.sum(1, keepdim=True)).unsqueeze(1)
    target = F.one_hot(codes, n_classes).T * share
    # Classes before rows, (S, C, l): a softmax along a short last axis is many times slower.
    columns = H.T.contiguous()
    for step in range(1, n_steps + 1):
        # The gradient of a softmax regression has a closed form: no graph is built.
        residual = (W @ columns).view(S, n_classes, n_rows).softmax(1).mul_(share).sub_(target)
        grad = torch.addmm(W, residual.flatten(0, 1), H, beta=_HEAD_DECAY)
        # Adam, written out: on a tensor this small, most of the time of torch's is overhead.
        mean.lerp_(grad, 1 - _ADAM_BETAS[0])
        square.mul_(_ADAM_BETAS[1]).addcmul_(grad, grad, value=1 - _ADAM_BETAS[1])
        unbiased = [1 - beta**step for beta in _ADAM_BETAS]
        scale = square.sqrt().div_(unbiased[1] ** 0.5).add_(_ADAM_EPS)
        W.addcdiv_(mean, scale, value=-_HEAD_LR / unbiased[0])
    return W.view(S, n_classes, -1).mT.contiguous()


class _FurtherHeads(Source):
    """Source of one simulated pool: trains further heads when their signals are used."""

    def __init__(self, fit_net: HeadFitNet, split: int, rows: Tensor, **behind: Any):
        super().__init__(**behind)
        self._fit_net, self._split, self._rows = fit_net, split, rows

    def has(self, name: str) -> bool:
        return name in ("ensemble_probabilities", "previous_probabilities") or super().has(name)

    def compute(self, names: set[str]) -> dict[str, Tensor]:
        return {
            name: getattr(self._fit_net, name)(self._split)[..., self._rows, :] for name in names
        }

    def take(self, rows: np.ndarray) -> Source:
        taken = cast(_FurtherHeads, super().take(rows))
        taken._rows = self._rows[rows]
        return taken


class HeadFitNet:
    """Linear heads on frozen embeddings, one for each split.

    Parameters
    ----------
    signals : Signals
        Signals of the labelled set from the task net.
    codes : Tensor of shape (l,)
        Its class codes.
    splits : list of (ndarray, ndarray)
        Indices of T and V.
    dropout_rate : float
        Rate at which embedding columns are dropped in MC passes, that of the task net.
    n_passes : int
        MC-dropout passes.
    seed : int
        Seed of the dropout masks and of the ensemble.

    """

    def __init__(
        self,
        signals: Signals,
        codes: Tensor,
        splits: list[tuple[np.ndarray, np.ndarray]],
        *,
        dropout_rate: float,
        n_passes: int,
        seed: int,
    ):
        self.codes = codes
        self.splits = splits
        self.n_classes = signals.n_classes
        H = signals.embeddings.float()
        self._raw = H
        self._mean, self._std = H.mean(0), H.std(0, correction=0)
        self.H = self._design(H)
        self.train = torch.zeros(len(splits), len(H), dtype=torch.bool, device=H.device)
        for mask, (T, _) in zip(self.train, splits, strict=True):
            mask[torch.as_tensor(T, device=H.device)] = True
        self.weights = batched_heads(self.H, codes, self.train, self.n_classes)
        self._masks = None
        if dropout_rate > 0:
            # On the host, so that a GPU and a CPU draw the same masks.
            rng = np.random.RandomState(derive_seed(seed, "head dropout"))
            keep = rng.random_sample((n_passes, H.shape[1])) >= dropout_rate
            scaled = keep / max(1 - dropout_rate, 1e-6)
            self._masks = torch.as_tensor(scaled, dtype=H.dtype, device=H.device)
        self._task_signals = signals
        self._seed = seed
        self._members: Tensor | None = None
        self._earlier: Tensor | None = None

    def _design(self, H: Tensor) -> Tensor:
        scaled = (H - self._mean) / self._std.clamp_min(1e-6)
        # Wide embeddings get the same total scale as narrow ones.
        scaled = scaled / H.shape[1] ** 0.5
        return torch.cat([scaled, torch.ones_like(scaled[..., :1])], dim=-1)

    def simulated_pools(self) -> list[SimulatedPool]:
        """Return one simulated pool for each split."""
        target = F.one_hot(self.codes, self.n_classes).to(self.H.dtype)
        X, row_hash = self._task_signals.X, self._task_signals.row_hash
        pools = []
        for split, (T, V) in enumerate(self.splits):
            P = (self.H[V] @ self.weights[split]).softmax(-1)
            passes = None
            if self._masks is not None:
                dropped = self._design(self._raw[V] * self._masks.unsqueeze(1))
                passes = (dropped @ self.weights[split]).softmax(-1)
            weights = self.weights[split]
            # What reads the raw samples gets the task net, whose head has seen all labels:
            # only copies of the module are honest about that.
            shared = {
                "head": lambda H, weights=weights: self._design(H) @ weights,
                "net": self._task_signals.net,
            }
            everything = torch.arange(len(V), device=self.H.device)
            signals = Signals(
                source=_FurtherHeads(self, split, everything, X=take_rows(X, V), **shared),
                probabilities=P,
                embeddings=self._raw[V],
                mc_probabilities=passes,
                labeled=Signals(
                    embeddings=self._raw[T],
                    logits=self.H[T] @ weights,
                    X=take_rows(X, T),
                    **shared,
                ),
                codes=self.codes[T],
                row_hash=row_hash[V],
            )
            losses = F.nll_loss(P.clamp_min(1e-12).log(), self.codes[V], reduction="none")
            pools.append(SimulatedPool(V, signals, P - target[V], losses, self.H[V]))
        return pools

    def ensemble_probabilities(self, split: int) -> Tensor:
        """Return the probabilities (M, n, C) of heads trained on bootstrap samples of T."""
        if self._members is None:
            rng = np.random.RandomState(derive_seed(self._seed, "head ensemble"))
            draws = rng.poisson(1.0, (_MEMBERS, *self.train.shape))
            counts = torch.as_tensor(draws, dtype=self.H.dtype, device=self.H.device)
            # The small weight is for a member that drew no row: it must learn from something.
            train = (counts * self.train + 1e-3 * self.train).flatten(0, 1)
            heads = batched_heads(self.H, self.codes, train, self.n_classes)
            self._members = heads.reshape(_MEMBERS, len(self.splits), *heads.shape[1:])
        return (self.H[self.splits[split][1]] @ self._members[:, split]).softmax(-1)

    def previous_probabilities(self, split: int) -> Tensor:
        """Return the probabilities (n, C) of the same head earlier in its training."""
        if self._earlier is None:
            self._earlier = batched_heads(
                self.H, self.codes, self.train, self.n_classes, _HEAD_STEPS // 4
            )
        return (self.H[self.splits[split][1]] @ self._earlier[split]).softmax(-1)

    def updater(self, index: Tensor, mask: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function that trains FitNet on a soft selection, as the paper alternates.

        Parameters
        ----------
        index : Tensor of shape (S, n)
            Positions of the V rows in the labelled set, padded.
        mask : Tensor of bool of shape (S, n)
            False for padding.

        Returns
        -------
        update : callable
            Takes memberships (S, n), makes one step of equation (6), and returns the new
            losses on V, (S, n). The loss on T is added to the weighted loss on V, so that
            FitNet does not forget T.

        """
        weights = self.weights.clone().requires_grad_()
        optimizer = torch.optim.Adam([weights], lr=_UPDATE_LR, fused=True)
        target = F.one_hot(self.codes, self.n_classes).to(self.H.dtype)
        share = self.train / self.train.sum(1, keepdim=True)
        H_V, target_V = self.H[index], target[index]

        def update(p: Tensor) -> Tensor:
            W = weights.detach()
            residual = ((self.H @ W).softmax(-1) - target) * share.unsqueeze(-1)
            chosen = p / p.sum(1, keepdim=True)
            residual_V = ((H_V @ W).softmax(-1) - target_V) * chosen.unsqueeze(-1)
            weights.grad = self.H.T @ residual + H_V.transpose(1, 2) @ residual_V + _HEAD_DECAY * W
            optimizer.step()
            log_P = (H_V @ weights.detach()).log_softmax(-1)
            return -(log_P * target_V).sum(-1) * mask

        return update


class ModuleFitNet:
    """Fresh copies of the user's module, one for each split, trained like the task net.

    Parameters
    ----------
    net : skorch classifier
        Template; not modified.
    X : array of shape (l, ...)
        Labelled samples as the net takes them.
    codes : Tensor of shape (l,)
        Class codes.
    splits : list of (ndarray, ndarray)
        Indices of T and V.
    layout : NetLayout
        Signals that the net can give.
    n_passes : int
        MC-dropout passes.
    seed : int
        Seed of initial weights, training order and dropout masks.

    """

    def __init__(
        self,
        net: Any,
        X: Any,
        codes: Tensor,
        splits: list[tuple[np.ndarray, np.ndarray]],
        layout: NetLayout,
        *,
        n_passes: int,
        seed: int,
    ) -> None:
        self.X, self.codes, self.splits, self.layout = X, codes, splits, layout
        self.n_passes, self.seed = n_passes, seed
        y = codes.cpu().numpy()
        self.nets = [
            fit_net(fresh_net(net, y[T]), take_rows(X, T), y[T], derive_seed(seed, "fit", s))
            for s, (T, _) in enumerate(splits)
        ]

    def simulated_pools(self) -> list[SimulatedPool]:
        """Return one simulated pool for each split."""
        pools = []
        for net, (T, V) in zip(self.nets, self.splits, strict=True):
            signals = signals_from_net(
                net,
                take_rows(self.X, V),
                self.layout,
                X_labeled=take_rows(self.X, T),
                codes=self.codes[T],
                n_passes=self.n_passes,
                seed=self.seed,
            )
            P = signals.probabilities
            target = F.one_hot(self.codes[V], P.shape[1]).to(P.dtype)
            losses = F.nll_loss(P.clamp_min(1e-12).log(), self.codes[V], reduction="none")
            pools.append(SimulatedPool(V, signals, P - target, losses))
        return pools

    def updater(self, index: Tensor, mask: Tensor) -> Callable[[Tensor], Tensor]:
        """See :meth:`HeadFitNet.updater`; here the whole module learns."""
        held_out = [rows[own].cpu().numpy() for rows, own in zip(index, mask, strict=True)]
        optimizers = []
        for net in self.nets:
            parameters = [p for p in net.module_.parameters() if p.requires_grad]
            optimizers.append(torch.optim.Adam(parameters, lr=_UPDATE_LR, fused=True))

        def loss_of(net: Any, rows: Any) -> Tensor:
            # In evaluation mode: dropout noise and moving batch statistics would make
            # the losses of two steps incomparable.
            output = first_output(net.infer(take_rows(self.X, rows)))
            log_P = predicted_probabilities(net, output).clamp_min(1e-12).log()
            return F.nll_loss(log_P, self.codes[rows], reduction="none")

        def update(p: Tensor) -> Tensor:
            losses = torch.zeros_like(p)
            for s, (net, optimizer) in enumerate(zip(self.nets, optimizers, strict=True)):
                T, V = self.splits[s][0], held_out[s]
                chosen = p[s, : len(V)].detach()
                with evaluation_mode(net), torch.enable_grad():
                    optimizer.zero_grad()
                    loss = loss_of(net, T).mean()
                    loss = loss + (loss_of(net, V) * chosen).sum() / chosen.sum()
                    loss.backward()
                    optimizer.step()
                    with torch.no_grad():
                        losses[s, : len(V)] = loss_of(net, V)
            return losses

        return update
