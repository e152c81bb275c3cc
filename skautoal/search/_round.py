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
from ..nets._net import copy_module
from ..nets._task import TaskModel
from ..signals import Signals
from ._features import sample_features
from ._fit_net import HeadFitNet, ModuleFitNet, SimulatedPool
from ._loop import LabelArrays, PoolArrays, run_search
from ._objectives import label_values, pool_coverage
from ._options import Search
from ._progress import SearchProgress
from ._search_net import GlobalSearchNet, ModuleSearchNet, SearchNet, UtilitySearchNet
from ._soft_topk import standardize
from ._splits import stratified_splits

_SIMULATED_SHARE = 5  # at most one in five of a simulated pool is selected
_PRIOR_LABELS = 100  # held-out labels at which the prior is twice as strong as with many


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
        Seed of all random draws.

    """

    search: Search | None
    options: RoundOptions
    names: list[str]
    seed: int
    timings: dict[str, float] = field(default_factory=dict)
    history: np.ndarray | None = None
    net: SearchNet | None = None
    labels: LabelArrays | None = None
    labeled_weights: Tensor | None = None
    _prior: float = 0.0

    @property
    def learns(self) -> bool:
        """True if there are weights to learn."""
        return self.search is not None and len(self.names) > 1

    def learn(self, task: TaskModel, signals: Signals, candidates: Candidates) -> None:
        """Simulate rounds on the labelled set and train SearchNet on them."""
        search = self.search
        if search is None or not self.learns or not search.reads_labels:
            return
        rng = np.random.RandomState(derive_seed(self.seed, "splits"))
        splits = stratified_splits(task.codes, search.n_splits, rng)
        if not splits:
            self._warn_few_labels(search)
            return
        with self._timed("fit_net"):
            fit_net = self._fit_net(search, task, signals, splits)
            pools = fit_net.simulated_pools()
        with self._timed("simulated_candidates"):
            self.labels, equal, n_features = self._label_arrays(
                search, task, candidates, pools, rng
            )
            taught = self.labels
            # FitNet is trained further in fit only: a query must not change any state.
            if search.alternate:
                index = _pad([torch.as_tensor(pool.rows) for pool in pools])
                update = fit_net.updater(index.to(equal.device), self.labels.mask)
                taught = replace(self.labels, update=update)
        held_out = len(np.unique(np.concatenate([pool.rows for pool in pools])))
        self._prior = search.prior * (1 + _PRIOR_LABELS / held_out)
        self.net = self._search_net(search, equal, n_features, task)
        self.history = self._train(search, self.net, taught, None, "labels")
        with torch.no_grad():
            logits, predicted = self.net(self.labels.inputs)
            logits = logits.reshape(*self.labels.mask.shape, -1)
            predicted = None if predicted is None else predicted.reshape(self.labels.mask.shape)
            weights, _ = self.net.mix(logits, predicted, self.labels.utilities, self.labels.mask)
            self.labeled_weights = weights[self.labels.mask]

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
        weights, scores, history = equal.expand_as(utilities), utilities @ equal, None
        if self.search is not None and self.learns:
            with self._timed("features"):
                features = sample_features(signals, utilities, seed)
            net, history = self._pool_net(
                self.search, task, signals, utilities, features, equal, n_instances, seed
            )
            if net is not None:
                with self._timed("weights"):
                    utilities, weights, scores = self._apply(net, signals, utilities, features)
        with self._timed("batch"):
            rng = np.random.RandomState(derive_seed(seed, "batch"))
            batch = build_batch(builder, scores, signals, n_instances, rng)
        return RoundResult(batch, scores, utilities, weights, history)

    def _fit_net(
        self, search: Search, task: TaskModel, signals: Signals, splits: Any
    ) -> HeadFitNet | ModuleFitNet:
        codes = torch.as_tensor(task.codes, device=signals.device)
        seed = derive_seed(self.seed, "fit_net")
        n_passes = self.options.n_passes
        if search.fit_net == "module":
            return ModuleFitNet(
                task.net, task.X_labeled, codes, splits, task.layout, n_passes=n_passes, seed=seed
            )
        rate = task.layout.dropout_rate
        return HeadFitNet(signals, codes, splits, dropout_rate=rate, n_passes=n_passes, seed=seed)

    def _label_arrays(
        self,
        search: Search,
        task: TaskModel,
        candidates: Candidates,
        pools: list[SimulatedPool],
        rng: np.random.RandomState,
    ) -> tuple[LabelArrays, Tensor, int]:
        """Stack the simulated pools, padded to the largest.

        Also return the equal weights on them and the number of features of a sample.
        """
        columns, inputs, values, losses, sizes = [], [], [], [], []
        for split, pool in enumerate(pools):
            n = pool.signals.n_samples
            k = max(1, min(self.options.n_instances, n // _SIMULATED_SHARE))
            seed = derive_seed(self.seed, "simulated", split)
            columns.append(
                candidate_utilities(candidates, pool.signals, k, kind=search.utilities, seed=seed)
            )
            inputs.append(sample_features(pool.signals, columns[-1], seed))
            worth = label_values(pool, search.objective, rng)
            values.append(standardize(worth.float()))
            losses.append(standardize(pool.losses.float()))
            sizes.append(k)
        device = losses[0].device
        lengths = torch.tensor([len(loss) for loss in losses], device=device)
        mask = torch.arange(int(lengths.max()), device=device) < lengths[:, None]
        samples = None
        if search.search_net == "module":
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
        return arrays, equal_weights(torch.cat(columns)), inputs[0].shape[1]

    def _search_net(
        self, search: Search, equal: Tensor, n_features: int, task: TaskModel
    ) -> SearchNet:
        net: SearchNet
        with isolated_rng(derive_seed(self.seed, "search_net"), equal.device):
            if search.search_net == "global":
                net = GlobalSearchNet(equal)
            elif search.search_net == "module":
                layer = task.layout.embedding_layer
                row = take_rows(task.X_labeled, slice(0, 1))
                module = copy_module(task.net)
                assert layer is not None
                net = ModuleSearchNet(equal, search.loss_prediction, module, layer, row)
            else:
                net = UtilitySearchNet(equal, search.loss_prediction, n_features)
        return net.to(equal.device)

    def _pool_net(
        self,
        search: Search,
        task: TaskModel,
        signals: Signals,
        utilities: Tensor,
        features: Any,
        equal: Tensor,
        n_instances: int,
        seed: int,
    ) -> tuple[SearchNet | None, np.ndarray | None]:
        """Return SearchNet for this pool: that of ``fit``, trained further on the pool if asked."""
        if self.net is None:
            net = self._search_net(search, equal, features.shape[1], task)
        else:
            net = copy.deepcopy(self.net)
        net.set_equal_weights(equal)
        untaught = None if self.net is None else net
        if not search.reads_pool:
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
        return net, self._train(search, net, self.labels, pool, "pool")

    def _train(
        self,
        search: Search,
        net: SearchNet,
        labels: LabelArrays | None,
        pool: PoolArrays | None,
        phase: str,
    ) -> np.ndarray:
        verbose = self.options.verbose
        names = [*self.names, "predicted_loss"][: net.n_utilities]
        with self._timed("search"), SearchProgress(search.n_steps, names, verbose) as bar:
            return run_search(
                net,
                labels,
                pool,
                n_steps=search.n_steps,
                prior=self._prior if labels is not None else search.prior,
                threshold=search.threshold,
                phase=phase,
                progress=bar.update if verbose else None,
            )

    def _apply(
        self, net: SearchNet, signals: Signals, utilities: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        with torch.no_grad():
            if net.takes_samples:
                parts = [net(batch) for batch, _ in signals.source.batches()]
                logits = torch.cat([logits for logits, _ in parts])
                predicted = torch.cat([p for _, p in parts]) if net.loss_prediction else None
            else:
                logits, predicted = net(features)
            utilities = net.extend(utilities, predicted)
            return utilities, *net.mix(logits, None, utilities)

    def _warn_few_labels(self, search: Search) -> None:
        fallback = "it learns from the pool only" if search.reads_pool else "the weights are equal"
        warn_caller(
            "Every class in 'y' has a single label, so none can be held out for the search:"
            f" {fallback}. This changes when a class has a second label.",
            FewLabelsWarning,
        )

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


def _pad(parts: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
