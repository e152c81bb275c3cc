"""TAILORSampler: Thompson sampling of the strategies that find rare classes."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval

from ..signals import SignalOptions
from ._bandit import BanditSampler

_DIGITS = 12  # rewards that agree to this many decimals are equal


class TAILORSampler(BanditSampler):
    r"""Thompson sampling over strategies, rewarded for class balance.

    Each strategy has a Dirichlet posterior over the classes of the samples that it picks,
    with parameters :math:`1 + a_{kc}`. For each pick, class frequencies
    :math:`\theta_k \sim \mathrm{Dir}(1 + a_k)` are drawn for every strategy, and the
    strategy with the largest :math:`\langle \theta_k, v \rangle` picks the best of its
    samples that are left. A class with :math:`n_c` labels has the value
    :math:`v_c = 1 / \max(1, n_c)`, with a negative sign if it has more than half of all
    labels. When ``teach`` adds labels, a becomes :math:`\gamma a` plus the number of
    samples of each class that each strategy picked.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, FrozenEstimator or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategies : "auto", "paper" or list, default="auto"
        The K arms; see :class:`~skautoal.AutoALSampler`.
    n_instances : int, default=10
        Size of a batch.
    decay : float, default=0.9
        Factor :math:`\gamma` by which counts are multiplied each time labels are taught.
    signals : SignalOptions or None, default=None
        How the signals are computed.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    on_nonfinite : {"raise", "skip"}, default="raise"
        How to treat samples of a pool that contain NaN or infinity.
    on_error : {"raise", "drop"}, default="raise"
        How to treat a strategy that fails; see :class:`~skautoal.AutoALSampler`.
    random_state : int, RandomState or None, default=None
        Controls training, tie-breaking and random draws.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    strategies_ : list of (str, Strategy)
        The arms with their names.
    arm_counts_ : ndarray of shape (K, n_classes)
        Decayed counts a of the classes that each arm picked; all 0 after ``fit``.
    last_query_ : structured ndarray of shape (b,) or None
        One row per pick of the last query, until its labels are taught: ``row_hash`` of the
        sample, ``arm`` that picked it, and ``advice``, the arms that would have picked it.
    strategy_weights_ : dict of str to dict of str to float
        Share of each strategy in the ``"batch"`` of the last query.
    timings_ : dict of str to float
        Seconds of each stage.

    References
    ----------
    .. [1] Zhang, Shao, Verma & Nowak, "Algorithm selection for deep active learning with
       imbalanced datasets", NeurIPS 2023, arXiv 2302.07317.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import TAILORSampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = TAILORSampler(strategies=["margin", "random"], random_state=0)
    >>> sampler = sampler.fit(X[:12], y[:12])
    >>> idx = sampler.query(X[12:], n_instances=5)
    >>> sampler = sampler.teach(X[12:][idx], y[12:][idx])
    >>> sampler.arm_counts_.sum().tolist()
    5.0

    """

    _parameter_constraints: dict = {
        **BanditSampler._parameter_constraints,
        "decay": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        estimator: Any = None,
        strategies: Any = "auto",
        *,
        n_instances: int = 10,
        decay: float = 0.9,
        signals: SignalOptions | None = None,
        classes: Any = None,
        on_nonfinite: str = "raise",
        on_error: str = "raise",
        random_state: Any = None,
    ):
        super().__init__(
            estimator,
            strategies,
            n_instances=n_instances,
            signals=signals,
            classes=classes,
            on_nonfinite=on_nonfinite,
            on_error=on_error,
            random_state=random_state,
        )
        self.decay = decay

    def _reset_arms(self) -> None:
        self.arm_counts_ = np.zeros((len(self._arms), len(self.classes_)))
        self._counted_classes = self.classes_

    def _draw_arms(self, arms: np.ndarray, n_draws: int, rng: np.random.RandomState) -> np.ndarray:
        values = class_values(np.bincount(self._task.codes, minlength=len(self.classes_)))
        drawn = np.empty(n_draws, dtype=np.int64)
        for draw in range(n_draws):
            theta = rng.standard_gamma(1 + self.arm_counts_[arms])
            rewards = (theta @ values / theta.sum(axis=1)).round(_DIGITS)
            # If all classes have the same value, so have all arms: chance decides.
            order = rng.permutation(len(rewards))
            drawn[draw] = arms[order[rewards[order].argmax()]]
        return drawn

    def _update(self, draws: np.ndarray, rows: np.ndarray) -> None:
        counts = np.zeros((len(self._arms), len(self.classes_)))
        counts[:, np.searchsorted(self.classes_, self._counted_classes)] = self.arm_counts_
        if self.last_query_ is not None and len(draws):
            counts *= self.decay
            np.add.at(counts, (self.last_query_["arm"][draws], self._task.codes[rows]), 1)
        self.arm_counts_ = counts
        self._counted_classes = self.classes_


def class_values(n_labels: np.ndarray) -> np.ndarray:
    """Return the value of a sample of each class, (C,), from the number of labels of each."""
    values = 1 / np.maximum(1, n_labels)
    return np.where(n_labels > n_labels.sum() / 2, -values, values)
