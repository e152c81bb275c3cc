"""Search: the parameters of the learned part of AutoALSampler."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints

from ._objectives import LABEL_OBJECTIVES, POOL_OBJECTIVES


class Search(BaseEstimator):
    """Set how AutoALSampler learns the weights of its strategies.

    SearchNet gives each strategy a weight for each sample, and is trained to maximize the
    objective. FitNet, a model of the task that is trained on splits of the labelled set,
    provides the losses of held-out samples (AutoAL, [1]_).

    Parameters
    ----------
    objective : {"mixed", "loss", "bilevel", "coverage"}, default="mixed"
        Quantity that SearchNet maximizes. ``"loss"``: the held-out loss of the selected
        samples. ``"bilevel"``: the decrease of the loss of other held-out samples after a
        step on the selected ones. ``"coverage"``: the coverage of uncertain regions of the
        pool. ``"mixed"``: coverage plus a quarter of the loss.
    fit_net : {"head", "module"}, default="head"
        FitNet: linear heads on the embeddings of the task net, or a fresh copy of its
        module for each split (slower by the number of splits).
    search_net : {"utilities", "global", "module"}, default="utilities"
        SearchNet: a small perceptron on utilities and a few features of a sample; one
        weight per strategy; or, as in the paper, a copy of the task net's module.
    utilities : {"rank", "binary"}, default="rank"
        Utilities of the strategies: ranks, or 1 for the samples that they would pick.
    threshold : {"exact", "gmm"}, default="exact"
        How samples are selected softly: memberships sum to exactly k, or, as in the paper,
        the threshold is a quantile of a Gaussian mixture.
    loss_prediction : bool, default=False
        Whether SearchNet also learns to rank samples by loss and adds that ranking to the
        utilities. Not with ``search_net="global"``, which has no inputs to predict from.
    alternate : bool, default=False
        Whether FitNet takes a step on the soft selection after each step of SearchNet, as
        in the paper, instead of staying as it is. Needs an objective that reads the
        losses: ``"loss"`` or ``"mixed"``.
    n_splits : int, default=5
        Random halves of the labelled set to average over.
    n_steps : int, default=60
        Steps of each search: one search on the labels in ``fit``, one on the pool in
        ``query`` if the objective reads it.
    prior : float, default=0.1
        Strength of the pull towards equal weights; it is larger while labels are few.

    References
    ----------
    .. [1] Wang, Zhan & Huang, "AutoAL: Automated active learning with differentiable
       query strategy search", ICML 2025, arXiv 2410.13853.

    Examples
    --------
    >>> from skautoal import AutoALSampler, Search
    >>> sampler = AutoALSampler(search=Search("loss", n_steps=100))
    >>> sampler.set_params(search__n_splits=3).search
    Search(n_splits=3, n_steps=100, objective='loss')

    """

    _parameter_constraints: dict = {
        "objective": [StrOptions({*LABEL_OBJECTIVES, *POOL_OBJECTIVES})],
        "fit_net": [StrOptions({"head", "module"})],
        "search_net": [StrOptions({"utilities", "global", "module"})],
        "utilities": [StrOptions({"rank", "binary"})],
        "threshold": [StrOptions({"exact", "gmm"})],
        "loss_prediction": ["boolean"],
        "alternate": ["boolean"],
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "prior": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        objective: str = "mixed",
        *,
        fit_net: str = "head",
        search_net: str = "utilities",
        utilities: str = "rank",
        threshold: str = "exact",
        loss_prediction: bool = False,
        alternate: bool = False,
        n_splits: int = 5,
        n_steps: int = 60,
        prior: float = 0.1,
    ):
        self.objective = objective
        self.fit_net = fit_net
        self.search_net = search_net
        self.utilities = utilities
        self.threshold = threshold
        self.loss_prediction = loss_prediction
        self.alternate = alternate
        self.n_splits = n_splits
        self.n_steps = n_steps
        self.prior = prior

    @property
    def reads_labels(self) -> bool:
        """True if SearchNet learns from held-out labels."""
        return self.objective in LABEL_OBJECTIVES

    @property
    def reads_pool(self) -> bool:
        """True if SearchNet learns from the pool."""
        return self.objective in POOL_OBJECTIVES

    def check(self) -> None:
        """Raise an error for an invalid value, or for one that the others make ineffective."""
        values = self.get_params(deep=False)
        validate_parameter_constraints(self._parameter_constraints, values, "Search")
        unused = [name for name in self._without_effect() if values[name] != _DEFAULTS[name]]
        if unused:
            name = unused[0]
            raise ValueError(
                f"Search({name}={values[name]!r}) has no effect with {self._cause(name)}. Leave"
                f" '{name}' at {_DEFAULTS[name]!r}, or change the other parameter."
            )

    def _without_effect(self) -> list[str]:
        """Return the names of the parameters that have no effect with the others."""
        names = [] if self.reads_labels else ["fit_net", "n_splits", "loss_prediction"]
        if self.search_net == "global":
            names.append("loss_prediction")
        if self.objective in ("coverage", "bilevel"):
            names.append("alternate")
        return names

    def _cause(self, name: str) -> str:
        if name == "loss_prediction" and self.search_net == "global":
            return "search_net='global'"
        return f"objective={self.objective!r}"


_DEFAULTS: dict[str, Any] = Search().get_params(deep=False)

#: Parameters that follow the paper; docs/autoal.md lists the differences that remain.
PAPER: dict[str, Any] = {
    "objective": "loss",
    "utilities": "binary",
    "loss_prediction": True,
    "alternate": True,
}


def resolved_search(search: Any) -> Search | None:
    """Return the search that the parameter ``search`` of AutoALSampler stands for.

    Parameters
    ----------
    search : "auto", "paper", Search or None
        ``"auto"`` is the best in our benchmarks, for now equal weights.

    Returns
    -------
    search : Search or None
        None for equal weights.

    """
    if search is None or (isinstance(search, str) and search == "auto"):
        return None
    if isinstance(search, str) and search == "paper":
        return Search(**PAPER)
    if isinstance(search, Search):
        search.check()
        return search
    raise ValueError(
        "'search' must be 'auto', 'paper', a Search or None (equal weights); got"
        f" {search!r:.100}. Set its parameters as in search=Search('loss', n_steps=100)."
    )
