"""RandomWeightsSampler: the control that asks what learning adds to SearchNet."""

from __future__ import annotations

import numpy as np
import torch

from .._rng import derive_seed, isolated_rng
from ..search import build_batch, candidate_utilities, vote_weights
from ..search._features import sample_features
from ..search._search_net import UtilitySearchNet
from ._autoal import PRESETS
from ._composition import StrategiesSampler
from ._explain import Opinions


class RandomWeightsSampler(StrategiesSampler):
    """Mix strategies by a SearchNet whose weights stay as they were drawn.

    The network, its inputs and the batch builder are those of
    :class:`~skautoal.AutoALSampler` in mode ``"search"``, but the layer that gives the
    weights of the strategies starts at random, not at zero, and nothing is learned: what
    the search does better than this, it owes to learning.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategies : "paper" or list, default="paper"
        The candidates; see :class:`~skautoal.AutoALSampler`.
    n_instances : int, default=10
        Size of a batch.
    embedding_layer : str, default="auto"
        Submodule whose input is the embedding.
    n_passes : int, default=10
        MC-dropout passes.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    prefit : bool, default=False
        Use the fitted estimator as it is.
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
    >>> from skautoal import RandomWeightsSampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = RandomWeightsSampler(strategies=["margin", "kmeans"], random_state=0)
    >>> idx = sampler.fit(X[:12], y[:12]).query(X[12:], n_instances=5)
    >>> len(idx), round(sum(sampler.strategy_weights_["pool"].values()), 3)
    (5, 1.0)

    """

    def _check_layout(self, layout):
        super()._check_layout(layout)
        if PRESETS["search"]["batch_builder"] in ("herding", "joint_herding", "kmeans++"):
            layout.check("embeddings", "RandomWeightsSampler")

    def _pick(self, signals, n_instances, seed):
        preset = PRESETS["search"]
        utilities = candidate_utilities(
            self._candidates,
            signals,
            n_instances,
            kind=preset["utilities"],
            seed=derive_seed(seed, "candidates"),
        )
        features = sample_features(signals, utilities, seed)
        with isolated_rng(derive_seed(self._seed, "random weights"), signals.device):
            net = UtilitySearchNet(vote_weights(utilities), False, features.shape[1])
            net.head.reset_parameters()
        net = net.to(signals.device)
        with torch.no_grad():
            logits, _ = net(features)
            weights, scores = net.mix(logits, None, utilities)
        rng = np.random.RandomState(derive_seed(seed, "batch"))
        picks = build_batch(preset["batch_builder"], scores, signals, n_instances, rng)
        self._note_weights("pool", weights)
        return picks, scores, Opinions(self._names, utilities, weights)
