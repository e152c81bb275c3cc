"""ALBLSampler: a bandit over strategies, rewarded by the accuracy on their samples."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval

from ..data._rows import take_rows
from ..mixing import Candidates
from ..signals import SignalOptions, Signals
from ..signals._task_signals import task_signals
from ._bandit import BanditSampler


class ALBLSampler(BanditSampler):
    r"""Active learning by learning: EXP4.P draws the strategy of each pick.

    Strategy k is drawn with probability

    .. math:: p_k = (1 - K p_{\min}) \frac{w_k}{\sum_j w_j} + p_{\min}

    and picks the best of its samples that are left. When ``teach`` adds the labels, each
    sample i rewards all strategies that would have picked it, if the retrained model
    predicts its label. The reward is weighted by importance:
    :math:`\hat r_k = \sum_i [f(x_i) = y_i] / q_i`, where :math:`q_i`, the sum of the
    :math:`p_k` of these strategies, is the probability with which the sample was drawn.
    With :math:`\hat v_k = \sum_i 1 / p_k`,

    .. math:: w_k \leftarrow w_k \exp\left(\frac{p_{\min}}{2} \left(\hat r_k
              + \hat v_k \sqrt{\frac{\ln (K / \delta)}{K T}}\right)\right).

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, FrozenEstimator or None, default=None
        Model of the task; see :class:`~skautoal.AutoALSampler`.
    strategies : "auto", "paper" or list, default="auto"
        The K arms; see :class:`~skautoal.AutoALSampler`.
    n_instances : int, default=10
        Size of a batch.
    delta : float, default=0.1
        Probability with which the regret bound of EXP4.P may fail.
    p_min : float or None, default=None
        Minimum probability of a strategy, at most 1 / K. None: sqrt(ln K / (K T)), or 1 / K
        if that is less.
    horizon : int, default=1000
        Total number T of labels that will be asked for.
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
    arm_weights_ : ndarray of shape (K,)
        Weights w, scaled to mean 1; all 1 after ``fit``.
    last_query_ : structured ndarray of shape (b,) or None
        One row per pick of the last query, until its labels are taught: ``row_hash`` of the
        sample, ``arm`` that was drawn, and ``advice``, the arms that would have picked it.
    strategy_weights_ : dict of str to dict of str to float
        Probability p of each strategy on the ``"pool"``, and its share of the ``"batch"``.
    timings_ : dict of str to float
        Seconds of each stage.

    Notes
    -----
    A batch is b draws, during which the model and w do not change. In the paper a query is
    one sample, and the reward of its arm is the importance-weighted accuracy on everything
    queried so far. All arms of a batch would share that number, so here each sample gives
    its own reward. With costs, draws that were skipped give none.

    References
    ----------
    .. [1] Hsu & Lin, "Active learning by learning", AAAI 2015.
    .. [2] Beygelzimer et al., "Contextual bandit algorithms with supervised learning
       guarantees", AISTATS 2011, arXiv 1002.4058.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import ALBLSampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = ALBLSampler(strategies=["margin", "random"], random_state=0)
    >>> sampler = sampler.fit(X[:12], y[:12])
    >>> idx = sampler.query(X[12:], n_instances=5)
    >>> len(set(idx.tolist())), sampler.arm_weights_.tolist()
    (5, [1.0, 1.0])
    >>> sampler = sampler.teach(X[12:][idx], y[12:][idx])
    >>> len(sampler.y_labeled_), sampler.last_query_ is None
    (17, True)

    """

    _parameter_constraints: dict = {
        **BanditSampler._parameter_constraints,
        "delta": [Interval(Real, 0, 1, closed="neither")],
        "p_min": [Interval(Real, 0, 1, closed="right"), None],
        "horizon": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any = None,
        strategies: Any = "auto",
        *,
        n_instances: int = 10,
        delta: float = 0.1,
        p_min: float | None = None,
        horizon: int = 1000,
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
        self.delta = delta
        self.p_min = p_min
        self.horizon = horizon

    def _start(self, signals: Signals, candidates: Candidates) -> None:
        K = len(candidates)
        if self.p_min is not None and self.p_min * K > 1:
            raise ValueError(
                f"'p_min' is {self.p_min}, but {K} strategies can have a probability of at"
                f" most 1 / {K} each; lower it, or leave it None."
            )

    def _reset_arms(self) -> None:
        self.arm_weights_ = np.ones(len(self._arms))

    def _least(self, K: int) -> float:
        """Return the minimum probability of one of K arms."""
        if self.p_min is not None:
            return self.p_min
        return min(1 / K, math.sqrt(math.log(K) / (K * self.horizon)))

    def _probabilities(self) -> dict[str, float] | None:
        p = arm_probabilities(self.arm_weights_, self._least(len(self._arms)))
        return dict(zip(self._arms, p.tolist(), strict=True))

    def _draw_arms(self, arms: np.ndarray, n_draws: int, rng: np.random.RandomState) -> np.ndarray:
        p = arm_probabilities(self.arm_weights_[arms], self._least(len(arms)))
        return rng.choice(arms, size=n_draws, p=p)

    def _update(self, draws: np.ndarray, rows: np.ndarray) -> None:
        if self.last_query_ is None or len(draws) == 0:
            return
        signals = task_signals(
            self._task, take_rows(self._task.X_labeled, rows), seed=0, labeled=False
        )
        predicted = signals.probabilities.argmax(dim=1).cpu().numpy()
        p_min = self._least(len(self._arms))
        self.arm_weights_ = exp4p_update(
            self.arm_weights_,
            arm_probabilities(self.arm_weights_, p_min),
            self.last_query_["advice"][draws],
            predicted == self._task.codes[rows],
            p_min=p_min,
            delta=self.delta,
            horizon=self.horizon,
        )


def arm_probabilities(weights: np.ndarray, p_min: float) -> np.ndarray:
    """Return p_k = (1 - K p_min) w_k / sum w + p_min, (K,)."""
    return (1 - len(weights) * p_min) * weights / weights.sum() + p_min


def exp4p_update(
    weights: np.ndarray,
    p: np.ndarray,
    advice: np.ndarray,
    rewards: np.ndarray,
    *,
    p_min: float,
    delta: float,
    horizon: int,
) -> np.ndarray:
    """Return the weights after some draws, scaled to mean 1.

    Parameters
    ----------
    weights : ndarray of shape (K,)
        Weights before.
    p : ndarray of shape (K,)
        Probabilities of the arms at the time of the draws.
    advice : ndarray of bool of shape (m, K)
        True for the arms that would have picked the sample of a draw.
    rewards : ndarray of shape (m,)
        In [0, 1].
    p_min, delta, horizon
        See :class:`ALBLSampler`.

    Returns
    -------
    weights : ndarray of shape (K,)

    """
    K = len(weights)
    r_hat = (advice * (rewards / (advice @ p))[:, None]).sum(axis=0)
    v_hat = len(rewards) / p
    bonus = math.sqrt(math.log(K / delta) / (K * horizon))
    log_w = np.log(weights) + p_min / 2 * (r_hat + v_hat * bonus)
    weights = np.exp(log_w - log_w.max())
    return weights / weights.mean()
