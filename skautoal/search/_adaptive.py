"""One round of adaptive search: learn from the labels in ``fit``, from the pool in ``query``.

This is the only place that knows the order of things: splits, FitNet, candidates,
SearchNet, objective, batch.
"""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from .._net import copy_module, load_rows, take_rows
from .._rng import derive_seed, isolated_rng
from .._task import TaskModel
from .._validation import is_dataset
from ..exceptions import FewLabelsWarning
from ..signals import NetSignals
from ..strategies import Strategy
from ._builders import BUILDER_NEEDS, build_batch
from ._faults import kept
from ._features import sample_features
from ._filter import progressive_filter
from ._fit_net import HeadFitNet, ModuleFitNet, SimulatedPool
from ._objectives import LABEL_OBJECTIVES, POOL_OBJECTIVES, label_values, pool_coverage
from ._progress import SearchProgress
from ._search import LabelArrays, PoolArrays, run_search
from ._search_net import GlobalSearchNet, ModuleSearchNet, SearchNet, UtilitySearchNet
from ._soft_topk import standardize
from ._splits import stratified_splits
from ._utilities import candidate_utilities, vote_weights

_SIMULATED_SHARE = 5  # at most one in five of a simulated pool is selected
_FILTER_SUBSETS = 3  # random halves of the pool in each round of filtering
_PRIOR_LABELS = 100  # held-out labels at which the pull of the prior is twice its final one


@dataclass(frozen=True)
class SearchOptions:
    """Settings of a search, resolved from the parameters of the sampler."""

    objective: str | None  # None: uniform vote
    utilities: str
    builder: str
    filter_rounds: int
    backbone: str
    search_net: str
    loss_prediction: bool
    alternate: bool
    threshold: str
    n_splits: int
    n_steps: int
    prior: float
    n_passes: int
    n_instances: int
    n_jobs: int | None
    verbose: int
    on_error: str = "raise"
    timeout: float | None = None


@dataclass
class RoundResult:
    """What a query found.

    Attributes
    ----------
    picks : Tensor of shape (b,)
    scores : Tensor of shape (n,)
    utilities : Tensor of shape (n, K)
        What each strategy thinks of each sample; a predicted loss comes last.
    weights : Tensor of shape (n, K)
        Trust in each strategy for each sample; each row sums to 1.
    history : ndarray
        Steps of the search on the pool.

    """

    picks: Tensor
    scores: Tensor
    utilities: Tensor
    weights: Tensor
    history: np.ndarray | None


@dataclass
class AdaptiveSearch:
    """State of the search of one round.

    Parameters
    ----------
    strategies : sequence of Strategy
        The K candidates.
    names : sequence of str
        Their names in attributes and messages.
    options : SearchOptions
        Settings.
    seed : int
        Decides every draw.

    """

    strategies: Sequence[Strategy]
    names: Sequence[str]
    options: SearchOptions
    seed: int
    timings: dict[str, float] = field(default_factory=dict)
    history: np.ndarray | None = None
    net: SearchNet | None = None
    labels: LabelArrays | None = None
    labeled_weights: Tensor | None = None
    _prior: float = 0.0

    @property
    def learns(self) -> bool:
        """Whether there is anything to search over."""
        return self.options.objective is not None and len(self.strategies) > 1

    def without(self, names: Collection[str]) -> AdaptiveSearch:
        """The search over the other candidates, which has learned nothing yet."""
        pairs = kept(list(zip(self.names, self.strategies, strict=True)), names)
        strategies = [strategy for _, strategy in pairs]
        return AdaptiveSearch(strategies, [name for name, _ in pairs], self.options, self.seed)

    def learn(self, task: TaskModel, signals: NetSignals) -> None:
        """Simulate rounds on the labelled set and train SearchNet on them."""
        if not self.learns or self.options.objective not in LABEL_OBJECTIVES:
            return
        rng = np.random.RandomState(derive_seed(self.seed, "splits"))
        splits = stratified_splits(task.codes, self.options.n_splits, rng)
        if not splits:
            self._warn_few_labels()
            return
        with self._timed("fit_net"):
            fit_net = self._fit_net(task, signals, splits)
            pools = fit_net.simulated_pools()
        with self._timed("simulated_candidates"):
            self.labels, vote = self._label_arrays(task, pools, rng)
            taught = self.labels
            # The alternation moves losses, and "bilevel" does not climb losses. FitNet
            # learns in fit only: a query must leave everything as it is.
            if self.options.alternate and self.options.objective != "bilevel":
                index = _pad([torch.as_tensor(pool.rows) for pool in pools])
                update = fit_net.updater(index.to(vote.device), self.labels.mask)
                taught = replace(self.labels, update=update)
        held_out = len(np.unique(np.concatenate([pool.rows for pool in pools])))
        self._prior = self.options.prior * (1 + _PRIOR_LABELS / held_out)
        self.net = self._search_net(vote, task)
        self.history = self._search(self.net, taught, None, "labels")
        with torch.no_grad():
            logits, predicted = self.net(self.labels.inputs)
            logits = logits.reshape(*self.labels.mask.shape, -1)
            predicted = None if predicted is None else predicted.reshape(self.labels.mask.shape)
            weights, _ = self.net.mix(logits, predicted, self.labels.utilities, self.labels.mask)
            self.labeled_weights = weights[self.labels.mask]

    def query(self, task: TaskModel, signals: NetSignals, n_instances: int, seed: int):
        """Score the pool with every candidate, mix, and build the batch."""
        options = self.options
        needs = BUILDER_NEEDS.get(options.builder, ())
        with self._timed("candidates"):
            utilities = candidate_utilities(
                self.strategies,
                signals,
                n_instances,
                kind=options.utilities,
                seed=derive_seed(seed, "candidates"),
                n_jobs=options.n_jobs,
                timings=self.timings,
                on_error=options.on_error,
                timeout=options.timeout,
                also=needs,
            )
            labeled = signals.labeled
            if labeled is not None:  # builders compare the pool with them
                labeled.compute([name for name in needs if labeled.has(name)])
            rng = np.random.RandomState(derive_seed(seed, "vote"))
            vote = vote_weights(utilities, signals.order(rng))
        weights, scores, history = vote.expand_as(utilities), utilities @ vote, None
        if self.learns:
            with self._timed("features"):
                features = sample_features(signals, utilities, seed)
            net, history = self._pool_net(
                task, signals, utilities, features, vote, n_instances, seed
            )
            if net is not None:
                with self._timed("weights"):
                    utilities, weights, scores = self._apply(net, signals, utilities, features)
        with self._timed("filter"):
            rows = progressive_filter(
                self.strategies,
                signals,
                n_instances,
                n_rounds=options.filter_rounds,
                n_subsets=_FILTER_SUBSETS,
                seed=derive_seed(seed, "filter"),
                on_error=options.on_error,
                timeout=options.timeout,
            )
            left = signals if len(rows) == signals.n_samples else signals.take(rows)
        with self._timed("batch"):
            rng = np.random.RandomState(derive_seed(seed, "batch"))
            picks = rows[build_batch(options.builder, scores[rows], left, n_instances, rng)]
        return RoundResult(picks, scores, utilities, weights, history)

    def _fit_net(self, task: TaskModel, signals: NetSignals, splits):
        codes = torch.as_tensor(task.codes, device=signals.device)
        seed = derive_seed(self.seed, "fit_net")
        n_passes = self.options.n_passes
        if self.options.backbone == "module":
            return ModuleFitNet(
                task.net, task.X_labeled, codes, splits, task.layout, n_passes=n_passes, seed=seed
            )
        rate = task.layout.dropout_rate
        return HeadFitNet(signals, codes, splits, dropout_rate=rate, n_passes=n_passes, seed=seed)

    def _label_arrays(self, task: TaskModel, pools: list[SimulatedPool], rng):
        """Stack the simulated pools, padded to the largest; and the vote on them."""
        columns, inputs, values, losses, sizes = [], [], [], [], []
        for split, pool in enumerate(pools):
            n = pool.signals.n_samples
            k = max(1, min(self.options.n_instances, n // _SIMULATED_SHARE))
            seed = derive_seed(self.seed, "simulated", split)
            columns.append(
                candidate_utilities(
                    self.strategies,
                    pool.signals,
                    k,
                    kind=self.options.utilities,
                    seed=seed,
                    n_jobs=self.options.n_jobs,
                    on_error=self.options.on_error,
                    timeout=self.options.timeout,
                )
            )
            inputs.append(sample_features(pool.signals, columns[-1], seed))
            worth = label_values(pool, self.options.objective, rng)
            values.append(standardize(worth.float()))
            losses.append(standardize(pool.losses.float()))
            sizes.append(k)
        device = losses[0].device
        lengths = torch.tensor([len(loss) for loss in losses], device=device)
        mask = torch.arange(int(lengths.max()), device=device) < lengths[:, None]
        samples = None
        if self.options.search_net == "module":
            index = _pad([torch.as_tensor(pool.rows) for pool in pools])
            samples = take_rows(task.X_labeled, index.flatten().numpy())
        arrays = LabelArrays(
            inputs=_pad(inputs) if samples is None else samples,
            utilities=_pad(columns),
            losses=_pad(losses),
            values=_pad(values),
            mask=mask,
            k=torch.tensor(sizes, dtype=torch.float32, device=device),
        )
        return arrays, vote_weights(torch.cat(columns))

    def _search_net(self, vote: Tensor, task: TaskModel) -> SearchNet:
        options = self.options
        net: SearchNet
        with isolated_rng(derive_seed(self.seed, "search_net"), vote.device):
            if options.search_net == "global":
                net = GlobalSearchNet(vote)
            elif options.search_net == "module":
                layer = task.layout.embedding_layer
                row = take_rows(task.X_labeled, slice(0, 1))
                module = copy_module(task.net)
                assert layer is not None
                net = ModuleSearchNet(vote, options.loss_prediction, module, layer, row)
            else:
                n_features = len(vote) + 5
                net = UtilitySearchNet(vote, options.loss_prediction, n_features)
        return net.to(vote.device)

    def _pool_net(self, task, signals, utilities, features, vote, n_instances, seed):
        """SearchNet for this pool: the one of ``fit``, taught by the pool if asked."""
        net = self._search_net(vote, task) if self.net is None else copy.deepcopy(self.net)
        net.set_vote(vote)
        untaught = None if self.net is None else net
        if self.options.objective not in POOL_OBJECTIVES:
            return untaught, None
        with self._timed("coverage"):
            rng = np.random.RandomState(derive_seed(seed, "coverage"))
            coverage = pool_coverage(signals, utilities, n_instances, rng)
        rows = coverage.candidates
        if n_instances >= len(rows):
            return untaught, None  # everything is selected: nothing to learn
        if net.takes_samples:
            if is_dataset(signals.X):
                raise TypeError(
                    "search_net='module' with a coverage objective selects rows of the"
                    " pool, but 'X_unlabeled' is a torch Dataset. Give an array, or use"
                    " search_net='utilities'."
                )
            inputs = load_rows(signals.X, rows.cpu().numpy())
        else:
            inputs = features[rows]
        pool = PoolArrays(inputs, utilities[rows], n_instances, coverage)
        return net, self._search(net, self.labels, pool, "pool")

    def _search(self, net, labels, pool, phase: str) -> np.ndarray:
        options = self.options
        names = [*self.names, "predicted_loss"][: net.n_utilities]
        with self._timed("search"), SearchProgress(options.n_steps, names, options.verbose) as bar:
            return run_search(
                net,
                labels,
                pool,
                n_steps=options.n_steps,
                prior=self._prior if labels is not None else options.prior,
                threshold=options.threshold,
                phase=phase,
                progress=bar.update if options.verbose else None,
            )

    def _apply(self, net: SearchNet, signals: NetSignals, utilities: Tensor, features: Tensor):
        with torch.no_grad():
            if net.takes_samples:
                parts = [net(batch) for batch, _ in signals.batches()]
                logits = torch.cat([logits for logits, _ in parts])
                predicted = torch.cat([p for _, p in parts]) if net.loss_prediction else None
            else:
                logits, predicted = net(features)
            utilities = net.extend(utilities, predicted)
            return utilities, *net.mix(logits, None, utilities)

    def _warn_few_labels(self) -> None:
        fallback = (
            "the pool alone teaches it"
            if self.options.objective in POOL_OBJECTIVES
            else "the strategies vote with equal weights"
        )
        warnings.warn(
            "Every class in 'y' has a single label, so none can be held out to teach the"
            f" search: {fallback}. This passes as labels come in.",
            FewLabelsWarning,
            stacklevel=9,  # the caller of fit or teach
        )

    def _timed(self, stage: str) -> _Stopwatch:
        return _Stopwatch(self.timings, stage)


class _Stopwatch:
    """Adds the seconds of a block to an entry of a dict."""

    def __init__(self, timings: dict[str, float], stage: str):
        self.timings, self.stage = timings, stage

    def __enter__(self):
        self.start = time.perf_counter()

    def __exit__(self, *exc):
        seconds = time.perf_counter() - self.start
        self.timings[self.stage] = self.timings.get(self.stage, 0.0) + seconds


def _pad(parts: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
