"""WAAL: uncertainty plus a Wasserstein critic between labelled and pool samples."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..signals import Signals
from ._base import ScoreStrategy
from ._checks import check_integer, check_number, labeled_signals
from ._training import (
    MAX_ROWS,
    build,
    descent,
    draw_batches,
    perceptron,
    scores_along,
    standardizer,
    training_rows,
)

_BATCH = 64  # labelled rows, and pool rows, in a training step
# Weight of the gradient penalty (Gulrajani et al., NeurIPS 2017). It is lower than their 10,
# so that the critic grows fast enough in a few hundred steps.
_PENALTY = 1.0


class WAAL(ScoreStrategy):
    """Wasserstein adversarial active learning (WAAL): uncertainty plus distance to the labelled.

    The score is ``s(x) = u(x) + critic_weight * g(h)``, with both terms standardized over the
    pool. The uncertainty ``u = -(||log p||_1 + ||log p||_2) / 2`` is largest for uniform
    probabilities. The critic g maximizes ``E_pool g - E_labelled g`` among functions of slope
    about 1, the dual form of the Wasserstein-1 distance between pool and labelled samples.

    Parameters
    ----------
    critic_weight : float, default=1.0
        Positive weight of the critic relative to the uncertainty.
    n_steps : int, default=200
        Number of Adam steps of the critic, each on 64 labelled and 64 pool samples.

    Notes
    -----
    Only the critic is trained, on the embeddings of the given net. The paper also trains the
    net against the critic, which a query strategy cannot do, and adds the two terms without
    standardizing them. At most 5,000 labelled and 5,000 pool samples are used for training;
    every pool sample is scored. Without labelled samples g is 0.

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
    cost = "O(n (C + d)) + training on at most 10,000 samples"

    def __init__(self, critic_weight: float = 1.0, n_steps: int = 200):
        self.critic_weight = critic_weight
        self.n_steps = n_steps

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        check_integer("n_steps", self.n_steps, 1)
        check_number("critic_weight", self.critic_weight, above=0)
        log_p = signals.logits.log_softmax(dim=1)
        uncertainty = -(log_p.norm(p=1, dim=1) + log_p.norm(dim=1)) / 2
        order = signals.order(rng)
        row_hash = signals.row_hash
        score = _standardized(scores_along(order, row_hash, uncertainty.__getitem__), order)
        labeled = labeled_signals(signals, ("embeddings",), self.name)
        if labeled is None:
            return score
        known = labeled.embeddings[training_rows(labeled, rng)]
        unknown = signals.embeddings[order[:MAX_ROWS]]
        scale = standardizer(torch.cat([known, unknown]))
        critic = _train_critic(scale(known), scale(unknown), self.n_steps, rng)

        def distance(rows: Tensor) -> Tensor:
            return critic(scale(signals.embeddings[rows])).squeeze(-1)

        far = _standardized(scores_along(order, row_hash, distance), order)
        return score + self.critic_weight * far


def _standardized(scores: Tensor, order: Tensor) -> Tensor:
    """Scale scores (n,) to mean 0 and deviation 1, summed along ``order``; 0 if all are equal."""
    return standardizer(scores[order, None])(scores[:, None]).squeeze(1)


@torch.enable_grad()
def _train_critic(
    labeled: Tensor, unlabeled: Tensor, n_steps: int, rng: np.random.RandomState
) -> nn.Module:
    """Train a perceptron to be high on the pool and low on labelled samples, with slope about 1."""
    critic = build(perceptron, labeled.shape[1], like=labeled, rng=rng)
    descend = descent(torch.optim.Adam(critic.parameters(), lr=3e-3, fused=True))
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
        # Gradient penalty at random points between pairs of labelled and pool samples.
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty = (slope.norm(dim=1) - 1).square().mean()
        descend(critic(L).mean() - critic(U).mean() + _PENALTY * penalty)
    return critic
