"""DDU: samples of low density under Gaussians fitted to the labelled embeddings."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from .._utils._rng import hash_rows
from ..ops._gaussians import GaussianMixture
from ..ops._ranking import top_k
from ..ops._uncertainty import entropy
from ..signals import Signals
from ._base import ScoreStrategy, _as_rng
from ._checks import labeled_codes, labeled_signals
from ._training import scores_along


class DDU(ScoreStrategy):
    """Deep deterministic uncertainty (DDU): lowest density of labelled embeddings.

    The score is -log sum_c (l_c / l) N(h; m_c, S_c), with one Gaussian fitted to the labelled
    embeddings of each class. Embeddings unlike all labelled ones have high epistemic
    uncertainty. Samples of equal density are ordered by the entropy of their prediction, the
    aleatoric uncertainty. Covariances are shrunk towards the pooled and the isotropic
    covariance; the more labels there are, the less they are shrunk.

    Notes
    -----
    Without labelled samples, the entropy alone decides. The cost is O(n d (d + C + l) + d^3)
    with at most d labels a class, and O(n C d^2) with more. Memory is O(d^2 + l d), at most
    O(C d^2).

    References
    ----------
    Mukhoti, Kirsch, van Amersfoort, Torr & Gal, "Deep deterministic uncertainty: a new
    simple baseline", CVPR 2023, arXiv 2102.11582.

    Examples
    --------
    >>> from skautoal.signals import Signals
    >>> from skautoal.strategies import DDU
    >>> labeled = Signals(embeddings=[[0.0], [0.2], [3.0], [3.2]])
    >>> signals = Signals(probabilities=[[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]],
    ...                   embeddings=[[0.1], [1.6], [9.0]],
    ...                   labeled=labeled, codes=[0, 0, 1, 1])
    >>> DDU().select(signals, 2).tolist()
    [2, 1]

    """

    needs = ("probabilities", "embeddings", "labeled")
    cost = "O(n d (d + C + min(l, C d)) + d^3)"

    def evaluate(
        self,
        signals: Signals,
        n_instances: int,
        random_state: int | np.random.RandomState | None = None,
    ) -> tuple[Tensor, Tensor]:
        rng = _as_rng(random_state)
        scores = self.scores(signals, rng)
        order = signals.order(rng)
        by_entropy = top_k(entropy(signals.probabilities), len(order), order)
        return top_k(scores, n_instances, by_entropy), scores

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        H = signals.embeddings
        labeled = labeled_signals(signals, ("embeddings",), self.name)
        if labeled is None:
            return H.new_zeros(len(H))
        # If all embeddings are equal, the variance is 0 and any positive scale will do.
        scale = float(H.var(dim=0, correction=0).mean()) or 1.0
        gaussians = GaussianMixture(labeled.embeddings, labeled_codes(signals), scale)
        return scores_along(
            signals.order(rng),
            # Hashes of the embeddings instead of the samples: equal embeddings must get
            # equal densities, so that the entropy decides between them.
            hash_rows(H.cpu().numpy()),
            lambda rows: -gaussians.log_density(H[rows]),
        )
