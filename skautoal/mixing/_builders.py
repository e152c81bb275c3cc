"""Batch builders: turn the score of each sample into a batch, the last step of a query."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..ops._distances import normalize_rows
from ..ops._herding import EXACT_BELOW, KERNEL_WIDTH, MAX_TARGETS, herding
from ..ops._kmeanspp import FactorDistances, kmeans_plusplus
from ..ops._ranking import average_ranks, top_k
from ..signals import Signals
from ._batch import Batch, Reasons, coverage_reasons, merged
from ._joint_herding import joint_herding

BUILDERS = ("top", "stochastic", "herding", "joint_herding", "kmeans++")

#: Signals of the pool that a builder reads, if any.
BUILDER_NEEDS = {
    "herding": ("embeddings",),
    "joint_herding": ("logits", "embeddings"),
    "kmeans++": ("gradient_factors",),
}

_SHARPNESS = 4.0  # a weight is this power of the rank


def build_batch(
    builder: str,
    scores: Tensor,
    signals: Signals,
    n_instances: int,
    rng: np.random.RandomState,
    learned: float = 0.0,
) -> Batch:
    """Turn a score per sample into a batch.

    Parameters
    ----------
    builder : {"top", "stochastic", "herding", "joint_herding", "kmeans++"}
        ``"top"``: the highest scores. ``"stochastic"``: draws without replacement with
        probability proportional to a power of the rank, as the top of Gumbel-perturbed
        log ranks (Kirsch et al., TMLR 2023). ``"herding"``: greedy coverage of the
        high-scoring regions of the embedding space, the step of UncertaintyHerding with
        the scores as uncertainty (Bae et al., ICLR 2025). ``"joint_herding"``:
        greedy coverage of uncertain regions, in inputs and embeddings at once, by
        high-scoring samples; uncertainty and scores count more the more labels there are.
        ``"kmeans++"``: k-means++ on gradient factors, weighted by the scores.
    scores : Tensor of shape (n,)
        Higher is better.
    signals : Signals
        Signals of the pool; the last three builders need embeddings.
    n_instances : int
        Size of the batch, at most n.
    rng : RandomState
        Decides ties and draws.
    learned : float, default=0.0
        Share of learned weights in the scores, from 0 to 1. Joint herding, which trusts
        scores little where labels are few, trusts learned ones more.

    Returns
    -------
    batch : Batch
        Distinct rows, best first, and the reasons of each pick.

    """
    order = signals.order(rng)
    if builder == "top":
        return Batch(top_k(scores, n_instances, order))
    if builder == "joint_herding":
        return joint_herding(signals, scores, n_instances, order, learned)
    weights = (average_ranks(scores) / len(scores)).float() ** _SHARPNESS
    if builder == "stochastic":
        return _stochastic(weights, n_instances, order, rng)
    if builder == "kmeans++":
        return _weighted_kmeans(signals, weights, n_instances, order, rng)
    H_labeled = None if signals.labeled is None else signals.labeled.embeddings
    picks = herding(signals.embeddings, weights, n_instances, order, H_labeled)
    return Batch(picks, partial(herding_reasons, signals, weights, picks, order))


def _stochastic(
    weights: Tensor, n_instances: int, order: Tensor, rng: np.random.RandomState
) -> Batch:
    """Pick the highest log weights plus Gumbel noise."""
    # Drawn along the random order, so that shuffling the pool shuffles the noise with it.
    uniform = torch.as_tensor(rng.random_sample(len(weights)), device=weights.device)
    gumbel = torch.empty_like(uniform)
    gumbel[order] = -(-uniform.clamp_min(1e-300).log()).log()
    picks = top_k(weights.double().log() + gumbel, n_instances, order)
    return Batch(picks, lambda: merged({}, weight=weights[picks], noise=gumbel[picks]))


def _weighted_kmeans(
    signals: Signals, weights: Tensor, n_instances: int, order: Tensor, rng: np.random.RandomState
) -> Batch:
    """Pick by k-means++ seeding on the gradient factors, with weights."""
    A, H = signals.gradient_factors
    distances = FactorDistances(A[order], H[order])
    along = kmeans_plusplus(distances, n_instances, rng, weights[order], first="weighted")
    picks = order[along]

    def reasons() -> Reasons:
        among = FactorDistances(A[picks], H[picks])
        nearest = np.full(len(picks), np.nan)
        for i in range(1, len(picks)):
            nearest[i] = float(among.to_rows(torch.tensor([i]))[0, :i].min())
        return merged({"squared_distance": nearest}, weight=weights[picks])

    return Batch(picks, reasons)


def herding_reasons(
    signals: Signals, weights: Tensor, picks: Tensor, order: Tensor, width: float = KERNEL_WIDTH
) -> Reasons:
    """Compute the coverage that each pick of :func:`skautoal.ops._herding.herding` adds."""
    targets = order if len(order) <= EXACT_BELOW else order[:MAX_TARGETS]
    H = signals.embeddings
    labeled = H[:0] if signals.labeled is None else signals.labeled.embeddings
    unit = (normalize_rows(part.float()) for part in (H[picks], H[targets], labeled))
    A, B, L = unit
    reasons = coverage_reasons(A, B, weights[targets].float(), L, width)
    return merged(reasons, weight=weights[picks])
