"""Cross-validated accuracy on the labelled samples of a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import beta

from .._utils._rng import derive_seed
from ..data._rows import load_rows
from ..samplers import BaseSampler, StrategySampler


@dataclass(frozen=True)
class AccuracyEstimate:
    """Cross-validated accuracy with a confidence interval.

    Attributes
    ----------
    accuracy : float
        Fraction of the labelled samples that were predicted correctly out of fold.
    lower, upper : float
        Bounds of the exact (Clopper-Pearson) confidence interval.
    n_samples : int
        Number of labelled samples.

    """

    accuracy: float
    lower: float
    upper: float
    n_samples: int


def out_of_fold_estimate(
    sampler: BaseSampler,
    classes: np.ndarray,
    X: Any,
    labels: dict,
    n_folds: int,
    confidence: float,
    seed: int,
) -> AccuracyEstimate:
    """Compute the cross-validated accuracy on the labelled samples.

    Parameters
    ----------
    sampler : BaseSampler
        Sampler whose net is trained in each fold. Its strategies are not used.
    classes : array-like of shape (C,)
        All classes. They are given because a fold may lack one.
    X : array-like of shape (n_pool, ...)
        The pool.
    labels : dict of int to label
        Labels by row of the pool, at least two.
    n_folds : int
        Number of folds, reduced to the number of labels if that is smaller.
    confidence : float
        Confidence level of the two-sided interval, in (0, 1).
    seed : int
        Seed of the folds and of the training.

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
        # A StrategySampler trains the net as the campaign does, without the cost of a search.
        net = StrategySampler(
            sampler.estimator,
            "random",
            classes=classes,
            signals=sampler.signals,
            random_state=derive_seed(seed, "fold", fold),
        )
        net.fit(load_rows(X, order[~inside]), y[~inside])
        right += int((net.predict(load_rows(X, order[inside])) == y[inside]).sum())
    lower, upper = clopper_pearson(right, len(y), confidence)
    return AccuracyEstimate(right / len(y), lower, upper, len(y))


def clopper_pearson(n_right: int, n: int, confidence: float) -> tuple[float, float]:
    """Compute the exact two-sided interval of a binomial proportion (Clopper & Pearson 1934)."""
    tail = (1 - confidence) / 2
    lower = beta.ppf(tail, n_right, n - n_right + 1) if n_right else 0.0
    upper = beta.ppf(1 - tail, n_right + 1, n - n_right) if n_right < n else 1.0
    return float(lower), float(upper)


def _folds(y: np.ndarray, n_folds: int, rng: np.random.RandomState) -> np.ndarray:
    """Assign each sample to a fold, (l,), with the classes spread evenly over the folds.

    scikit-learn's ``StratifiedKFold`` warns about classes with fewer samples than folds,
    which is the normal case at the start of a campaign.
    """
    order = rng.permutation(len(y))
    by_class = order[np.argsort(y[order], kind="stable")]
    folds = np.empty(len(y), dtype=np.int64)
    folds[by_class] = np.arange(len(y)) % n_folds
    return folds
