"""Search: the parameters of the learned part of AutoALSampler."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints

from ._objectives import LABEL_OBJECTIVES, POOL_OBJECTIVES


class Search(BaseEstimator):
    """Set how AutoALSampler learns the weights of its strategies.

    SearchNet gives each strategy a weight for each sample, and is trained on an upper
    objective. FitNet, a model of the task on splits of the labelled set, supplies the
    losses of held-out samples (AutoAL, [1]_). Weights are learned only from labels that were
    held out, and used only as far as they prove better than equal weights on others.

    Parameters
    ----------
    objective : {"mixed", "loss", "bilevel", "coverage"}, default="mixed"
        Quantity that SearchNet maximizes. ``"loss"``: the held-out loss of the selected
        samples. ``"bilevel"``: the decrease of the loss of other held-out samples after a
        step on the selected ones. ``"coverage"``: the coverage of uncertain regions of the
        pool. ``"mixed"``: the loss, and a quarter of the coverage. Both count from equal
        weights, in units of their spread between the strategies.
    fit_net : {"auto", "module"}, default="auto"
        Model that has not seen the labels it is judged on. ``"auto"``: linear heads on
        splits where nothing below the head of the task net is trained; else the nets of
        earlier rounds, whose ``teach`` brought labels they had not seen, and while these are
        fewer than 200 two copies of the module, each trained on a half of the labels.
        ``"module"``: copies of the module on all splits, two trainings on half of the labels
        for each of ``n_splits``.
    search_net : {"auto", "global", "location", "module"}, default="auto"
        SearchNet. ``"global"``: one weight a strategy. ``"location"``: a small perceptron
        on the location of a sample, that is principal components of its embedding and its
        inputs. ``"module"``: a copy of
        the task net's module (the paper's). ``"auto"``: one weight a strategy below 100
        held-out labels, above that what is better on labels that were left out.
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
    n_splits : int, default=3
        Random halvings of the labelled set; each half is held out once. Copies of the
        module that ``fit_net="auto"`` trains are made for one halving only.
    n_steps : int, default=60
        Steps of each search: one search on the labels in ``fit``, which ends early if
        further steps do not help on labels that were left out, and one on the pool in
        ``query`` if the objective reads it (of a third as many steps if labels have
        taught before).
    prior : float, default=0.05
        Strength of the pull towards equal weights; it is larger while labels are few.
    trust : "auto" or float, default="auto"
        Share of the learned weights in those that are used; the rest are equal weights.
        ``"auto"``: from a cross-validation, 0 unless learned weights select better than
        equal ones among labels that were left out, with a confidence of 90 %.

    References
    ----------
    .. [1] Wang, Zhan & Huang, "AutoAL: Automated active learning with differentiable
       query strategy search", ICML 2025, arXiv 2410.13853.

    Examples
    --------
    >>> from skautoal import AutoALSampler, Search
    >>> sampler = AutoALSampler(search=Search("loss", n_steps=100))
    >>> sampler.set_params(search__n_splits=4).search
    Search(n_splits=4, n_steps=100, objective='loss')

    """

    _parameter_constraints: dict = {
        "objective": [StrOptions({*LABEL_OBJECTIVES, *POOL_OBJECTIVES})],
        "fit_net": [StrOptions({"auto", "module"})],
        "search_net": [StrOptions({"auto", "global", "location", "module"})],
        "utilities": [StrOptions({"rank", "binary"})],
        "threshold": [StrOptions({"exact", "gmm"})],
        "loss_prediction": ["boolean"],
        "alternate": ["boolean"],
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "prior": [Interval(Real, 0, None, closed="left")],
        "trust": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        objective: str = "mixed",
        *,
        fit_net: str = "auto",
        search_net: str = "auto",
        utilities: str = "rank",
        threshold: str = "exact",
        loss_prediction: bool = False,
        alternate: bool = False,
        n_splits: int = 3,
        n_steps: int = 60,
        prior: float = 0.05,
        trust: str | float = "auto",
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
        self.trust = trust

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
    "fit_net": "module",
    "search_net": "module",
    "utilities": "binary",
    "threshold": "gmm",
    "loss_prediction": True,
    "alternate": True,
    "n_splits": 1,
    "trust": 1.0,
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
