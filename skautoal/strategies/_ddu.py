"""DDU: query where the density of the labelled embeddings is lowest."""

from __future__ import annotations

from .._rng import hash_rows
from ..ops._gaussians import GaussianMixture
from ..ops._ranking import top_k
from ..ops._uncertainty import entropy
from ._base import ScoreStrategy, _as_rng
from ._checks import labeled_signals
from ._training import scores_along


class DDU(ScoreStrategy):
    """Samples of lowest density under Gaussians fitted to the labelled embeddings by class.

    The score is -log sum_c (l_c / l) N(h; m_c, S_c): embeddings unlike all labelled ones
    mean epistemic uncertainty. Samples of equal density are ordered by the entropy of
    their prediction, which is the aleatoric part. Covariances are shrunk towards the
    pooled and the isotropic one, the less the more labels there are.

    Notes
    -----
    Without labelled samples the entropy decides alone. Cost O(n d (d + C + l) + d^3) with few
    labels a class, O(n C d^2) with more than d; memory O(d^2 + l d), O(C d^2) at most.

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

    def evaluate(self, signals, n_instances, random_state=None):
        rng = _as_rng(random_state)
        scores = self.scores(signals, rng)
        order = signals.order(rng)
        by_entropy = top_k(entropy(signals.probabilities), len(order), order)
        return top_k(scores, n_instances, by_entropy), scores

    def _scores(self, signals, rng):
        H = signals.embeddings
        labeled = labeled_signals(signals, ("embeddings",), self.name)
        if labeled is None:
            return H.new_zeros(len(H))
        # Where neither labels nor pool show any variance, any unit is as good as another.
        scale = float(H.var(dim=0, correction=0).mean()) or 1.0
        gaussians = GaussianMixture(labeled.embeddings, signals.codes, scale)
        return scores_along(
            signals.order(rng),
            hash_rows(H.cpu().numpy()),  # equal embeddings are equally dense: entropy decides
            lambda rows: -gaussians.log_density(H[rows]),
        )
