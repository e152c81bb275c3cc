"""scikit-activeml: samplers and strategies as its query strategies, its own as candidates.

Labelled and unlabelled samples are one array there; a missing label (nan, None, "" or a
number) says which are unlabelled.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from sklearn.base import clone

from .._utils._rng import draw_seed
from ..data._convert import standardized_vectors
from ..data._requests import check_costs
from ..signals import Signals
from ..strategies import CostAware, KMeans
from ._export import as_sampler, fitted_copy
from ._foreign import ForeignModel, ForeignModelStrategy

try:
    from skactiveml.base import SingleAnnotatorPoolQueryStrategy, SkactivemlClassifier
    from skactiveml.utils import MISSING_LABEL, is_labeled
except ImportError as exc:
    raise ImportError(
        "skautoal.interop.skactiveml needs scikit-activeml; install it with"
        " pip install 'skautoal[skactiveml]'."
    ) from exc

__all__ = [
    "SkactivemlQueryStrategy",
    "SkactivemlStrategy",
    "as_query_strategy",
    "from_skactiveml",
]


class SkactivemlQueryStrategy(SingleAnnotatorPoolQueryStrategy):
    """A sampler or strategy as a query strategy of scikit-activeml.

    Parameters
    ----------
    sampler : sampler, Strategy, str, callable or None, default=None
        A sampler, a strategy, the name of one or a function of the signals; None is an
        :class:`~skautoal.AutoALSampler`. Give the net inside a
        :class:`~skautoal.StrategySampler`, or by :func:`as_query_strategy`.
    missing_label : scalar, str, nan or None, default=nan
        What stands for a missing label.
    random_state : int, RandomState or None, default=None
        Decides everything; None leaves the sampler its own.

    Attributes
    ----------
    sampler_ : sampler or None
        The sampler fitted in the last query; it predicts, so the model need not be
        trained again. None if there were too few labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal.interop.skactiveml import SkactivemlQueryStrategy
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> labels = np.where(np.arange(60) < 12, y, np.nan)
    >>> strategy = SkactivemlQueryStrategy("badge", random_state=0)
    >>> strategy.query(X, labels, batch_size=4).shape
    (4,)

    """

    def __init__(
        self, sampler: Any = None, missing_label: Any = MISSING_LABEL, random_state: Any = None
    ) -> None:
        super().__init__(missing_label=missing_label, random_state=random_state)
        self.sampler = sampler

    def query(
        self,
        X: Any,
        y: Any,
        candidates: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
        costs: Any = None,
        budget: float | None = None,
    ) -> Any:
        """Choose the samples that should be labelled next.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            All samples; images keep their dimensions.
        y : array-like of shape (n_samples,)
            Their labels, ``missing_label`` where there is none.
        candidates : array-like of int, array-like of shape (n_candidates, ...) or None
            Indices of the samples to choose from, such samples themselves, or None for
            all without a label.
        batch_size : int, default=1
            Size of the batch.
        return_utilities : bool, default=False
            Whether to return utilities as well.
        costs : array-like of shape (n_samples,) or (n_candidates,), optional
            Positive cost of labelling each sample of ``candidates`` if those are samples,
            else of ``X``. Samples are then chosen by utility per unit of cost.
        budget : float, optional
            Most that the batch may cost; it may then be smaller than ``batch_size``.

        Returns
        -------
        query_indices : ndarray of shape (batch_size,), dtype int64
            Distinct indices, best first, into ``candidates`` if those are samples, else
            into ``X``.
        utilities : ndarray of shape (batch_size, n_samples) or (batch_size, n_candidates)
            Only with ``return_utilities``. Higher is better; nan for what is no candidate
            or was picked in a row above. A pick need not be the highest: diverse batches
            skip samples that resemble better ones.

        Notes
        -----
        The sampler is fitted in every query, and nothing is kept from it but
        ``sampler_``: the same labels get the same answer. Until two classes have labels
        (unless ``sampler`` knows its ``classes``), the picks are the samples nearest to
        the centres of a k-means of the candidates.
        """
        X, y, candidates, batch_size, return_utilities = self._validate_data(
            X, y, candidates, batch_size, return_utilities, reset=True
        )
        if batch_size == 0:
            raise ValueError("'y' has a label for every sample: there is no candidate left.")
        seed = None if self.random_state is None else draw_seed(self.random_state_)
        sampler = as_sampler(self.sampler)
        pool, mapping = self._transform_candidates(candidates, X, y)
        labeled = is_labeled(y, self.missing_label_)
        labels = _plain_labels(y[labeled])
        prices = check_costs(costs, budget, len(pool) if mapping is None else len(X))
        prices = prices if prices is None or mapping is None else prices[mapping]
        if sampler.classes is None and len(np.unique(labels)) < 2:
            self.sampler_ = None
            picks, scores = _cold_start(pool, batch_size, draw_seed(seed), prices, budget)
        else:
            self.sampler_ = fitted_copy(sampler, X[labeled], labels, seed)
            picks, scores = self.sampler_.query(
                pool, batch_size, return_utilities=True, costs=prices, budget=budget
            )
        indices = picks if mapping is None else mapping[picks].astype(np.int64)
        if not return_utilities:
            return indices
        shape = (len(indices), len(pool) if mapping is None else len(X))
        utilities = np.full(shape, np.nan)
        utilities[:, slice(None) if mapping is None else mapping] = scores
        for position in range(1, len(indices)):
            utilities[position, indices[:position]] = np.nan
        return indices, utilities


def as_query_strategy(
    query: Any = None,
    estimator: Any = None,
    *,
    missing_label: Any = MISSING_LABEL,
    random_state: Any = None,
) -> SkactivemlQueryStrategy:
    """Make a query strategy of scikit-activeml of a sampler or strategy.

    Parameters
    ----------
    query : sampler, Strategy, str, callable or None, default=None
        A sampler, a strategy, the name of one or a function of the signals; None is an
        :class:`~skautoal.AutoALSampler`.
    estimator : skorch classifier, Pipeline ending in one, or None, default=None
        Model of the task, trained in each query; None is a small perceptron. A sampler
        has its own.
    missing_label : scalar, str, nan or None, default=nan
        What stands for a missing label.
    random_state : int, RandomState or None, default=None
        Decides everything; None leaves a sampler its own.

    Returns
    -------
    query_strategy : SkactivemlQueryStrategy
        Its ``query(X, y, batch_size=...)`` is that of every
        ``SingleAnnotatorPoolQueryStrategy``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import AutoALSampler
    >>> from skautoal.interop.skactiveml import as_query_strategy
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> labels = np.where(np.arange(60) < 12, y, np.nan)
    >>> sampler = AutoALSampler(strategies=["margin", "kmeans"], random_state=0)
    >>> indices, utilities = as_query_strategy(sampler).query(
    ...     X, labels, batch_size=4, return_utilities=True
    ... )
    >>> indices.shape, utilities.shape, bool(np.isnan(utilities[0, :12]).all())
    ((4,), (4, 60), True)

    """
    return SkactivemlQueryStrategy(as_sampler(query, estimator), missing_label, random_state)


def _plain_labels(y: np.ndarray) -> np.ndarray:
    """Labels without what a missing one needed: objects, or floats for integers."""
    y = np.array(y.tolist())
    if y.dtype.kind == "f" and np.array_equal(y, y.astype(np.int64)):
        return y.astype(np.int64)
    return y


def _cold_start(
    pool: np.ndarray, k: int, seed: int, costs: np.ndarray | None, budget: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Picks and utilities without a model: k-means on standardized samples."""
    vectors = standardized_vectors(pool, "X")
    strategy = KMeans() if costs is None else CostAware(KMeans(), costs, budget)
    picks, utilities = strategy.evaluate(Signals(embeddings=vectors), k, seed)
    return picks.numpy(), utilities.numpy()


class SkactivemlStrategy(ForeignModelStrategy):
    """A query strategy of scikit-activeml as a candidate; made by :func:`from_skactiveml`.

    Parameters
    ----------
    strategy : SingleAnnotatorPoolQueryStrategy
        Copies of it are asked, with ``missing_label=nan``. Without a random state of its
        own it draws from NumPy's generator, seeded by the sampler.
    keywords : dict or None, default=None
        More keywords of its ``query``.
    features : {"samples", "embeddings"}, default="samples"
        What it is shown as samples.

    """

    def __init__(
        self, strategy: Any, keywords: dict | None = None, features: str = "samples"
    ) -> None:
        super().__init__(strategy, features)
        self.keywords = keywords

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Signals of the model it is shown; passes of MC dropout are a committee."""
        return (*super().needs, *(("mc_probabilities",) if "ensemble" in self._missing() else ()))

    def _missing(self) -> list[str]:
        """Parameters of ``query`` that nobody gave."""
        given = {"X", "y", *(self.keywords or {})}
        return [
            name
            for name, p in self._parameters().items()
            if name not in given and p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
        ]

    def _parameters(self) -> Any:
        return inspect.signature(self.strategy.query).parameters

    def _ask(
        self, strategy: Any, signals: Signals, order: np.ndarray, n_instances: int, seed: int
    ) -> Any:
        model = ForeignModel(signals, self.features, order)
        X = np.concatenate([model.labeled, model.pool])
        y = np.full(len(X), np.nan)
        y[: len(model.codes)] = model.codes
        keywords = dict(self.keywords or {})
        for name in self._missing():
            given = _GIVEN[name](model)
            keywords |= {key: value for key, value in given.items() if key in self._parameters()}
        theirs = _with_nan_labels(strategy)
        answer = theirs.query(X, y, batch_size=int(n_instances), **keywords)
        return np.asarray(answer) - len(model.codes)


class _TaskClassifier(SkactivemlClassifier):
    """The trained task model, or one of its MC-dropout passes, as a classifier."""

    def __init__(self, model: ForeignModel, member: int | None = None):
        super().__init__(classes=np.arange(model.n_classes))
        self.model = model
        self.member = member
        self.classes_ = np.arange(model.n_classes)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        raise TypeError("A candidate cannot train the task net again; it is trained already.")

    def __sklearn_clone__(self) -> Any:
        return self

    def predict_proba(self, X: Any) -> Any:
        if self.member is None:
            return self.model.probabilities(X)
        return self.model.passes(X)[self.member]

    def predict(self, X: Any) -> Any:
        return self.predict_proba(X).argmax(axis=1)


def _committee(model: ForeignModel) -> list[_TaskClassifier]:
    return [_TaskClassifier(model, member) for member in range(len(model.passes(model.pool)))]


#: Parameters of ``query`` that a candidate can fill in.
_GIVEN = {
    "clf": lambda model: {"clf": _TaskClassifier(model), "fit_clf": False},
    "estimator": lambda model: {"estimator": _TaskClassifier(model), "fit_estimator": False},
    "ensemble": lambda model: {"ensemble": _committee(model), "fit_ensemble": False},
}


def _with_nan_labels(strategy: Any) -> Any:
    """A copy with nan as missing label, also in strategies inside it."""
    strategy = clone(strategy)
    for name in sorted(strategy.get_params()):
        if name.rpartition("__")[2] == "missing_label":
            strategy.set_params(**{name: np.nan})
    return strategy


def from_skactiveml(
    strategy: Any, *, features: str = "samples", **keywords: Any
) -> SkactivemlStrategy:
    """Make a candidate of a query strategy of scikit-activeml.

    Parameters
    ----------
    strategy : SingleAnnotatorPoolQueryStrategy
        A strategy for classification. What its ``query`` takes as ``clf`` or
        ``estimator`` is the trained task net, as ``ensemble`` the passes of MC dropout.
    features : {"samples", "embeddings"}, default="samples"
        What the strategy is shown as samples: the net's inputs, or its embeddings, in
        which distances between images mean more.
    **keywords
        More keywords of its ``query``. A classifier given here is trained on class codes
        0..C-1, with nan for a missing label.

    Returns
    -------
    strategy : Strategy
        For the ``strategies`` of a sampler, or alone.

    Raises
    ------
    TypeError
        If it is no such strategy, or wants something that only ``keywords`` can give.

    Examples
    --------
    >>> from skactiveml.pool import CoreSet
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import AutoALSampler
    >>> from skautoal.interop.skactiveml import from_skactiveml
    >>> X, y = make_blobs(80, centers=3, random_state=0)
    >>> strategies = ["margin", from_skactiveml(CoreSet(), features="embeddings")]
    >>> sampler = AutoALSampler(strategies=strategies, random_state=0).fit(X[:20], y[:20])
    >>> sampler.query(X[20:], n_instances=4).shape, list(sampler.strategy_weights_["batch"])
    ((4,), ['Margin', 'CoreSet'])

    """
    if not isinstance(strategy, SingleAnnotatorPoolQueryStrategy):
        raise TypeError(
            "'strategy' must be a SingleAnnotatorPoolQueryStrategy object of scikit-activeml;"
            f" got {strategy!r:.100}."
        )
    candidate = SkactivemlStrategy(strategy, keywords or None, features)
    if "ensemble" in candidate._missing() and features == "embeddings":
        raise ValueError(
            f"{type(strategy).__name__}.query needs an ensemble, here the passes of MC dropout,"
            " which start from samples, not from embeddings. Use features='samples'."
        )
    if "ignore_partial_fit" in candidate._parameters() and "clf" in candidate._missing():
        raise TypeError(
            f"{type(strategy).__name__} trains its classifier again for each sample, but that"
            " of a candidate is the trained net. Give it one of its own:"
            " from_skactiveml(strategy, clf=...)."
        )
    unknown = [name for name in candidate._missing() if name not in _GIVEN]
    if unknown:
        raise TypeError(
            f"{type(strategy).__name__}.query needs {unknown}, which a candidate cannot give;"
            f" pass it: from_skactiveml(strategy, {unknown[0]}=...)."
        )
    return candidate
