"""The part of a round that learns from labels: FitNet, held-out sets, SearchNet, trust.

What a query does with it stands in :mod:`skautoal.search._pool_query`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import derive_seed, isolated_rng
from .._utils._warnings import warn_caller
from ..data._rows import take_rows
from ..exceptions import FewLabelsWarning
from ..mixing import Candidates, equal_weights
from ..nets._net import copy_module, trunk_learns
from ..nets._task import TaskModel
from ..signals import Signals
from ._cross_validation import RECORD, Verdict, cross_validate
from ._fit_net import HeadFitNet, ModuleFitNet
from ._held_out import HeldOut
from ._label_arrays import label_arrays
from ._location import Location
from ._loop import LabelArrays, PoolArrays, forward_labels, run_search
from ._options import Search
from ._progress import SearchProgress
from ._record import Record
from ._search_net import GlobalSearchNet, LocationSearchNet, ModuleSearchNet, SearchNet
from ._splits import stratified_splits

_PRIOR_LABELS = 100  # held-out labels at which the pull of the prior is twice its final one
_PER_SAMPLE = 100  # held-out labels from which on weights may differ between samples
_COMPARED = "previous_probabilities"  # signal of strategies that compare two nets
_ENOUGH_RECORDED = 200  # labels in the record that make further trainings needless


@dataclass(frozen=True)
class RoundOptions:
    """Parameters of the sampler that a round needs besides those of the search."""

    builder: str
    n_instances: int
    n_passes: int
    verbose: int = 0


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
        with self.timed("fit_net"):
            fit_net = self._fit_net(search, task, signals, candidates, known)
        with self.timed("held_out_candidates"):
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
        n_steps = search.n_steps
        if search.trust == "auto":
            with self.timed("cross_validation"):
                verdicts = {
                    kind: self._judged(search, task, kind, equal, rows, groups) for kind in kinds
                }
            kind = _simplest_good(verdicts)
            n_steps, self.learned = verdicts[kind].n_steps, verdicts[kind].share
        else:
            kind, self.learned = kinds[-1], float(search.trust)
        self.net = self.new_net(search, kind, equal, task)
        taught = labels
        # FitNet learns in fit only: a query must leave everything as it is.
        if search.alternate and fit_net is not None:
            n_split = groups.index(RECORD) if RECORD in groups else len(groups)
            update = fit_net.updater(rows[:n_split], labels.mask[:n_split])
            taught = replace(labels, update=_with_record(update, n_split, labels.losses))
        self.history = self.train(search, self.net, taught, None, "labels", stop=n_steps)
        with torch.no_grad():
            logits, predicted = forward_labels(self.net, labels)
            weights, _ = self.net.mix(logits, predicted, labels.utilities, labels.mask)
            self.labeled_weights = blended(weights[labels.mask], equal, self.learned)

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
            lambda copies: self.new_net(search, kind, equal, task, copies),
            self.labels,
            rows,
            groups,
            n_steps=search.n_steps,
            prior=self._prior,
            threshold=search.threshold,
        )

    def _fit_net(
        self,
        search: Search,
        task: TaskModel,
        signals: Signals,
        candidates: Candidates,
        known: list[HeldOut],
    ) -> HeadFitNet | ModuleFitNet | None:
        """Train models on parts of the labels, if that is honest and worth its time."""
        honest_heads = task.layout.has_head and not trunk_learns(task.net, task.layout)
        as_heads = search.fit_net == "auto" and honest_heads
        n_splits = search.n_splits
        if task.frozen and not as_heads:
            return None  # it may have been trained on these very labels
        if search.fit_net == "auto" and not honest_heads:
            recorded = sum(len(held_out.rows) for held_out in known)
            # A copy that is trained once has no earlier net to be compared with.
            compares = any(_COMPARED in strategy.needs for _, strategy in candidates.pairs)
            if compares or recorded >= _ENOUGH_RECORDED:
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
        """Ask FitNet and the candidates about the held-out part of each split."""
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

    def new_net(
        self,
        search: Search,
        kind: str,
        equal: Tensor,
        task: TaskModel,
        copies: tuple[int, ...] = (),
        n_features: int | None = None,
    ) -> SearchNet:
        """Make an untrained SearchNet of a kind, or several copies in one."""
        net: SearchNet
        if n_features is None and kind == "location":
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
                assert n_features is not None
                net = LocationSearchNet(equal, search.loss_prediction, n_features, copies)
        return net.to(equal.device)

    def train(
        self,
        search: Search,
        net: SearchNet,
        labels: LabelArrays | None,
        pool: PoolArrays | None,
        phase: str,
        n_steps: int | None = None,
        stop: int | None = None,
    ) -> np.ndarray:
        """Train SearchNet in place, under a progress bar if asked; returns the history."""
        verbose = self.options.verbose
        names = [*self.names, "predicted_loss"][: net.n_utilities]
        n_steps = search.n_steps if n_steps is None else n_steps
        shown = n_steps if stop is None else stop
        with self.timed("search"), SearchProgress(shown, names, verbose) as bar:
            return run_search(
                net,
                labels,
                pool,
                n_steps=n_steps,
                prior=self._prior if labels is not None else search.prior,
                threshold=search.threshold,
                stop=stop,
                phase=phase,
                progress=bar.update if verbose else None,
            )

    def timed(self, stage: str) -> _Stopwatch:
        """Add the seconds of a ``with`` block to those of a stage."""
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


def blended(weights: Tensor, equal: Tensor, learned: float) -> Tensor:
    """Learned weights (n, K) mixed with equal ones; a predicted loss has none of these."""
    equal = torch.nn.functional.pad(equal, (0, weights.shape[-1] - len(equal)))
    return learned * weights + (1 - learned) * equal


def _kinds(search: Search, held_out: int) -> list[str]:
    """Kinds of SearchNet to choose from, the most flexible last."""
    if search.search_net != "auto":
        return [search.search_net]
    if search.loss_prediction:
        return ["location"]
    return ["global"] if held_out < _PER_SAMPLE else ["global", "location"]


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
