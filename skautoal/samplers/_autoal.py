"""AutoALSampler: mix the utilities of several query strategies and build one batch."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions
from torch import Tensor

from .._utils._atomic import all_or_nothing
from ..data._rows import n_samples, take_rows
from ..mixing import BUILDERS, Candidates
from ..mixing._builders import BUILDER_NEEDS
from ..mixing._failures import without_failing
from ..search import Search
from ..search._fit_net import with_constant
from ..search._held_out import HeldOut
from ..search._options import resolved_search
from ..search._pool_query import query_pool
from ..search._record import MAX_ROUNDS, Record
from ..search._round import RoundOptions, SearchRound
from ..signals import SignalOptions, Signals
from ..signals._task_signals import task_signals
from ._base import BaseSampler
from ._composition import StrategiesSampler
from ._result import Answer, QueryResult, mean_weights
from ._rounds import PreviousRound


class AutoALSampler(StrategiesSampler):
    """Choose samples to label by mixing several query strategies.

    Every strategy rates every sample, and the ratings are mixed, with equal weights by
    default. A batch builder turns the mixed scores into a batch: by default joint herding,
    which covers the uncertain part of the pool in inputs and embeddings. With
    ``search=Search()`` a differentiable search learns the weight of each strategy for each
    sample (AutoAL, [1]_) from labels that a net has not seen: those of ``teach``, before the
    net is trained again, and halves of the labelled set. Learned weights are used as far as
    they prove better than equal ones on labels that were left out.

    Parameters
    ----------
    estimator : skorch classifier, Pipeline ending in one, FrozenEstimator or None, default=None
        Model of the task. It is cloned and trained from scratch at each ``fit``; a module
        given as an object, not as a class, starts from the weights that object has. In a
        :class:`sklearn.frozen.FrozenEstimator` a fitted model is used as it is. None
        stands for a small perceptron with dropout. skorch's default validation split is
        switched off unless the net has callbacks.
    strategies : "auto", "paper" or list, default="auto"
        The candidates: strategy objects, names (see
        :func:`skautoal.strategies.list_strategies`), functions of the signals, or
        ``(name, strategy)`` pairs, whose parameters can be set as ``name__parameter``.
        ``"paper"``: the seven of the AutoAL paper, three of which need a net with dropout.
        ``"auto"``: the same, without those that the net cannot support.
    n_instances : int, default=10
        Size of a batch.
    search : "auto", "paper", Search or None, default="auto"
        How the weights of the strategies are set. None: equal weights. A
        :class:`~skautoal.Search`: weights that are learned, as far as that proves better
        than equal weights. ``"paper"``:
        weights learned as in the paper. ``"auto"``: the best in our benchmarks, for now
        equal weights.
    batch_builder : str, default="auto"
        How scores become a batch. ``"top"``: the highest scores. ``"stochastic"``: random
        draws by rank. ``"herding"``: greedy coverage of high-scoring regions.
        ``"joint_herding"``: greedy coverage of uncertain regions, in inputs and
        embeddings at once, by high-scoring samples; uncertainty and scores count more
        the more labels there are. ``"kmeans++"``: k-means++ on score-weighted gradients.
        ``"auto"``: ``"top"`` with ``search="paper"``, else ``"joint_herding"``.
    signals : SignalOptions or None, default=None
        How the signals of the strategies are computed: embedding layer, number of
        MC-dropout passes, size of ensembles, memory.
    classes : array-like or None, default=None
        All classes, if some may have no label yet.
    on_nonfinite : {"raise", "skip"}, default="raise"
        How to treat samples of a pool that contain NaN or infinity. ``"raise"``: an error
        that names the first of them. ``"skip"``: picks from the other samples, as rows of
        the whole pool. This reads the pool once more, which must be an array or tensor, in
        memory or on disk, or a dict of them.
    on_error : {"raise", "drop"}, default="raise"
        How to treat a strategy that raises an error or returns NaN, wrong shapes or wrong
        indices. ``"raise"``: an error that names it. ``"drop"``: a warning that names it,
        and the picks of a sampler without this strategy. A strategy that a query drops is
        tried again in the next query; one that ``fit`` drops, in the next ``fit``.
    n_jobs : int or None, default=None
        Number of threads that run the strategies in parallel; does not change any result.
    random_state : int, RandomState or None, default=None
        Controls all randomness: initial weights, training, dropout masks, splits and
        tie-breaking.
    verbose : int, default=0
        1 prints the time of each stage of ``fit`` and ``query``, and shows a progress bar
        of the search.

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
        Names of the strategies that the last fit or query dropped, with the reason.
    strategy_weights_ : dict of str to dict of str to float
        Mean weight of each strategy: over the ``"labeled"`` samples after ``fit``, if
        the weights are learned; over the ``"pool"`` and the ``"batch"`` after a query.
    search_history_ : structured ndarray or None
        One row per step: phase, step, temperature tau, objective and its two parts,
        ranking loss, and norm of the gradient of SearchNet. None if nothing is learned.
    learned_share_ : float
        Share of learned weights in those that are used: 0 where they do not prove better
        than equal weights on labels that were held out, towards 1 the clearer they do.
    timings_ : dict of str to float
        Seconds of each stage of the last fit and query: training, signals, each
        strategy, search, batch.

    Notes
    -----
    A query only sets ``strategy_weights_``, ``search_history_``, ``timings_`` and
    ``dropped_strategies_``, which describe it. The same pool always gives the same picks.

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

    _record: Record  # held-out sets of the rounds since ``fit``

    _parameter_constraints: dict = {
        **StrategiesSampler._parameter_constraints,
        "search": "no_validation",  # resolved_search checks it
        "batch_builder": [StrOptions({"auto", *BUILDERS})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator: Any = None,
        strategies: Any = "auto",
        *,
        n_instances: int = 10,
        search: Any = "auto",
        batch_builder: str = "auto",
        signals: SignalOptions | None = None,
        classes: Any = None,
        on_nonfinite: str = "raise",
        on_error: str = "raise",
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
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
        self.search = search
        self.batch_builder = batch_builder
        self.n_jobs = n_jobs
        self.verbose = verbose

    @property
    def _n_jobs(self) -> int | None:
        return self.n_jobs

    @property
    def _builder(self) -> str:
        if self.batch_builder != "auto":
            return self.batch_builder
        is_paper = isinstance(self.search, str) and self.search == "paper"
        return "top" if is_paper else "joint_herding"

    def _own_needs(self) -> dict[str, str]:
        search = resolved_search(self.search)
        needs = dict.fromkeys(
            BUILDER_NEEDS.get(self._builder, ()),
            f"AutoALSampler with batch_builder={self._builder!r}",
        )
        if search is not None and _reads_embeddings(search):
            needs.setdefault("embeddings", f"AutoALSampler with search={search!r}")
        return needs

    def _start(self, signals: Signals, candidates: Candidates) -> None:
        options = self._signal_options()
        self._round = SearchRound(
            resolved_search(self.search),
            RoundOptions(self._builder, self.n_instances, options.n_passes, self.verbose),
            candidates.names,
            self._round_seed("search"),
            self._record,
        )
        self._round.learn(self._task, signals, candidates)
        self.search_history_ = self._round.history
        self.learned_share_ = self._round.learned
        if self._round.labeled_weights is not None:
            names = utility_names(candidates.names, self._round.labeled_weights)
            self.strategy_weights_ = {"labeled": mean_weights(names, self._round.labeled_weights)}
        self.timings_ = dict(self._round.timings)

    @property
    def _n_rounds_remembered(self) -> float:
        search = resolved_search(self.search)
        return 0 if search is None or not search.reads_labels else MAX_ROUNDS

    def _note_labels(self, X: Any) -> None:
        search, task = resolved_search(self.search), self._task
        rows = np.arange(len(task.codes), n_samples(X))
        if search is None or not search.reads_labels or not len(rows):
            return
        options = self._signal_options()
        signals = task_signals(
            task,
            task.transform(take_rows(X, rows)),
            n_passes=options.n_passes,
            n_members=options.n_members,
            seed=self._round_seed("record"),
        )
        if not all(signals.has(need) for _, asked in self.strategies_ for need in asked.needs):
            return  # a strategy compares nets, and there was no earlier net in this round

        def ask(candidates: Candidates) -> HeldOut:
            return HeldOut.of(
                signals,
                rows,
                candidates,
                task.classes,
                with_constant(signals.embeddings) if search.objective == "bilevel" else None,
                n_instances=self.n_instances,
                kind=search.utilities,
                seed=self._round_seed("record"),
            )

        held_out, _, _ = without_failing(self._candidates_to_ask(), ask)
        self._record = self._record.with_round(held_out)

    def _pick(
        self, signals: Signals, candidates: Candidates, n_instances: int, seed: int
    ) -> Answer:
        round_ = replace(self._round, timings={})
        history = None
        if candidates.names != self._round.names:  # some failed: learn without them
            round_ = replace(
                round_, names=candidates.names, net=None, labels=None, history=None, learned=0.0
            )
            if self._round.net is not None:
                round_.learn(self._task, self._labeled_signals(), candidates)
                history = round_.history
        result = query_pool(round_, self._task, signals, candidates, n_instances, seed)
        steps = [h for h in (history, result.history) if h is not None]
        return Answer(
            picks=result.batch.picks,
            scores=result.scores,
            names=utility_names(candidates.names, result.weights),
            utilities=result.utilities,
            weights=result.weights,
            reasons=result.batch.reasons,
            history=np.concatenate(steps) if steps else None,
            timings=round_.timings,
        )

    def _fit(
        self, X: Any, y: Any, previous: PreviousRound | None = None, *, keeps_rounds: bool = False
    ) -> BaseSampler:
        with all_or_nothing(self):
            if not keeps_rounds:
                self._record = Record()
            super()._fit(X, y, previous, keeps_rounds=keeps_rounds)
        if self.verbose:
            print(stage_report(f"fit on {len(self.y_labeled_)} labels", self.timings_))
        return self

    def _describe(self, result: QueryResult) -> None:
        super()._describe(result)
        if self.verbose:
            what = f"query of {len(result)} from {len(result.utilities)} samples"
            print(stage_report(what, result.timings))


def stage_report(what: str, timings: dict[str, float]) -> str:
    """Return one line with the seconds of the longest stages of a fit or query."""
    longest = sorted(timings.items(), key=lambda item: -item[1])[:4]
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in longest)
    return f"[AutoALSampler] {what}: {stages}"


def utility_names(names: list[str], weights: Tensor) -> list[str]:
    """Return the names of the columns of weights (n, K); a predicted loss comes last."""
    return [*names, "predicted_loss"][: weights.shape[1]]


def _reads_embeddings(search: Search) -> bool:
    """Return True if SearchNet or the objective needs embeddings."""
    return search.reads_pool or search.objective == "bilevel" or search.search_net == "module"
