"""RandomWeightsSampler: a baseline with the SearchNet of the search, untrained."""

from __future__ import annotations

import numpy as np
import torch

from .._utils._rng import derive_seed, isolated_rng
from ..mixing import Candidates, build_batch, candidate_utilities, equal_weights
from ..mixing._builders import BUILDER_NEEDS
from ..samplers._composition import StrategiesSampler
from ..samplers._result import Answer
from ..search._location import Location
from ..search._search_net import LocationSearchNet
from ..signals import Signals

_BUILDER = "joint_herding"


class RandomWeightsSampler(StrategiesSampler):
    """Mix strategies by a SearchNet whose weights stay as they were drawn.

    The network, its inputs and the batch builder are those of
    :class:`~skautoal.AutoALSampler` with ``search=Search()``, but the layer that gives the
    weights of the strategies starts at random, not at zero, and nothing is learned. The
    difference between the two is the effect of learning.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, FrozenEstimator or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategies : "auto", "paper" or list, default="auto"
        The candidates; see :class:`~skautoal.AutoALSampler`.
    n_instances : int, default=10
        Size of a batch.
    signals : SignalOptions or None, default=None
        How the signals are computed.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    on_nonfinite : {"raise", "skip"}, default="raise"
        How to treat samples of a pool that contain NaN or infinity.
    on_error : {"raise", "drop"}, default="raise"
        How to treat a strategy that fails; see :class:`~skautoal.AutoALSampler`.
    random_state : int, RandomState or None, default=None
        Decides training, the network, ties and draws. An integer gives the same network
        in every round.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    strategies_ : list of (str, Strategy)
        The candidates with their names.
    strategy_weights_ : dict of str to dict of str to float
        Mean weight of each strategy over the ``"pool"`` and the ``"batch"`` of the last
        query.
    timings_ : dict of str to float
        Seconds of each stage.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal.baselines import RandomWeightsSampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = RandomWeightsSampler(strategies=["margin", "kmeans"], random_state=0)
    >>> idx = sampler.fit(X[:12], y[:12]).query(X[12:], n_instances=5)
    >>> len(idx), round(sum(sampler.strategy_weights_["pool"].values()), 3)
    (5, 1.0)

    """

    def _own_needs(self) -> dict[str, str]:
        return dict.fromkeys(BUILDER_NEEDS[_BUILDER], "RandomWeightsSampler")

    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        utilities = candidate_utilities(
            candidates,
            signals,
            n_instances,
            kind="rank",
            seed=derive_seed(seed, "candidates"),
        )
        features = Location.of(self._labeled_signals())(signals)
        with isolated_rng(derive_seed(self._seed, "random weights"), signals.device):
            net = LocationSearchNet(equal_weights(utilities), False, features.shape[1])
            net.draw_head()
        net = net.to(signals.device)
        with torch.no_grad():
            logits, _ = net(features)
            weights, scores = net.mix(logits, None, utilities)
        rng = np.random.RandomState(derive_seed(seed, "batch"))
        mixes = float(len(candidates) > 1)  # weights of a single strategy are not random
        batch = build_batch(_BUILDER, scores, signals, n_instances, rng, mixes)
        return Answer(
            batch.picks, scores, candidates.names, utilities, weights, reasons=batch.reasons
        )
