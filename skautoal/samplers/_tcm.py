"""TCM: typical samples while there are few labels, small margins afterwards."""

from __future__ import annotations

from numbers import Integral

from sklearn.utils._param_validation import Interval

from ..strategies import Strategy, get_strategy
from ._base import BaseSampler
from ._explain import Opinions


class TCMSampler(BaseSampler):
    """TypiClust first, then margin.

    The first strategy is used until there are ``labels_per_class`` labels for each known
    class on average or, if ``n_rounds`` is given, for so many rounds of ``query`` and
    ``teach`` after ``fit``; the second from then on.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    first : Strategy, str or callable, default="typiclust"
        Strategy for few labels.
    then : Strategy, str or callable, default="margin"
        Strategy for more of them.
    n_instances : int, default=10
        Size of a batch.
    labels_per_class : int, default=5
        Labels for each class at which to change over.
    n_rounds : int or None, default=None
        Rounds after which to change over, whatever the number of labels.
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
    n_rounds_ : int
        Times that labels were taught since ``fit``.
    phase_ : {"first", "then"}
        Which strategy answers queries now.
    timings_ : dict of str to float
        Seconds of each stage.

    References
    ----------
    .. [1] Doucet, Estermann, Aczel & Wattenhofer, "Bridging diversity and uncertainty in
       active learning with self-supervised pre-training", ICLR 2024 workshop on practical
       ML for limited/low resource settings, arXiv 2403.03728.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import TCMSampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = TCMSampler(labels_per_class=5, random_state=0).fit(X[:12], y[:12])
    >>> idx = sampler.query(X[12:], n_instances=5)
    >>> sampler.phase_, sampler.teach(X[12:][idx], y[12:][idx]).phase_
    ('first', 'then')

    """

    _strategy_parameters = ("first", "then")

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "first": "no_validation",
        "then": "no_validation",
        "labels_per_class": [Interval(Integral, 0, None, closed="left")],
        "n_rounds": [Interval(Integral, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        estimator=None,
        first="typiclust",
        then="margin",
        *,
        n_instances=10,
        labels_per_class=5,
        n_rounds=None,
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
        self.first = first
        self.then = then
        self.labels_per_class = labels_per_class
        self.n_rounds = n_rounds

    def fit(self, X, y):
        super().fit(X, y)
        self.n_rounds_ = 0
        return self

    def teach(self, X, y):
        n_rounds = getattr(self, "n_rounds_", -1)
        super().teach(X, y)
        self.n_rounds_ = n_rounds + 1
        return self

    @property
    def phase_(self) -> str:
        """Which strategy answers queries now."""
        if self.n_rounds is not None:
            return "first" if self.n_rounds_ < self.n_rounds else "then"
        enough = self.labels_per_class * len(self.classes_)
        return "first" if len(self.y_labeled_) < enough else "then"

    def _check_layout(self, layout):
        for strategy in map(get_strategy, (self.first, self.then)):
            for signal in strategy.needs:
                layout.check(signal, strategy.name)

    def _pick(self, signals, n_instances, seed):
        return self._in_charge.evaluate(signals, n_instances, seed)

    def _opinions(self, signals, n_instances, seed, answer):
        return Opinions.of_one(self._in_charge.name, answer[1])

    @property
    def _in_charge(self) -> Strategy:
        return get_strategy(self.first if self.phase_ == "first" else self.then)
