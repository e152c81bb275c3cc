"""WAAL: uncertainty, and a Wasserstein critic between labelled and pool."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ._base import ScoreStrategy
from ._checks import check_integer, check_number, labeled_signals
from ._training import (
    MAX_ROWS,
    build,
    draw_batches,
    perceptron,
    scores_along,
    standardizer,
    training_rows,
)

_BATCH = 64  # rows of each kind in a step
# Weight of the gradient penalty (Gulrajani et al., NeurIPS 2017): lower than their 10, since
# a critic of a few hundred steps has to rise quickly.
_PENALTY = 1.0


class WAAL(ScoreStrategy):
    """Uncertainty plus how far a Wasserstein critic puts a sample from the labelled.

    ``s(x) = u(x) + critic_weight * g(h)``, both standardised over the pool, where
    ``u = -(||log p||_1 + ||log p||_2) / 2`` is largest for flat probabilities and the critic
    g maximises ``E_pool g - E_labelled g`` among functions of slope about 1: the dual of
    the Wasserstein-1 distance that the label should close.

    Parameters
    ----------
    critic_weight : float, default=1.0
        Weight of the critic against the uncertainty, above 0.
    n_steps : int, default=200
        Adam steps of the critic on 64 rows of each kind.

    Notes
    -----
    What is trained is the critic alone, on the embeddings of the net as it is. The paper
    also trains the net against the critic, which is the business of whoever trains the
    net here; and it adds the terms unscaled. Training sees at most 5,000 labelled and 5,000
    pool samples; every pool sample is scored. Without labelled samples g is 0.

    References
    ----------
    Shui, Zhou, Gagné & Wang, "Deep active learning: unified and principled method for query
    and training", AISTATS 2020, arXiv 1911.09162.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import WAAL
    >>> labeled = Signals(embeddings=[[0.0], [0.1], [0.2]])
    >>> signals = Signals(embeddings=[[0.0], [0.1], [5.0], [0.2]], logits=[[0.0, 1.0]] * 4,
    ...                   labeled=labeled, codes=[0, 0, 1])
    >>> WAAL().select(signals, 1, random_state=0).tolist()
    [2]

    """

    needs = ("probabilities", "embeddings", "labeled")
    cost = "O(n (C + d)), a training on at most 10,000 samples"

    def __init__(self, critic_weight: float = 1.0, n_steps: int = 200):
        self.critic_weight = critic_weight
        self.n_steps = n_steps

    def _scores(self, signals, rng):
        check_integer("n_steps", self.n_steps, 1)
        check_number("critic_weight", self.critic_weight, above=0)
        log_p = signals.logits.log_softmax(dim=1)
        uncertainty = -(log_p.norm(p=1, dim=1) + log_p.norm(dim=1)) / 2
        order = signals.order(rng)
        along = {"order": order, "row_hash": signals.row_hash}
        score = _standardized(scores_along(score=lambda rows: uncertainty[rows], **along), order)
        labeled = labeled_signals(signals, ("embeddings",), self.name)
        if labeled is None:
            return score
        known = labeled.embeddings[training_rows(labeled, rng)]
        unknown = signals.embeddings[order[:MAX_ROWS]]
        scale = standardizer(torch.cat([known, unknown]))
        critic = _train_critic(scale(known), scale(unknown), self.n_steps, rng)

        def distance(rows: Tensor) -> Tensor:
            return critic(scale(signals.embeddings[rows])).squeeze(-1)

        far = _standardized(scores_along(score=distance, **along), order)
        return score + self.critic_weight * far


def _standardized(scores: Tensor, order: Tensor) -> Tensor:
    """Scores with mean 0 and deviation 1, added up along ``order``; 0 if all are equal."""
    return standardizer(scores[order, None])(scores[:, None]).squeeze(1)


@torch.enable_grad()
def _train_critic(
    labeled: Tensor, unlabeled: Tensor, n_steps: int, rng: np.random.RandomState
) -> nn.Module:
    """Perceptron that is high on the pool and low on the labelled, of slope about 1."""
    critic = build(perceptron, labeled.shape[1], like=labeled, rng=rng)
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3, fused=True)
    device, size = labeled.device, _BATCH
    drawn = rng.random_sample((n_steps, size, 1))
    mixture = torch.as_tensor(drawn, dtype=labeled.dtype, device=device)
    from_labeled = draw_batches(len(labeled), size, n_steps, rng, device)
    from_unlabeled = draw_batches(len(unlabeled), size, n_steps, rng, device)
    for step in range(n_steps):
        L, U = labeled[from_labeled[step]], unlabeled[from_unlabeled[step]]
        n_pairs = min(len(L), len(U))
        t = mixture[step, :n_pairs]
        between = (t * L[:n_pairs] + (1 - t) * U[:n_pairs]).requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty = (slope.norm(dim=1) - 1).square().mean()
        optimizer.zero_grad()
        (critic(L).mean() - critic(U).mean() + _PENALTY * penalty).backward()
        optimizer.step()
    return critic
