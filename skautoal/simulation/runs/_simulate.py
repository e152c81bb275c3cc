"""One run of active learning on data whose labels are known."""

from __future__ import annotations

import time

import numpy as np

from ..._utils._rng import derive_seed, draw_seed
from ...data._labels import check_labels
from ...data._rows import n_samples, take_rows
from ..tasks._task import Budget, draw_initial
from ._methods import as_sampler, method_name
from ._result import Round, SimulationResult


def simulate(
    method,
    net,
    X_train,
    y_train,
    X_test,
    y_test,
    *,
    n_initial,
    n_instances,
    n_rounds,
    random_state=None,
    initial="random",
) -> SimulationResult:
    """Let a method label a pool round by round and measure the nets it leads to.

    The net is trained from scratch each round, on all labels so far. With the same
    ``random_state`` every method starts from the same samples, and its nets start from
    the same weights in each round: runs of one seed are paired.

    Parameters
    ----------
    method : str, Strategy, callable or sampler
        A name (see :func:`list_methods`), a strategy, a function of the signals, or a
        sampler; it is not modified.
    net : skorch classifier, Pipeline ending in one, or None
        The net to train, whatever the sampler holds; None leaves that of the sampler,
        or its default.
    X_train, y_train : array of shape (n, ...), array of shape (n,)
        The pool, and the labels that queries reveal.
    X_test, y_test : array of shape (m, ...), array of shape (m,)
        Samples that the nets are measured on.
    n_initial : int
        Labels at the start.
    n_instances : int
        Labels that each round brings.
    n_rounds : int
        Queries; the result has one row more.
    random_state : int, RandomState or None, default=None
        Decides the first samples, the nets and the queries.
    initial : {"random", "balanced", "skewed"} or array of int, default="random"
        How the first samples are drawn: uniformly; the same number of each class; only
        from half of the classes; or the rows themselves.

    Returns
    -------
    result : SimulationResult

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal.simulation import simulate
    >>> X, y = make_blobs(200, centers=3, random_state=0)
    >>> result = simulate("margin", None, X[:150], y[:150], X[150:], y[150:],
    ...                   n_initial=6, n_instances=4, n_rounds=2, random_state=0)
    >>> result.n_labeled.tolist()
    [6, 10, 14]

    """
    budget = Budget("custom", n_initial, n_instances, n_rounds)
    y_train, y_test = check_labels(y_train, X_train, "y_train"), check_labels(y_test, X_test)
    n_pool = n_samples(X_train)
    if budget.n_labels > n_pool:
        raise ValueError(
            f"'n_initial' + 'n_rounds' * 'n_instances' is {budget.n_labels}, but the pool"
            f" holds {n_pool} samples. Ask for fewer."
        )
    seed = draw_seed(random_state)
    classes = np.union1d(y_train, y_test)
    sampler = as_sampler(method).set_params(n_instances=n_instances, random_state=seed)
    if net is not None:
        sampler.set_params(estimator=net)
    if sampler.get_params(deep=False).get("classes") is None:
        sampler.set_params(classes=classes)
    result = SimulationResult(method_name(method), "", budget.name, seed)
    picked = _first_rows(initial, y_train, n_initial, derive_seed(seed, "initial"))
    is_labeled = np.zeros(n_pool, dtype=bool)
    seconds_query, weights = 0.0, None
    for number in range(n_rounds + 1):
        is_labeled[picked] = True
        # A net seed of its own in each round: chance averages out along the curve.
        sampler.set_params(random_state=derive_seed(seed, "round", number))
        X_new, y_new = take_rows(X_train, picked), y_train[picked]
        start = time.perf_counter()
        sampler = sampler.fit(X_new, y_new) if number == 0 else sampler.teach(X_new, y_new)
        seconds_fit = time.perf_counter() - start
        seconds_train = getattr(sampler, "timings_", {}).get("train", seconds_fit)
        scores = score(sampler.predict_proba(X_test), sampler.classes_, y_test)
        histogram = np.bincount(
            np.searchsorted(classes, y_train[is_labeled]), minlength=len(classes)
        )
        result.rounds.append(
            Round(
                n_labeled=int(is_labeled.sum()),
                **scores,
                picked=picked.tolist(),
                class_histogram=histogram.tolist(),
                strategy_weights=weights,
            )
        )
        result.seconds_train.append(seconds_train)
        result.seconds_query.append(seconds_query)
        if number < n_rounds:
            pool = np.flatnonzero(~is_labeled)
            X_pool = take_rows(X_train, pool)
            start = time.perf_counter()
            chosen = sampler.query(X_pool, n_instances)
            # What fit did beyond training, a search say, is part of the query's cost.
            seconds_query = time.perf_counter() - start + (seconds_fit - seconds_train)
            picked = pool[_checked(chosen, n_instances, len(pool), result.method)]
            weights = _batch_weights(sampler)
    return result


def score(probabilities: np.ndarray, classes: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Accuracy, mean recall of the classes in ``y``, and log-loss of probabilities.

    Parameters
    ----------
    probabilities : ndarray of shape (m, C)
        One row a sample.
    classes : ndarray of shape (C,)
        Labels of the columns, sorted.
    y : ndarray of shape (m,)
        True labels; one that is not among ``classes`` has probability 0.

    Returns
    -------
    scores : dict of str to float

    """
    column = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    known = classes[column] == y
    right = known & (probabilities.argmax(axis=1) == column)
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    recalls = np.bincount(codes, weights=right) / counts
    p = np.where(known, probabilities[np.arange(len(y)), column], 0.0).astype(np.float64)
    # float32 cannot tell smaller probabilities of an error from none.
    losses = -np.log(p.clip(np.finfo(np.float32).eps, 1.0))
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(recalls.mean()),
        "log_loss": float(losses.mean()),
    }


def _first_rows(initial, y: np.ndarray, n: int, seed: int) -> np.ndarray:
    if isinstance(initial, str):
        return draw_initial(y, n, initial, np.random.RandomState(seed))
    rows = np.asarray(initial)
    inside = rows.dtype.kind in "iu" and rows.ndim == 1 and ((rows >= 0) & (rows < len(y))).all()
    if not inside or len(rows) != n or len(np.unique(rows)) != n:
        raise ValueError(
            f"'initial' must be the name of a rule or {n} ('n_initial') distinct rows of the"
            f" pool, 0..{len(y) - 1}; got {initial!r:.100}."
        )
    return rows.astype(np.int64)


def _checked(chosen, n: int, n_pool: int, name: str) -> np.ndarray:
    """Picks of a sampler, which may be the user's own."""
    chosen = np.asarray(chosen)
    fine = chosen.shape == (n,) and chosen.dtype.kind in "iu"
    if not fine or len(np.unique(chosen)) != n or chosen.min() < 0 or chosen.max() >= n_pool:
        raise ValueError(
            f"Method {name!r} must pick {n} distinct rows of a pool of {n_pool}; got"
            f" {chosen!r:.200}."
        )
    return chosen


def _batch_weights(sampler) -> dict[str, float] | None:
    """Trust in each candidate over the batch just queried, if the sampler tells."""
    weights = getattr(sampler, "strategy_weights_", None)
    if not isinstance(weights, dict) or not weights:
        return None
    weights = weights.get("batch", weights)
    if any(isinstance(value, dict) for value in weights.values()):
        return None
    return {str(name): float(value) for name, value in weights.items()}
