"""From learned scores to a batch: the last step of a query."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..ops._herding import herding
from ..ops._kmeanspp import FactorDistances, kmeans_plusplus
from ..ops._ranking import average_ranks, top_k
from ..signals import Signals
from ._joint_herding import joint_herding

BUILDERS = ("top", "stochastic", "herding", "joint_herding", "kmeans++")

#: Signals of the pool that a builder reads, if any.
BUILDER_NEEDS = {
    "herding": ("embeddings",),
    "joint_herding": ("logits", "embeddings"),
    "kmeans++": ("gradient_factors",),
}

_SHARPNESS = 4.0  # power of the rank that makes a weight of it


def build_batch(
    builder: str,
    scores: Tensor,
    signals: Signals,
    n_instances: int,
    rng: np.random.RandomState,
) -> Tensor:
    """Turn a score per sample into a batch.

    Parameters
    ----------
    builder : {"top", "stochastic", "herding", "joint_herding", "kmeans++"}
        ``"top"``: the highest scores. ``"stochastic"``: draws without replacement with
        probability proportional to a power of the rank, as the top of Gumbel-perturbed
        log ranks (Kirsch et al., TMLR 2023). ``"herding"``: greedy coverage of the
        high-scoring regions of the embedding space, the step of UncertaintyHerding with
        the learned scores as uncertainty (Bae et al., ICLR 2025). ``"joint_herding"``:
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

    Returns
    -------
    picks : Tensor of shape (n_instances,), dtype int64
        Distinct rows, best first.

    """
    order = signals.order(rng)
    if builder == "top":
        return top_k(scores, n_instances, order)
    if builder == "joint_herding":
        return joint_herding(signals, scores, n_instances, order)
    weights = (average_ranks(scores) / len(scores)).float() ** _SHARPNESS
    if builder == "stochastic":
        # Uniform numbers go along the random order: they follow the rows.
        uniform = torch.as_tensor(rng.random_sample(len(scores)), device=scores.device)
        gumbel = torch.empty_like(uniform)
        gumbel[order] = -(-uniform.clamp_min(1e-300).log()).log()
        return top_k(weights.double().log() + gumbel, n_instances, order)
    if builder == "kmeans++":
        distances = FactorDistances(*(part[order] for part in signals.gradient_factors))
        along = weights[order]
        return order[kmeans_plusplus(distances, n_instances, rng, along, first="weighted")]
    H_labeled = None if signals.labeled is None else signals.labeled.embeddings
    return herding(signals.embeddings, weights, n_instances, order, H_labeled)
