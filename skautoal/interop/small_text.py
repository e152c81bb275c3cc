"""small-text: samplers and strategies as its query strategies, its own as candidates.

Indices count from the start of a data set there, and a pool that is too small is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ..data._requests import check_costs
from ..data._rows import n_samples, take_rows
from ..samplers import BaseSampler
from ..signals import Signals
from ._export import as_sampler, fitted_copy
from ._foreign import ForeignModel, ForeignModelStrategy

try:
    from small_text import Classifier, QueryStrategy, SklearnDataset
except ImportError as exc:
    raise ImportError(
        "skautoal.interop.small_text needs small-text; install it with"
        " pip install 'skautoal[small-text]'."
    ) from exc

__all__ = [
    "SmallTextQueryStrategy",
    "SmallTextStrategy",
    "as_query_strategy",
    "from_small_text",
]


class SmallTextQueryStrategy(QueryStrategy):
    """A sampler as a query strategy of small-text; made by :func:`as_query_strategy`.

    Parameters
    ----------
    sampler : BaseSampler
        Copies of it are fitted and asked.

    Attributes
    ----------
    sampler_ : BaseSampler
        The sampler fitted in the last query.

    """

    def __init__(self, sampler: BaseSampler):
        self.sampler = sampler

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.sampler!r})"

    def query(
        self,
        clf: Any,
        dataset: Any,
        indices_unlabeled: np.ndarray,
        indices_labeled: np.ndarray,
        y: np.ndarray,
        n: int = 10,
        *,
        costs: Any = None,
        budget: float | None = None,
    ) -> np.ndarray:
        """Choose the samples of a data set that should be labelled next.

        Parameters
        ----------
        clf : small_text.Classifier
            Not used: the sampler trains its own model on ``dataset.x``.
        dataset : small_text.Dataset
            All samples: a matrix in a ``SklearnDataset``, texts in a ``TextDataset``.
        indices_unlabeled, indices_labeled : ndarray of int
            Indices into ``dataset``.
        y : ndarray of int
            Labels of the labelled samples, in the order of ``indices_labeled``.
        n : int, default=10
            Size of the batch.
        costs : array-like of shape (n_samples,), optional
            Positive cost of labelling each sample of ``dataset``. Samples are then chosen
            by utility per unit of cost.
        budget : float, optional
            Most that the batch may cost; it may then be smaller than ``n``.

        Returns
        -------
        indices : ndarray of shape (n,), dtype int64
            Distinct indices into ``dataset``, best first.

        Raises
        ------
        small_text.EmptyPoolException
            If nothing is unlabelled.
        small_text.PoolExhaustedException
            If ``n`` is more than what is unlabelled.

        """
        self._validate_query_input(indices_unlabeled, n)
        if sparse.issparse(y):
            raise TypeError("'y' holds several labels a sample; skautoal takes one a sample.")
        X_labeled = take_rows(dataset.x, indices_labeled)
        self.sampler_ = fitted_copy(self.sampler, X_labeled, np.asarray(y), None)
        prices = check_costs(costs, budget, n_samples(dataset.x))
        prices = None if prices is None else prices[indices_unlabeled]
        pool = take_rows(dataset.x, indices_unlabeled)
        picks = self.sampler_.query(pool, int(n), costs=prices, budget=budget)
        return np.asarray(indices_unlabeled)[picks].astype(np.int64)


def as_query_strategy(
    query: Any = None, estimator: Any = None, *, random_state: Any = None
) -> SmallTextQueryStrategy:
    """Make a query strategy of small-text of a sampler or strategy.

    Parameters
    ----------
    query : sampler, Strategy, str, callable or None, default=None
        A sampler, a strategy, the name of one or a function of the signals; None is an
        :class:`~skautoal.AutoALSampler`.
    estimator : skorch classifier, Pipeline ending in one, or None, default=None
        Model of the task, trained in each query; a Pipeline for sparse matrices and
        texts. None is a small perceptron. A sampler has its own.
    random_state : int, RandomState or None, default=None
        Decides everything; a sampler has its own.

    Returns
    -------
    query_strategy : SmallTextQueryStrategy
        For a ``PoolBasedActiveLearner``.

    Examples
    --------
    >>> import numpy as np
    >>> from small_text import SklearnDataset
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal.interop.small_text import as_query_strategy
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> strategy = as_query_strategy("margin", random_state=0)
    >>> dataset = SklearnDataset(X, y, target_labels=np.arange(3))
    >>> indices = strategy.query(None, dataset, np.arange(12, 60), np.arange(12), y[:12], n=4)
    >>> indices.shape, bool((indices >= 12).all())
    ((4,), True)

    """
    return SmallTextQueryStrategy(as_sampler(query, estimator, random_state))


class SmallTextStrategy(ForeignModelStrategy):
    """A query strategy of small-text as a candidate; made by :func:`from_small_text`.

    Parameters
    ----------
    strategy, features
        See :func:`from_small_text`.

    """

    def _ask(
        self, strategy: Any, signals: Signals, order: np.ndarray, n_instances: int, seed: int
    ) -> Any:
        model = ForeignModel(signals, self.features, order)
        X = np.concatenate([model.labeled, model.pool])
        n_labeled, n_pool = len(model.codes), len(model.pool)
        y = np.concatenate([model.codes, np.zeros(n_pool, dtype=np.int64)])
        dataset = SklearnDataset(X, y, target_labels=np.arange(model.n_classes))
        unlabeled = np.arange(n_labeled, n_labeled + n_pool)
        answer = strategy.query(
            _TaskClassifier(model),
            dataset,
            unlabeled,
            np.arange(n_labeled),
            model.codes,
            n=int(n_instances),
        )
        return np.asarray(answer) - n_labeled


class _TaskClassifier(Classifier):
    """The trained task model as a classifier of small-text."""

    def __init__(self, model: ForeignModel):
        self.model = model
        self.num_classes = model.n_classes
        self.multi_label = False

    def fit(self, train_set: Any, weights: Any = None) -> Any:
        raise TypeError("A candidate cannot train the task net again; it is trained already.")

    def predict(
        self, data_set: Any, return_proba: bool = False, multi_label_threshold: Any = 0.5
    ) -> Any:
        P = self.predict_proba(data_set)
        return (P.argmax(axis=1), P) if return_proba else P.argmax(axis=1)

    def predict_proba(
        self, data_set: Any, multi_label_threshold: Any = 0.5, dropout_sampling: Any = 1
    ) -> Any:
        if dropout_sampling > 1:
            return self.model.passes(data_set.x, dropout_sampling).transpose(1, 0, 2)
        return self.model.probabilities(data_set.x)

    def embed(self, data_set: Any, return_proba: bool = False, **options: Any) -> Any:
        H = self.model.embeddings(data_set.x)
        return (H, self.model.probabilities(data_set.x)) if return_proba else H


def from_small_text(strategy: QueryStrategy, *, features: str = "samples") -> SmallTextStrategy:
    """Make a candidate of a query strategy of small-text.

    Parameters
    ----------
    strategy : small_text.QueryStrategy
        A strategy for one label a sample. Its classifier predicts and embeds with the
        trained task net.
    features : {"samples", "embeddings"}, default="samples"
        What the strategy finds in ``dataset.x``: the net's inputs, or its embeddings.

    Returns
    -------
    strategy : Strategy
        For the ``strategies`` of a sampler, or alone.

    Examples
    --------
    >>> from small_text import BreakingTies
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import AutoALSampler
    >>> from skautoal.interop.small_text import from_small_text
    >>> X, y = make_blobs(80, centers=3, random_state=0)
    >>> strategies = ["badge", from_small_text(BreakingTies())]
    >>> sampler = AutoALSampler(strategies=strategies, random_state=0).fit(X[:20], y[:20])
    >>> sampler.query(X[20:], n_instances=4).shape, list(sampler.strategy_weights_["batch"])
    ((4,), ['BADGE', 'BreakingTies'])

    """
    if not isinstance(strategy, QueryStrategy):
        raise TypeError(
            f"'strategy' must be a QueryStrategy object of small-text; got {strategy!r:.100}."
        )
    return SmallTextStrategy(strategy, features)
