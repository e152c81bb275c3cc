"""One run of active learning on data with known labels."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..._utils._rng import derive_seed, draw_seed
from ...data._labels import check_labels
from ...data._rows import n_samples, take_rows
from ..tasks._budget import Budget
from ..tasks._rows import draw_initial
from ._methods import as_sampler, method_name
from ._oracle import OracleSampler
from ._result import Round, SimulationResult


def simulate(
    method: Any,
    net: Any,
    X_train: Any,
    y_train: ArrayLike,
    X_test: Any,
    y_test: ArrayLike,
    *,
    n_initial: int,
    n_instances: int,
    n_rounds: int,
    random_state: int | np.random.RandomState | None = None,
    initial: str | ArrayLike = "random",
) -> SimulationResult:
    """Run a method round by round on a pool with known labels, and score its nets.

    The net is trained from scratch in each round, on all labels so far. With the same
    ``random_state`` every method starts from the same samples, and its nets start from
    the same weights in each round: runs with the same seed are paired.

    The method ``"oracle"`` is a reference for the others: in each round it tries out 100
    batches of all batch builders and fast strategies on random parts of the pool, buys
    each with its true labels, updates the linear head of the net in closed form, and keeps
    the batch with the best head on one half of the test samples, stratified and drawn by the
    seed. Its scores are those on the other half, and so is ``half_accuracy`` of every
    method.

    Parameters
    ----------
    method : str, Strategy, callable or sampler
        A name (see :func:`list_methods`), a strategy, a function of the signals, or a
        sampler. It is not modified.
    net : skorch classifier, Pipeline ending in one, or None
        The net to train, instead of the sampler's own. None keeps the sampler's net, or
        its default.
    X_train, y_train : array of shape (n, ...), array of shape (n,)
        The pool and its labels, which queries reveal.
    X_test, y_test : array of shape (m, ...), array of shape (m,)
        Test samples and their labels.
    n_initial : int
        Number of labels at the start.
    n_instances : int
        Number of labels added in each round.
    n_rounds : int
        Number of queries. The result has one round more.
    random_state : int, RandomState or None, default=None
        Controls the first samples, the nets and the queries.
    initial : {"random", "balanced", "skewed"} or array of int, default="random"
        The rows of the first samples, or a rule for drawing them: uniformly; the same
        number from each class; from half of the classes only.

    Returns
    -------
    result : SimulationResult

    Raises
    ------
    ValueError
        If the budget is larger than the pool, or the method does not pick distinct rows.

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
            f" holds {n_pool} samples. Lower one of them."
        )
    seed = draw_seed(random_state)
    classes = np.union1d(y_train, y_test)
    sampler = as_sampler(method).set_params(n_instances=n_instances, random_state=seed)
    is_oracle = isinstance(sampler, OracleSampler)
    if is_oracle and len(y_test) < 2:
        raise ValueError(
            f"'X_test' has {len(y_test)} sample; an oracle is judged on one half of the test"
            " samples and scored on the other, which takes two."
        )
    if net is not None:
        sampler.set_params(estimator=net)
    if sampler.get_params(deep=False).get("classes") is None:
        sampler.set_params(classes=classes)
    result = SimulationResult(method_name(method), "", budget.name, seed)
    picked = _first_rows(initial, y_train, n_initial, derive_seed(seed, "initial"))
    is_labeled = np.zeros(n_pool, dtype=bool)
    judging, reporting = _halves(y_test, derive_seed(seed, "halves"))
    seconds_query, weights = 0.0, None
    for number in range(n_rounds + 1):
        is_labeled[picked] = True
        # Each round has a net seed of its own, so that luck averages out along the curve.
        sampler.set_params(random_state=derive_seed(seed, "round", number))
        X_new, y_new = take_rows(X_train, picked), y_train[picked]
        start = time.perf_counter()
        sampler = sampler.fit(X_new, y_new) if number == 0 else sampler.teach(X_new, y_new)
        seconds_fit = time.perf_counter() - start
        seconds_train = getattr(sampler, "timings_", {}).get("train", seconds_fit)
        P = sampler.predict_proba(X_test)
        half = score(P[reporting], sampler.classes_, y_test[reporting])
        scores = half if is_oracle else score(P, sampler.classes_, y_test)
        histogram = np.bincount(
            np.searchsorted(classes, y_train[is_labeled]), minlength=len(classes)
        )
        result.rounds.append(
            Round(
                n_labeled=int(is_labeled.sum()),
                **scores,
                half_accuracy=half["accuracy"],
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
            if is_oracle:
                X_judging = take_rows(X_test, judging)
                chosen = sampler.buy(X_pool, y_train[pool], X_judging, y_test[judging])
            else:
                chosen = sampler.query(X_pool, n_instances)
            # What fit did besides training, for example a search, belongs to the query.
            seconds_query = time.perf_counter() - start + (seconds_fit - seconds_train)
            picked = pool[_checked(chosen, n_instances, len(pool), result.method)]
            weights = _batch_weights(sampler)
    return result


def score(probabilities: np.ndarray, classes: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Compute accuracy, mean recall of the classes in ``y``, and log-loss.

    Parameters
    ----------
    probabilities : ndarray of shape (m, C)
        Probabilities, one row per sample.
    classes : ndarray of shape (C,)
        Labels of the columns, sorted.
    y : ndarray of shape (m,)
        True labels. A label that is not among ``classes`` has probability 0.

    Returns
    -------
    scores : dict of str to float
        ``accuracy``, ``balanced_accuracy`` and ``log_loss``.

    """
    column = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    known = classes[column] == y
    right = known & (probabilities.argmax(axis=1) == column)
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    recalls = np.bincount(codes, weights=right) / counts
    p = np.where(known, probabilities[np.arange(len(y)), column], 0.0).astype(np.float64)
    # In float32, smaller probabilities of an error cannot be told from 0.
    losses = -np.log(p.clip(np.finfo(np.float32).eps, 1.0))
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(recalls.mean()),
        "log_loss": float(losses.mean()),
    }


def _first_rows(initial: str | ArrayLike, y: np.ndarray, n: int, seed: int) -> np.ndarray:
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


def _halves(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows by which an oracle judges, and those that its scores are of; stratified."""
    order = np.random.RandomState(seed).permutation(len(y))
    by_class = order[np.argsort(y[order], kind="stable")]
    return np.sort(by_class[1::2]), np.sort(by_class[::2])


def _checked(chosen: ArrayLike, n: int, n_pool: int, name: str) -> np.ndarray:
    """Check the picks of a sampler, which may be the user's own."""
    rows = np.asarray(chosen)
    fine = rows.shape == (n,) and rows.dtype.kind in "iu"
    if not fine or len(np.unique(rows)) != n or rows.min() < 0 or rows.max() >= n_pool:
        raise ValueError(
            f"Method {name!r} must pick {n} distinct rows of a pool of {n_pool}; got"
            f" {chosen!r:.200}."
        )
    return rows


def _batch_weights(sampler: Any) -> dict[str, float] | None:
    """Return the weight of each strategy in the last batch; None without weights."""
    weights = getattr(sampler, "strategy_weights_", None)
    if not isinstance(weights, dict) or not weights:
        return None
    weights = weights.get("batch", weights)
    if any(isinstance(value, dict) for value in weights.values()):
        return None
    return {str(name): float(value) for name, value in weights.items()}
