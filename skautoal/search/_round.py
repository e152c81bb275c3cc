"""One round of AutoAL: learn from the labels in ``fit`` and from the pool in ``query``.

Only this module connects splits, FitNet, candidates, SearchNet, objective and batch.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import derive_seed, isolated_rng
from .._utils._warnings import warn_caller
from ..data._rows import is_dataset, load_rows, take_rows
from ..exceptions import FewLabelsWarning
from ..mixing import Candidates, build_batch, candidate_utilities, equal_weights
from ..mixing._batch import Batch
from ..mixing._builders import BUILDER_NEEDS
from ..nets._net import copy_module, trunk_learns
from ..nets._task import TaskModel
from ..signals import Signals
from ._cross_validation import RECORD, Verdict, coverage_verdict, cross_validate
from ._features import sample_features
from ._fit_net import HeadFitNet, ModuleFitNet
from ._held_out import HeldOut
from ._label_arrays import label_arrays
from ._location import Location
from ._loop import LabelArrays, PoolArrays, forward_labels, run_search
from ._objectives import pool_coverage
from ._options import Search
from ._progress import SearchProgress
from ._record import Record
from ._search_net import GlobalSearchNet, ModuleSearchNet, SearchNet, UtilitySearchNet
from ._splits import stratified_splits

_PRIOR_LABELS = 100  # held-out labels at which the pull of the prior is twice its final one
_PER_SAMPLE = 100  # held-out labels from which on weights may differ between samples
_ENOUGH_RECORDED = 200  # labels in the record that make further trainings needless


@dataclass(frozen=True)
class RoundOptions:
    """Parameters of the sampler that a round needs besides those of the search."""

    builder: str
    n_instances: int
    n_passes: int
    verbose: int = 0


@dataclass
class RoundResult:
    """Result of a query.

    Attributes
    ----------
    batch : Batch
        The picks and their reasons.
    scores : Tensor of shape (n,)
        Mixed utilities.
    utilities : Tensor of shape (n, K)
        Utility of each sample for each strategy; a predicted loss comes last.
    weights : Tensor of shape (n, K)
        Weight of each strategy for each sample; each row sums to 1.
    history : ndarray
        Steps of the search on the pool.

    """

    batch: Batch
    scores: Tensor
    utilities: Tensor
    weights: Tensor
    history: np.ndarray | None


@dataclass
class SearchRound:
    """State of the search of one round.

    Parameters
    ----------
    search : Search or None
        Parameters of the learned part; None for equal weights.
    options : RoundOptions
        The other settings.
    names : list of str
        Names of the candidates.
    seed : int
        Decides every draw.
    record : Record
        Held-out sets of earlier rounds.

    Attributes
    ----------
    learned : float
        Share of the learned weights in those that are used.

    """

    search: Search | None
    options: RoundOptions
    names: list[str]
    seed: int
    record: Record = field(default_factory=Record)
    timings: dict[str, float] = field(default_factory=dict)
    history: np.ndarray | None = None
    net: SearchNet | None = None
    labels: LabelArrays | None = None
    location: Location | None = None
    labeled_weights: Tensor | None = None
    learned: float = 0.0
    _prior: float = 0.0

    @property
    def learns(self) -> bool:
        """True if there are weights to learn."""
        return self.search is not None and len(self.names) > 1

    def learn(self, task: TaskModel, signals: Signals, candidates: Candidates) -> None:
        """Train SearchNet on held-out labels, as far as that helps on others of them."""
        search = self.search
        if search is None or not self.learns or not search.reads_labels:
            return
        known, importance = self.record.usable(self.names)
        with self._timed("fit_net"):
            fit_net = self._fit_net(search, task, signals, known)
        with self._timed("held_out_candidates"):
            split = [] if fit_net is None else self._held_out(search, task, candidates, fit_net)
        if not split and not known:
            warn_caller(_NOTHING_HELD_OUT, FewLabelsWarning)
            return
        sets = [*split, *known]
        groups = [number // 2 for number in range(len(split))] + [RECORD] * len(known)
        self.location = Location.of(signals)
        place = self.location(signals)
        rng = np.random.RandomState(derive_seed(self.seed, "values"))
        importance = [1.0] * len(split) + importance
        self.labels, rows = label_arrays(sets, importance, task, place, search, rng)
        held_out = len(np.unique(np.concatenate([s.rows for s in sets])))
        self._prior = search.prior * (1 + _PRIOR_LABELS / held_out)
        self._train_on_labels(search, task, fit_net, rows, groups, held_out)

    def _train_on_labels(
        self,
        search: Search,
        task: TaskModel,
        fit_net: HeadFitNet | ModuleFitNet | None,
        rows: Tensor,
        groups: list[int],
        held_out: int,
    ) -> None:
        """Choose the kind of SearchNet and its steps, and train it on all held-out sets."""
        assert self.labels is not None
        labels = self.labels
        equal = equal_weights(labels.utilities[labels.mask])
        self.labels = labels = labels.scaled(equal)
        kinds = _kinds(search, held_out)
        verdict = Verdict(search.n_steps, np.inf, 0.0)
        if search.trust == "auto":
            with self._timed("cross_validation"):
                verdicts = {kind: self._judged(search, task, kind, equal, rows, groups) for kind in kinds}
            best = _simplest_good(verdicts)
            verdict, kinds = verdicts[best], [best]
        self.learned = verdict.share if search.trust == "auto" else float(search.trust)
        self.net = self._search_net(search, kinds[-1], equal, task)
        taught = labels
        # FitNet learns in fit only: a query must leave everything as it is.
        if search.alternate and fit_net is not None:
            n_split = groups.index(RECORD) if RECORD in groups else len(groups)
            update = fit_net.updater(rows[:n_split], labels.mask[:n_split])
            taught = replace(labels, update=_with_record(update, n_split, labels.losses))
        self.history = self._train(search, self.net, taught, None, "labels", verdict.n_steps)
        with torch.no_grad():
            logits, predicted = forward_labels(self.net, labels)
            weights, _ = self.net.mix(logits, predicted, labels.utilities, labels.mask)
            self.labeled_weights = self._blended(weights[labels.mask], equal, self.learned)

    def _judged(
        self,
        search: Search,
        task: TaskModel,
        kind: str,
        equal: Tensor,
        rows: Tensor,
        groups: list[int],
    ) -> Verdict:
        assert self.labels is not None
        return cross_validate(
            lambda copies: self._search_net(search, kind, equal, task, copies),
            self.labels,
            rows,
            groups,
            n_steps=search.n_steps,
            prior=self._prior,
            threshold=search.threshold,
        )

    def query(
        self,
        task: TaskModel,
        signals: Signals,
        candidates: Candidates,
        n_instances: int,
        seed: int,
    ) -> RoundResult:
        """Score the pool with every candidate, mix, and build the batch."""
        builder = self.options.builder
        needs = BUILDER_NEEDS.get(builder, ())
        kind = "rank" if self.search is None else self.search.utilities
        with self._timed("candidates"):
            utilities = candidate_utilities(
                candidates,
                signals,
                n_instances,
                kind=kind,
                seed=derive_seed(seed, "candidates"),
                also=needs,
            )
            labeled = signals.labeled
            if labeled is not None:  # builders compare the pool with them
                labeled.compute([name for name in needs if labeled.has(name)])
            rng = np.random.RandomState(derive_seed(seed, "vote"))
            equal = equal_weights(utilities, signals.order(rng))
        weights, scores = equal.expand_as(utilities), utilities @ equal
        history, learned = None, 0.0
        search = self.search
        if search is not None and self.learns and (self.learned > 0 or not search.reads_labels):
            with self._timed("features"):
                features = self._features(signals, utilities, seed)
            net, history, learned = self._pool_net(
                search, task, signals, utilities, features, equal, n_instances, seed
            )
            if net is not None:
                with self._timed("weights"):
                    utilities, weights = self._apply(net, signals, utilities, features)
                    weights = self._blended(weights, equal, learned)
                    scores = (weights * utilities).sum(-1)
        with self._timed("batch"):
            rng = np.random.RandomState(derive_seed(seed, "batch"))
            batch = build_batch(builder, scores, signals, n_instances, rng, learned)
        return RoundResult(batch, scores, utilities, weights, history)

    def _fit_net(
        self, search: Search, task: TaskModel, signals: Signals, known: list[HeldOut]
    ) -> HeadFitNet | ModuleFitNet | None:
        """Train models on parts of the labels, if that is honest and worth its time."""
        honest_heads = task.layout.has_head and not trunk_learns(task.net, task.layout)
        as_heads = search.fit_net == "auto" and honest_heads
        n_splits = search.n_splits
        if search.fit_net == "auto" and not honest_heads:
            recorded = sum(len(held_out.rows) for held_out in known)
            if task.frozen or recorded >= _ENOUGH_RECORDED:
                return None
            n_splits = 1  # two halves: together they train as long as the task net
        rng = np.random.RandomState(derive_seed(self.seed, "splits"))
        splits = stratified_splits(task.codes, n_splits, rng)
        if not splits:
            return None
        codes = torch.as_tensor(task.codes, device=signals.device)
        seed, n_passes = derive_seed(self.seed, "fit_net"), self.options.n_passes
        if not as_heads:
            return ModuleFitNet(
                task.net, task.X_labeled, codes, splits, task.layout, n_passes=n_passes, seed=seed
            )
        rate = task.layout.dropout_rate
        return HeadFitNet(signals, codes, splits, dropout_rate=rate, n_passes=n_passes, seed=seed)

    def _held_out(
        self,
        search: Search,
        task: TaskModel,
        candidates: Candidates,
        fit_net: HeadFitNet | ModuleFitNet,
    ) -> list[HeldOut]:
        """What FitNet and the candidates say of the held-out part of each split."""
        return [
            HeldOut.of(
                pool.signals,
                pool.rows,
                candidates,
                task.classes,
                pool.head_inputs if search.objective == "bilevel" else None,
                n_instances=self.options.n_instances,
                kind=search.utilities,
                seed=derive_seed(self.seed, "simulated", number),
            )
            for number, pool in enumerate(fit_net.simulated_pools())
        ]

    def _features(self, signals: Signals, utilities: Tensor, seed: int) -> Tensor:
        """Inputs of SearchNet for the pool, with those of location."""
        features = sample_features(signals, utilities, seed)
        if self.location is None:
            return features
        return torch.cat([features, self.location(signals)], dim=1)

    def _search_net(
        self,
        search: Search,
        kind: str,
        equal: Tensor,
        task: TaskModel,
        copies: tuple[int, ...] = (),
        n_features: int = 0,
    ) -> SearchNet:
        net: SearchNet
        if not n_features and kind == "utilities":
            assert self.labels is not None
            n_features = self.labels.inputs.shape[-1]
        with isolated_rng(derive_seed(self.seed, "search_net"), equal.device):
            if kind == "global":
                net = GlobalSearchNet(equal, copies)
            elif kind == "module":
                layer = task.layout.embedding_layer
                row = take_rows(task.X_labeled, slice(0, 1))
                module = copy_module(task.net)
                assert layer is not None
                net = ModuleSearchNet(equal, search.loss_prediction, module, layer, row)
            else:
                net = UtilitySearchNet(equal, search.loss_prediction, n_features, copies)
        return net.to(equal.device)

    def _pool_net(
        self,
        search: Search,
        task: TaskModel,
        signals: Signals,
        utilities: Tensor,
        features: Tensor,
        equal: Tensor,
        n_instances: int,
        seed: int,
    ) -> tuple[SearchNet | None, np.ndarray | None, float]:
        """SearchNet for this pool, taught by it if asked, and the share of its weights."""
        if self.net is None:
            kind = "utilities" if search.search_net == "auto" else search.search_net
            net = self._search_net(search, kind, equal, task, n_features=features.shape[1])
        else:
            net = copy.deepcopy(self.net)
        net.set_equal_weights(equal)
        if not search.reads_pool:
            return net, None, self.learned
        untaught = (None, None, 0.0) if self.net is None else (net, None, self.learned)
        with self._timed("coverage"):
            rng = np.random.RandomState(derive_seed(seed, "coverage"))
            coverage = pool_coverage(signals, utilities, n_instances, rng)
        rows = coverage.candidates
        if n_instances >= len(rows):
            return untaught  # everything is selected: nothing to learn
        inputs = self._inputs_of(net, signals, features, rows)
        pool = PoolArrays(inputs, utilities[rows], n_instances, coverage)
        if self.labels is not None:
            return net, self._train(search, net, self.labels, pool, "pool"), self.learned
        # The pool alone teaches: the part of its targets that is left out is the judge.
        seen, left_out = coverage.halves()
        history = self._train(search, net, None, replace(pool, coverage=seen), "pool")
        if search.trust != "auto":
            return net, history, float(search.trust)
        return net, history, coverage_verdict(net, replace(pool, coverage=left_out)).share

    def _inputs_of(
        self, net: SearchNet, signals: Signals, features: Tensor, rows: Tensor
    ) -> Any:
        """What SearchNet reads of some rows of the pool."""
        if not net.takes_samples:
            return features[rows]
        if is_dataset(signals.X):
            raise TypeError(
                "search_net='module' with a coverage objective selects rows of the"
                " pool, but 'X_unlabeled' is a torch Dataset. Give an array, or use"
                " search_net='utilities'."
            )
        return load_rows(signals.X, rows.cpu().numpy())

    def _train(
        self,
        search: Search,
        net: SearchNet,
        labels: LabelArrays | None,
        pool: PoolArrays | None,
        phase: str,
        stop: int | None = None,
    ) -> np.ndarray:
        verbose = self.options.verbose
        names = [*self.names, "predicted_loss"][: net.n_utilities]
        n_steps = search.n_steps if stop is None else stop
        with self._timed("search"), SearchProgress(n_steps, names, verbose) as bar:
            return run_search(
                net,
                labels,
                pool,
                n_steps=search.n_steps,
                prior=self._prior if labels is not None else search.prior,
                threshold=search.threshold,
                stop=stop,
                phase=phase,
                progress=bar.update if verbose else None,
            )

    def _apply(
        self, net: SearchNet, signals: Signals, utilities: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Utilities, with a predicted loss if there is one, and learned weights."""
        with torch.no_grad():
            if net.takes_samples:
                parts = [net(batch) for batch, _ in signals.source.batches()]
                logits = torch.cat([logits for logits, _ in parts])
                predicted = torch.cat([p for _, p in parts]) if net.loss_prediction else None
            else:
                logits, predicted = net(features)
            utilities = net.extend(utilities, predicted)
            return utilities, net.mix(logits, None, utilities)[0]

    @staticmethod
    def _blended(weights: Tensor, equal: Tensor, learned: float) -> Tensor:
        """Learned weights (n, K) mixed with equal ones; a predicted loss has none of these."""
        equal = torch.nn.functional.pad(equal, (0, weights.shape[-1] - len(equal)))
        return learned * weights + (1 - learned) * equal

    def _timed(self, stage: str) -> _Stopwatch:
        return _Stopwatch(self.timings, stage)


class _Stopwatch:
    """Add the seconds of a block to an entry of a dict."""

    def __init__(self, timings: dict[str, float], stage: str):
        self.timings, self.stage = timings, stage

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *exc: Any) -> None:
        seconds = time.perf_counter() - self.start
        self.timings[self.stage] = self.timings.get(self.stage, 0.0) + seconds


def _kinds(search: Search, held_out: int) -> list[str]:
    """Kinds of SearchNet to choose from, the most flexible last."""
    if search.search_net != "auto":
        return [search.search_net]
    if search.loss_prediction:
        return ["utilities"]
    return ["global"] if held_out < _PER_SAMPLE else ["global", "utilities"]


def _simplest_good(verdicts: dict[str, Verdict]) -> str:
    """Kind of SearchNet: a more flexible one only if it is better by a standard error."""
    best, *others = verdicts
    for kind in others:
        if verdicts[kind].gain - verdicts[kind].error > max(verdicts[best].gain, 0.0):
            best = kind
    return best


def _with_record(update: Any, n_split: int, losses: Tensor) -> Any:
    """Update the losses of the splits; those of the record stay as they are."""

    def updated(p: Tensor) -> Tensor:
        return torch.cat([update(p[:n_split]), losses[n_split:]])

    return updated


_NOTHING_HELD_OUT = (
    "No label is held out from a net, so nothing can teach the search: the strategies have"
    " equal weights. Labels that 'teach' brings are held out from the net before; with two"
    " labels in a class some can be held out in 'fit', unless the net is a FrozenEstimator."
)
