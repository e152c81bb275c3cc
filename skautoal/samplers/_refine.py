"""REFINE: several strategies filter the pool, coverage picks from what is left."""

from __future__ import annotations

from numbers import Integral

from sklearn.utils._param_validation import Interval

from .._rng import derive_seed
from ..search._filter import progressive_filter
from ..strategies import UncertaintyHerding
from ._composition import StrategiesSampler
from ._explain import Opinions


class REFINESampler(StrategiesSampler):
    """Progressive filtering of the pool, then UncertaintyHerding on what is left.

    In each of ``n_rounds`` rounds every strategy picks a batch from each of
    ``n_subsets`` random halves of the pool, and only what somebody picked stays.
    :class:`~skautoal.strategies.UncertaintyHerding` builds the batch from the rest, so
    that every notion of value that survived is covered.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategies : "paper" or list, default="paper"
        The strategies that filter; see :class:`~skautoal.AutoALSampler`.
    n_instances : int, default=10
        Size of a batch.
    n_rounds : int, default=1
        Rounds of filtering R.
    n_subsets : int, default=5
        Random halves J in each round.
    embedding_layer : str, default="auto"
        Submodule whose input is the embedding.
    n_passes : int, default=10
        MC-dropout passes.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    prefit : bool, default=False
        Use the fitted estimator as it is.
    random_state : int, RandomState or None, default=None
        Decides training, the halves, ties and draws.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    strategies_ : list of (str, Strategy)
        The strategies with their names.
    filtered_ : ndarray of shape (m,), dtype int64
        Rows of the last queried pool that passed the filter.
    timings_ : dict of str to float
        Seconds of each stage.

    References
    ----------
    .. [1] Huseljic, Herde, Rauch, Hahn & Sick, "Cleaning the pool: progressive filtering
       of unlabeled pools in deep active learning", CVPR 2026, arXiv 2511.22344.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import REFINESampler
    >>> X, y = make_blobs(200, centers=3, random_state=0)
    >>> sampler = REFINESampler(strategies=["margin", "badge"], random_state=0)
    >>> sampler = sampler.fit(X[:20], y[:20])
    >>> idx = sampler.query(X[20:], n_instances=5)
    >>> set(idx.tolist()) <= set(sampler.filtered_.tolist()), len(sampler.filtered_) <= 50
    (True, True)

    """

    _parameter_constraints: dict = {
        **StrategiesSampler._parameter_constraints,
        "n_rounds": [Interval(Integral, 0, None, closed="left")],
        "n_subsets": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator=None,
        strategies="paper",
        *,
        n_instances=10,
        n_rounds=1,
        n_subsets=5,
        embedding_layer="auto",
        n_passes=10,
        classes=None,
        prefit=False,
        random_state=None,
    ):
        super().__init__(
            estimator,
            strategies,
            n_instances=n_instances,
            embedding_layer=embedding_layer,
            n_passes=n_passes,
            classes=classes,
            prefit=prefit,
            random_state=random_state,
        )
        self.n_rounds = n_rounds
        self.n_subsets = n_subsets

    def _check_layout(self, layout):
        super()._check_layout(layout)
        for signal in UncertaintyHerding.needs:
            layout.check(signal, "REFINESampler")

    def _pick(self, signals, n_instances, seed):
        signals.check_available(UncertaintyHerding.needs, "REFINESampler")
        rows = progressive_filter(
            self._candidates,
            signals,
            n_instances,
            n_rounds=self.n_rounds,
            n_subsets=self.n_subsets,
            seed=derive_seed(seed, "filter"),
        )
        self.filtered_ = rows.cpu().numpy()
        signals.compute(UncertaintyHerding.needs)
        picks, values = UncertaintyHerding().evaluate(
            signals.take(rows), n_instances, derive_seed(seed, "batch")
        )
        utilities = values.new_zeros(signals.n_samples)
        utilities[rows] = values
        return rows[picks], utilities

    def _opinions(self, signals, n_instances, seed, answer):
        return Opinions.of_one(UncertaintyHerding().name, answer[1])
