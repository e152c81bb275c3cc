"""AutoALSampler: several query strategies at once, and a search over them."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ..search import BUILDERS
from ..search._adaptive import AdaptiveSearch, SearchOptions
from ..search._faults import kept, without_failing
from ..search._objectives import POOL_OBJECTIVES
from ._composition import StrategiesSampler, utility_names
from ._explain import Opinions

_IN_FIT, _IN_QUERY = 6, 4  # frames up to the caller of fit, and of query

#: What ``"auto"`` stands for in each mode.
PRESETS: dict[str, dict[str, Any]] = {
    "auto": {
        "objective": None,
        "batch_builder": "joint_herding",
        "utilities": "rank",
        "loss_prediction": False,
    },
    "search": {
        "objective": "mixed",
        "batch_builder": "joint_herding",
        "utilities": "rank",
        "loss_prediction": False,
    },
    "paper": {
        "objective": "loss",
        "batch_builder": "top",
        "utilities": "binary",
        "loss_prediction": True,
    },
    "vote": {
        "objective": None,
        "batch_builder": "top",
        "utilities": "rank",
        "loss_prediction": False,
    },
}


class AutoALSampler(StrategiesSampler):
    """Choose samples to label by asking several query strategies at once.

    Every strategy scores every sample. The scores are mixed, with equal weights or, in
    mode ``"search"``, by a differentiable search: SearchNet learns how much to trust each
    strategy for each sample; FitNet, a model of the task that never saw the samples it
    judges, and the coverage of the pool's uncertain regions supervise it (AutoAL, [1]_).
    The mixed scores are then turned into a batch.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, or None, default=None
        Model of the task, fitted or not; it is cloned and trained from scratch at each
        ``fit``; a module given as an object, not as a class, starts from the weights
        that object has. None stands for a small perceptron with dropout. skorch's
        default validation split is switched off unless the net has callbacks.
    strategies : "auto", "paper" or list, default="auto"
        The candidates: strategy objects, names (see
        :func:`skautoal.strategies.list_strategies`), functions of the signals, or
        ``(name, strategy)`` pairs, whose parameters are then reached as
        ``name__parameter``. ``"paper"`` are AutoAL's seven; three of them need a net
        with a dropout layer, without which ``"auto"`` does without them.
    n_instances : int, default=10
        Size of a batch.
    mode : {"auto", "search", "paper", "vote"}, default="auto"
        ``"auto"``: what works best by our measurements: the strategies have equal
        weights, and coverage of inputs and embeddings makes the batch. ``"search"``: the
        same, with the weights of the strategies learned for each sample; measured, that
        is as good and slower. ``"paper"``: the equations of
        the paper as they were meant: binary utilities, held-out loss as objective,
        FitNet and SearchNet in alternation, loss prediction, the top of the scores.
        ``"vote"``: every strategy has one voice, nothing is learned: the control. A
        mode only sets what the parameters below leave at ``"auto"``.
    objective : {"auto", "loss", "bilevel", "coverage", "mixed"}, default="auto"
        What SearchNet maximises: the held-out loss of what it selects; how much a step
        on it lowers the loss of other held-out samples; the coverage of uncertain
        regions of the pool; coverage plus a quarter of the loss.
    batch_builder : str, default="auto"
        How scores become a batch. ``"top"``: the highest. ``"stochastic"``: random draws
        by score. ``"herding"``: greedy coverage of high-scoring regions.
        ``"joint_herding"``: greedy coverage of uncertain regions, in inputs and
        embeddings at once, by high-scoring samples; uncertainty and scores count more
        the more labels there are. ``"kmeans++"``: k-means++ on score-weighted gradients.
    filter_rounds : int, default=0
        Rounds of progressive filtering before the batch is built: in each, only what
        some candidate picks from one of three random halves of the pool stays, as in
        :class:`~skautoal.REFINESampler`.
    utilities : {"auto", "rank", "binary"}, default="auto"
        Candidates' opinions: ranks, or 1 for the samples that they would pick.
    backbone : {"head", "module"}, default="head"
        FitNet: linear heads on the embeddings of the task net, or a fresh copy of its
        module for each split (slower by the number of splits).
    search_net : {"utilities", "global", "module"}, default="utilities"
        SearchNet: a small perceptron on utilities and a few features of a sample; one
        weight a strategy; or a copy of the task net's module (the paper's).
    loss_prediction : bool or "auto", default="auto"
        Whether SearchNet also learns to rank samples by loss and mixes that in.
    threshold : {"exact", "gmm"}, default="exact"
        How a soft selection is made: exactly k memberships, or above the quantile of a
        Gaussian mixture, as in the paper.
    n_splits : int, default=5
        Random halves of the labelled set that the search averages over.
    n_steps : int, default=60
        Steps of each search: one on the labels in ``fit``, one on the pool in ``query``
        if the objective looks at it.
    prior : float, default=0.1
        Pull of the weights towards the uniform vote, larger while labels are few.
    embedding_layer : str, default="auto"
        Name of the submodule whose input is the embedding; ``"auto"`` finds the last
        linear layer that is executed and as wide as the output.
    n_passes : int, default=10
        MC-dropout passes.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    prefit : bool, default=False
        Use the fitted estimator as it is, without cloning or training it.
    random_state : int, RandomState or None, default=None
        Decides everything: initial weights, training, dropout masks, splits, ties.
    n_jobs : int or None, default=None
        Threads that run the strategies side by side; does not change any result.
    on_error : {"raise", "drop"}, default="raise"
        What happens when a strategy raises an error, returns NaN, wrong shapes or wrong
        indices, or takes too long. ``"raise"``: an error that names it. ``"drop"``: a
        warning that names it; the answer is that of a sampler made without it. What one
        query drops, the next one tries again; what ``fit`` drops is out until the next.
    strategy_timeout : float or None, default=None
        Seconds a strategy may take each time it is asked. The thread of one that takes
        longer is left behind, since threads cannot be stopped, and answers then depend on
        the speed of the machine.
    verbose : int, default=0
        1 shows a progress bar of the search.

    Attributes
    ----------
    estimator_ : skorch classifier or Pipeline
        The trained task model; it predicts codes 0..C-1, positions in ``classes_``.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Size of the second axis of ``X``, for arrays.
    strategies_ : list of (str, Strategy)
        The candidates with their names, without those that ``fit`` dropped.
    dropped_strategies_ : dict of str to str
        Names of the strategies that the last fit or query went on without, and why.
    strategy_weights_ : dict of str to dict of str to float
        Share of trust in each strategy: over the ``"labeled"`` samples after ``fit``, if
        the weights are learned, over the ``"pool"`` and the ``"batch"`` of the last query.
    search_history_ : structured ndarray or None
        One row a step: phase, step, temperature tau, objective and its two parts,
        ranking loss, and norm of the gradient into SearchNet. None where nothing is
        learned.
    timings_ : dict of str to float
        Seconds of each stage of the last fit and query: training, signals, each
        strategy, search, batch.

    Notes
    -----
    A query changes no state but ``strategy_weights_``, ``search_history_``, ``timings_``
    and ``dropped_strategies_``, which describe it; the same pool gives the same answer.

    References
    ----------
    .. [1] Wang, Zhan & Huang, "AutoAL: Automated active learning with differentiable
       query strategy search", ICML 2025, arXiv 2410.13853.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import AutoALSampler
    >>> X, y = make_blobs(200, centers=3, random_state=0)
    >>> sampler = AutoALSampler(strategies=["margin", "badge", "kmeans"], random_state=0)
    >>> sampler = sampler.fit(X[:20], y[:20])
    >>> idx = sampler.query(X[20:], n_instances=5)
    >>> idx.shape, sorted(sampler.strategy_weights_["batch"])
    ((5,), ['BADGE', 'KMeans', 'Margin'])
    >>> sampler = sampler.teach(X[20:][idx], y[20:][idx])
    >>> len(sampler.y_labeled_)
    25

    """

    _parameter_constraints: dict = {
        **StrategiesSampler._parameter_constraints,
        "mode": [StrOptions(set(PRESETS))],
        "objective": [StrOptions({"auto", "loss", "bilevel", "coverage", "mixed"})],
        "batch_builder": [StrOptions({"auto", *BUILDERS})],
        "filter_rounds": [Interval(Integral, 0, None, closed="left")],
        "utilities": [StrOptions({"auto", "rank", "binary"})],
        "backbone": [StrOptions({"head", "module"})],
        "search_net": [StrOptions({"utilities", "global", "module"})],
        "loss_prediction": ["boolean", StrOptions({"auto"})],
        "threshold": [StrOptions({"exact", "gmm"})],
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "prior": [Interval(Real, 0, None, closed="left")],
        "n_jobs": [Integral, None],
        "on_error": [StrOptions({"raise", "drop"})],
        "strategy_timeout": [Interval(Real, 0, None, closed="neither"), None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        strategies="auto",
        *,
        n_instances=10,
        mode="auto",
        objective="auto",
        batch_builder="auto",
        filter_rounds=0,
        utilities="auto",
        backbone="head",
        search_net="utilities",
        loss_prediction="auto",
        threshold="exact",
        n_splits=5,
        n_steps=60,
        prior=0.1,
        embedding_layer="auto",
        n_passes=10,
        classes=None,
        prefit=False,
        random_state=None,
        n_jobs=None,
        on_error="raise",
        strategy_timeout=None,
        verbose=0,
    ):
        super().__init__(
            estimator,
            strategies,
            n_instances=n_instances,
            embedding_layer=embedding_layer,
            n_passes=n_passes,
            classes=classes,
            prefit=prefit,
            random_state=random_state,
        )
        self.mode = mode
        self.objective = objective
        self.batch_builder = batch_builder
        self.filter_rounds = filter_rounds
        self.utilities = utilities
        self.backbone = backbone
        self.search_net = search_net
        self.loss_prediction = loss_prediction
        self.threshold = threshold
        self.n_splits = n_splits
        self.n_steps = n_steps
        self.prior = prior
        self.n_jobs = n_jobs
        self.on_error = on_error
        self.strategy_timeout = strategy_timeout
        self.verbose = verbose

    def _check_layout(self, layout):
        super()._check_layout(layout)
        options = self._options()
        learned = options.objective is not None and (
            options.backbone == "head"
            or options.search_net == "module"
            or options.objective in (*POOL_OBJECTIVES, "bilevel")
        )
        if learned or options.builder in ("herding", "joint_herding", "kmeans++"):
            layout.check(
                "embeddings",
                f"AutoALSampler with objective={options.objective!r},"
                f" backbone={options.backbone!r} and batch_builder={options.builder!r}",
            )

    def _options(self) -> SearchOptions:
        preset = PRESETS[self.mode]

        def resolved(parameter: str):
            value = getattr(self, parameter)
            return preset[parameter] if isinstance(value, str) and value == "auto" else value

        return SearchOptions(
            objective=resolved("objective"),
            utilities=resolved("utilities"),
            builder=resolved("batch_builder"),
            filter_rounds=self.filter_rounds,
            backbone=self.backbone,
            search_net=self.search_net,
            loss_prediction=resolved("loss_prediction") and self.search_net != "global",
            alternate=self.mode == "paper",
            threshold=self.threshold,
            n_splits=self.n_splits,
            n_steps=self.n_steps,
            prior=self.prior,
            n_passes=self.n_passes,
            n_instances=self.n_instances,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            on_error=self.on_error,
            timeout=self.strategy_timeout,
        )

    def _start(self, signals):
        super()._start(signals)
        search = AdaptiveSearch(
            self._candidates, self._names, self._options(), self._round_seed("search")
        )
        _, search, dropped = without_failing(
            search, lambda search: search.learn(self._task, signals), _IN_FIT
        )
        self._search = search
        self._fit_dropped = self.dropped_strategies_ = dropped
        self.strategies_ = kept(self.strategies_, dropped)
        self.search_history_ = search.history
        if search.labeled_weights is not None:
            self._note_weights("labeled", search.labeled_weights)
        self._fit_timings = self.timings_ | search.timings
        self.timings_ = dict(self._fit_timings)

    def _pick(self, signals, n_instances, seed):
        def ask(search: AdaptiveSearch):
            if search.net is None and self._search.net is not None:
                search.learn(self._task, self._labeled_signals())
            return search.query(self._task, signals, n_instances, seed)

        everything = replace(self._search, timings={})
        result, search, dropped = without_failing(everything, ask, _IN_QUERY)
        self.dropped_strategies_ = self._fit_dropped | dropped
        self._note_weights("pool", result.weights, search.names)
        histories = [h for h in (search.history, result.history) if h is not None]
        self.search_history_ = np.concatenate(histories) if histories else None
        self.timings_ = self._fit_timings | {
            f"query_{stage}": seconds
            for stage, seconds in {**signals.timings, **search.timings}.items()
        }
        names = utility_names(search.names, result.weights)
        return result.picks, result.scores, Opinions(names, result.utilities, result.weights)
