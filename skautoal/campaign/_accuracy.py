"""How good the model is, as far as the labels of a campaign can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from .._rng import derive_seed
from ..samplers import StrategySampler
from ._pool import rows_of


@dataclass(frozen=True)
class AccuracyEstimate:
    """Share of labelled samples that models which had not seen them got right.

    Attributes
    ----------
    accuracy : float
        That share.
    lower, upper : float
        Exact (Clopper-Pearson) interval of it.
    n_samples : int
        Labelled samples it is about.

    """

    accuracy: float
    lower: float
    upper: float
    n_samples: int


def out_of_fold_estimate(
    sampler, classes, X, labels: dict, n_folds: int, confidence: float, seed: int
) -> AccuracyEstimate:
    """Cross-validated accuracy on the labelled samples.

    Parameters
    ----------
    sampler : BaseSampler
        Its net is trained; it is not asked anything.
    classes : array-like
        All classes: a part may lack one.
    X : array-like of shape (n_pool, ...)
        The pool.
    labels : dict of int to label
        At least two samples.
    n_folds : int
        Parts, each predicted by a net trained on the others; at most one a sample.
    confidence : float
        Of the two-sided interval.
    seed : int
        Decides parts and training.

    Returns
    -------
    estimate : AccuracyEstimate

    """
    order = np.array(sorted(labels), dtype=np.int64)
    y = np.array([labels[index] for index in order.tolist()])
    folds = _folds(y, min(n_folds, len(y)), np.random.RandomState(seed))
    right = 0
    for fold in range(int(folds.max()) + 1):
        inside = folds == fold
        net = StrategySampler(
            sampler.estimator,
            "random",
            classes=classes,
            signals=sampler.signals,
            random_state=derive_seed(seed, "fold", fold),
        )
        net.fit(rows_of(X, order[~inside], stacked=True), y[~inside])
        right += int((net.predict(rows_of(X, order[inside], stacked=True)) == y[inside]).sum())
    lower, upper = clopper_pearson(right, len(y), confidence)
    return AccuracyEstimate(right / len(y), lower, upper, len(y))


def clopper_pearson(n_right: int, n: int, confidence: float) -> tuple[float, float]:
    """Exact two-sided interval of a binomial share (Clopper & Pearson 1934)."""
    tail = (1 - confidence) / 2
    lower = beta.ppf(tail, n_right, n - n_right + 1) if n_right else 0.0
    upper = beta.ppf(1 - tail, n_right + 1, n - n_right) if n_right < n else 1.0
    return float(lower), float(upper)


def _folds(y: np.ndarray, n_folds: int, rng: np.random.RandomState) -> np.ndarray:
    """Part of each sample, (l,): each class is dealt out evenly, however rare it is."""
    order = rng.permutation(len(y))
    by_class = order[np.argsort(y[order], kind="stable")]
    folds = np.empty(len(y), dtype=np.int64)
    folds[by_class] = np.arange(len(y)) % n_folds
    return folds
