"""A single strategy in the protocol of a sampler: the baseline of every comparison."""

from __future__ import annotations

from ..strategies import get_strategy
from ._base import BaseSampler
from ._explain import Opinions


class StrategySampler(BaseSampler):
    """Query with one strategy, with the ``fit``, ``query`` and ``teach`` of a sampler.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategy : Strategy, str or callable, default="margin"
        The strategy, its name, or a function of the signals.
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
        Decides training, ties and draws.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    timings_ : dict of str to float
        Seconds of each stage.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import StrategySampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = StrategySampler(strategy="margin", random_state=0).fit(X[:12], y[:12])
    >>> len(set(sampler.query(X[12:], n_instances=5).tolist()))
    5

    """

    _strategy_parameters = ("strategy",)

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "strategy": "no_validation",  # get_strategy says what is wrong with it
    }

    def __init__(
        self,
        estimator=None,
        strategy="margin",
        *,
        n_instances=10,
        embedding_layer="auto",
        n_passes=10,
        classes=None,
        prefit=False,
        random_state=None,
    ):
        super().__init__(
            estimator,
            n_instances=n_instances,
            embedding_layer=embedding_layer,
            n_passes=n_passes,
            classes=classes,
            prefit=prefit,
            random_state=random_state,
        )
        self.strategy = strategy

    def _check_layout(self, layout):
        strategy = get_strategy(self.strategy)
        for signal in strategy.needs:
            layout.check(signal, strategy.name)

    def _pick(self, signals, n_instances, seed):
        return get_strategy(self.strategy).evaluate(signals, n_instances, seed)

    def _opinions(self, signals, n_instances, seed, answer):
        return Opinions.of_one(get_strategy(self.strategy).name, answer[1])
