"""Joint herding: a batch that covers uncertain regions, in inputs and embeddings at once.

Greedy coverage as in MaxHerding (Bae et al., ECCV 2024) and UncertaintyHerding (Bae et al.,
ICLR 2025), with three changes for which docs/does_it_work.md has the evidence: points are
centred before they are scaled to length 1, the raw inputs stand beside the embeddings, and
uncertainty counts the more the more labels there are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..ops._calibration import fit_temperature
from ..ops._distances import GaussianKernel, nearest_kernel, normalize_rows
from ..ops._greedy import greedy_coverage
from ..ops._ranking import average_ranks, top_k
from ..ops._uncertainty import margin
from ..signals import Signals
from ._batch import Batch, Reasons, coverage_reasons, merged
from ._inputs import InputView, has_inputs

# Unrelated centred points of length 1 are 1.4 apart.
JOINT_WIDTH = 1.0

_HALF_LABELS = 20.0  # labels a class at which the exponent is a half
_LEARNED_EXPONENT = 16.0  # of scores whose weights are all learned
_LEAST = 1e-6  # of an uncertainty: a power of 0 would be 1
_EXACT_BELOW = 5_000
_MAX_TARGETS = 2_000
_MAX_CANDIDATES = 2_000


def joint_herding(
    signals: Signals, scores: Tensor, n_instances: int, order: Tensor, learned: float = 0.0
) -> Batch:
    """Pick greedily samples that score high and cover the uncertain part of the pool.

    Parameters
    ----------
    signals : Signals
        Signals of the pool; needs logits and embeddings. Inputs are used if they are
        floating-point numbers and can be read by row.
    scores : Tensor of shape (n,)
        Higher is better; only their order matters.
    n_instances : int
        Size of the batch, at most n.
    order : Tensor of shape (n,)
        Random permutation: breaks ties, draws the targets of a large pool.
    learned : float, default=0.0
        Share of learned weights in the scores.

    Returns
    -------
    batch : Batch
        The reasons are those of :func:`coverage_reasons`, and the two factors on what a
        pick gains: ``uncertainty_weight`` (u^a) and ``score_weight`` (s^e).

    Notes
    -----
    Pick i maximizes ``u_i^a s_i^e sum_j u_j^a max(0, k_ij - c_j)`` with u one minus the
    calibrated margin, s the rank of the score, c_j what labelled and picked samples cover
    of j, and ``a = r / (r + 20)`` with r labels a class: nearly pure coverage at the
    start, when a net of few labels does not know what it does not know. The exponent of
    the scores is ``e = a + 16 learned``: what held-out labels have confirmed may move the
    batch however few they are. Exact up to 5,000 rows; above, targets are 2,000 random rows
    and candidates the 2,000 (or five batches) whose weight ``u_i^a s_i^e``, times a random
    number between 0 and 1, is largest.
    """
    a = _exponent(signals)
    u = trusted_uncertainty(signals)
    s = (average_ranks(scores) / len(scores)).to(u.dtype) ** (a + _LEARNED_EXPONENT * learned)
    own = u * s
    candidates = targets = order
    if len(order) > _EXACT_BELOW:
        n_candidates = max(_MAX_CANDIDATES, 5 * n_instances)
        # Random numbers along the random order: shuffling the pool shuffles them with it.
        draw = torch.empty_like(u)
        draw[order] = torch.linspace(0, 1, len(order), dtype=u.dtype, device=u.device)
        candidates = top_k(own * draw, min(n_candidates, len(order)), order)
        targets = order[:_MAX_TARGETS]
    A, B, L = joint_views(signals, candidates, targets)
    covered = nearest_kernel(B, L, JOINT_WIDTH)
    along = torch.arange(len(candidates), device=order.device)
    kernel = GaussianKernel(A, B, JOINT_WIDTH)
    places = greedy_coverage(kernel, u[targets], covered, n_instances, along, own[candidates])
    picks = candidates[places]

    def reasons() -> Reasons:
        columns = coverage_reasons(A[places], B, u[targets], L, JOINT_WIDTH)
        return merged(columns, uncertainty_weight=u[picks], score_weight=s[picks])

    return Batch(picks, reasons)


def trusted_uncertainty(signals: Signals) -> Tensor:
    """One minus the margin, calibrated, to the power of how far it is trusted, (n,) float32.

    The temperature of the margin is the one that suits the labelled samples, as in
    :class:`~skautoal.strategies.UncertaintyHerding`.
    """
    temperature = 1.0
    labeled, codes = signals.labeled, signals.codes
    if labeled is not None and codes is not None and labeled.has("logits"):
        temperature = fit_temperature(labeled.logits, codes)
    u = 1 - margin((signals.logits / temperature).softmax(dim=1)).float()
    return u.clamp_min(_LEAST) ** _exponent(signals)


def joint_views(
    signals: Signals, candidates: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return candidates, targets and labelled samples as points of length 1.

    Parameters
    ----------
    signals : Signals
        Signals of the pool.
    candidates, targets : Tensor of shape (m,), Tensor of shape (t,)
        Rows; the mean of the targets is the origin.

    Returns
    -------
    A, B, L : Tensor of shape (m, d), Tensor of shape (t, d), Tensor of shape (l, d)
        Embeddings and, where there are any, inputs side by side, with the same weight; see
        :class:`InputView` for how inputs become points.
        B is A where candidates and targets are the same object.
    """
    labeled = signals.labeled
    H = signals.embeddings
    H_labeled = H[:0] if labeled is None else labeled.embeddings
    views = [_centred(H[candidates], H[targets], H_labeled)]
    if has_inputs(signals) and (labeled is None or has_inputs(labeled)):
        view = InputView.of(signals, targets)
        X = view(signals, candidates)
        X_targets = X if candidates is targets else view(signals, targets)
        X_labeled = X[:0] if labeled is None else view(labeled)
        views.append(_centred(X, X_targets, X_labeled))
    A, B, L = (normalize_rows(torch.cat(parts, dim=1)) for parts in zip(*views, strict=True))
    return A, (A if candidates is targets else B), L


def _centred(*parts: Tensor) -> list[Tensor]:
    """Centre parts of one space at the mean of the second, and scale rows to length 1."""
    mean = parts[1].float().mean(0)
    return [normalize_rows(part.float() - mean) for part in parts]


def _exponent(signals: Signals) -> float:
    """Return the exponent of uncertainty and scores: 0 without labels, near 1 with many."""
    n_labeled = 0 if signals.labeled is None else signals.labeled.n_samples
    return n_labeled / (n_labeled + _HALF_LABELS * signals.n_classes)
