"""Pipelines that end in a sampler: scikit-learn's, and they answer queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn import pipeline as _pipeline
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .samplers import BaseSampler

__all__ = ["Pipeline", "make_pipeline"]


def _final_step_has(method: str) -> Callable[[Any], bool]:
    """Condition of ``available_if``: the last step has such a method."""

    def check(self: Any) -> bool:
        getattr(self._final_estimator, method)  # its AttributeError says what is missing
        return True

    return check


class Pipeline(_pipeline.Pipeline):
    """Transformers, then a sampler: scikit-learn's Pipeline with ``query`` and ``teach``.

    Samples go through the transformers before the sampler sees them, in ``query``,
    ``teach`` and ``explain`` as in ``fit`` and ``predict``. All else is
    :class:`sklearn.pipeline.Pipeline`: nested parameters, clones, slices, caching.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and steps in order: transformers (or ``"passthrough"``), at last a
        sampler.
    transform_input : list of str, default=None
        Arguments of ``fit`` to transform as well; needs metadata routing.
    memory : str or joblib.Memory, default=None
        Where fitted transformers are cached.
    verbose : bool, default=False
        Whether to print the time that each step takes.

    Attributes
    ----------
    named_steps : Bunch
        The steps by name; the sampler has all that is learned,
        ``pipe[-1].strategy_weights_``.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns that the first step was fitted on.
    feature_names_in_ : ndarray of str
        Their names, if ``fit`` was given a frame.

    Notes
    -----
    The transformers are fitted in ``fit`` only: ``teach`` sends new samples through them
    as they are. To fit them anew with every batch, make the transformers a part of the
    model: ``AutoALSampler(sklearn.pipeline.make_pipeline(scaler, net))``.

    In a grid search over ``autoalsampler__strategies`` plain accuracy cannot tell the
    candidates from one another, since strategies do not change the model of ``fit``.
    Score what they are for instead, with a function that queries:

    >>> def accuracy_after_a_batch(pipe, X, y):
    ...     '''Half of the test fold is the pool; what it teaches shows on the other.'''
    ...     X_pool, y_pool, X_test, y_test = X[::2], y[::2], X[1::2], y[1::2]
    ...     idx = pipe.query(X_pool, n_instances=10)
    ...     return pipe.teach(X_pool[idx], y_pool[idx]).score(X_test, y_test)

    It goes to :class:`sklearn.model_selection.GridSearchCV` as ``scoring``.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skautoal import StrategySampler
    >>> from skautoal.pipeline import Pipeline
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = StrategySampler(strategy="margin", random_state=0)
    >>> pipe = Pipeline([("scale", StandardScaler()), ("sampler", sampler)])
    >>> pipe = pipe.fit(X[:12], y[:12])
    >>> idx = pipe.query(X[12:], n_instances=5)
    >>> pipe = pipe.teach(X[12:][idx], y[12:][idx])
    >>> len(idx), len(pipe["sampler"].y_labeled_)
    (5, 17)

    """

    def __getitem__(self, ind: Any) -> Any:
        """Return a step, by position or name, or a slice of the pipeline.

        A slice without the sampler is a pipeline of scikit-learn's.
        """
        part = super().__getitem__(ind)
        if isinstance(ind, slice) and not _is_sampler(part._final_estimator):
            return _pipeline.Pipeline(part.steps, memory=part.memory, verbose=part.verbose)
        return part

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit the transformers and the sampler on labelled samples.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Labelled samples as the first step takes them.
        y : array-like of shape (n_samples,)
            Their labels.
        **params : dict
            Of the steps, as ``step__parameter``.

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            If the last step is no sampler.

        """
        self._check_sampler()
        return super().fit(X, y, **params)

    @available_if(_final_step_has("query"))
    def query(self, X_unlabeled: Any, n_instances: int | None = None, **params: Any) -> Any:
        """Choose the samples of a pool that should be labelled next.

        Parameters
        ----------
        X_unlabeled : array-like or DataFrame of shape (n_pool, n_features)
            Unlabelled samples as the first step takes them.
        n_instances : int, optional
            Size of the batch; the parameter of the sampler by default.
        **params : dict
            Further arguments of the sampler's ``query``: ``return_utilities``,
            ``costs``, ``budget``.

        Returns
        -------
        indices : ndarray of shape (n_instances,), dtype int64
            Distinct indices into ``X_unlabeled``, best first.
        utilities : ndarray of shape (n_pool,)
            What the sampler thinks of every sample; only with ``return_utilities=True``.

        """
        return self._final_estimator.query(self._transformed(X_unlabeled), n_instances, **params)

    @available_if(_final_step_has("teach"))
    def teach(self, X: Any, y: Any) -> Any:
        """Add newly labelled samples and fit the sampler again on all of them.

        The transformers stay as they are; without an earlier ``fit``, this is one.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_new, n_features)
            Samples as the first step takes them.
        y : array-like of shape (n_new,)
            Their labels; new classes are welcome.

        Returns
        -------
        self : object

        """
        if not self.__sklearn_is_fitted__():
            return self.fit(X, y)
        self._final_estimator.teach(self._transformed(X), y)
        return self

    @available_if(_final_step_has("explain"))
    def explain(self, X_unlabeled: Any, indices: Any, **params: Any) -> Any:
        """Say why samples of a pool were picked; see :meth:`AutoALSampler.explain`.

        Parameters
        ----------
        X_unlabeled : array-like or DataFrame of shape (n_pool, n_features)
            The pool that was queried, as the first step takes it.
        indices : array-like of int
            Rows to explain, usually what ``query`` returned.
        **params : dict
            Further arguments of the sampler's ``explain``.

        Returns
        -------
        explanation : object
            What the sampler returns.

        """
        return self._final_estimator.explain(self._transformed(X_unlabeled), indices, **params)

    def _transformed(self, X: Any) -> Any:
        """Samples as the sampler takes them."""
        self._check_sampler()
        check_is_fitted(self)
        return self[:-1].transform(X) if len(self.steps) > 1 else X

    def _check_sampler(self) -> None:
        if self.steps and not _is_sampler(self._final_estimator):
            raise TypeError(
                "'steps' must end in a sampler such as AutoALSampler; got"
                f" {self._final_estimator!r:.100} as last step. Wrap a skorch net as"
                " AutoALSampler(net), or use sklearn.pipeline.Pipeline."
            )


def make_pipeline(
    *steps: Any, memory: Any = None, transform_input: Any = None, verbose: bool = False
) -> Pipeline:
    """Make a :class:`Pipeline` whose steps are named after their types, in lower case.

    Parameters
    ----------
    *steps : estimators
        Transformers in order, at last a sampler.
    memory : str or joblib.Memory, default=None
        Where fitted transformers are cached.
    transform_input : list of str, default=None
        Arguments of ``fit`` to transform as well; needs metadata routing.
    verbose : bool, default=False
        Whether to print the time that each step takes.

    Returns
    -------
    pipeline : Pipeline

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skautoal import AutoALSampler
    >>> from skautoal.pipeline import make_pipeline
    >>> pipe = make_pipeline(StandardScaler(), AutoALSampler(strategies=["margin", "badge"]))
    >>> [name for name, _ in pipe.steps]
    ['standardscaler', 'autoalsampler']
    >>> pipe = pipe.set_params(autoalsampler__batch_builder="top")

    """
    named = _pipeline.make_pipeline(*steps).steps
    return Pipeline(named, memory=memory, transform_input=transform_input, verbose=verbose)


def _is_sampler(step: Any) -> bool:
    return isinstance(step, (BaseSampler, Pipeline))
