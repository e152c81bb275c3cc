"""The part of a round that answers: score the pool, mix, learn from the pool, build the batch."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._utils._rng import derive_seed
from ..data._rows import is_dataset, load_rows
from ..mixing import Candidates, build_batch, candidate_utilities, equal_weights
from ..mixing._batch import Batch
from ..mixing._builders import BUILDER_NEEDS
from ..nets._task import TaskModel
from ..signals import Signals
from ._cross_validation import coverage_verdict
from ._location import Location
from ._loop import PoolArrays
from ._objectives import pool_coverage
from ._options import Search
from ._round import SearchRound, blended
from ._search_net import SearchNet

_POOL_STEPS_SHARE = 3  # steps on the labels for one on the pool


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


def query_pool(
    round_: SearchRound,
    task: TaskModel,
    signals: Signals,
    candidates: Candidates,
    n_instances: int,
    seed: int,
) -> RoundResult:
    """Score the pool with every candidate, mix, and build the batch."""
    builder = round_.options.builder
    needs = BUILDER_NEEDS.get(builder, ())
    kind = "rank" if round_.search is None else round_.search.utilities
    with round_.timed("candidates"):
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
    search = round_.search
    if search is not None and round_.learns and (round_.learned > 0 or not search.reads_labels):
        with round_.timed("location"):
            place = _place(round_, search, signals)
        net, history, learned = _pool_net(
            round_, search, task, signals, utilities, place, equal, n_instances, seed
        )
        if net is not None:
            with round_.timed("weights"):
                utilities, weights = _apply(net, signals, utilities, place)
                weights = blended(weights, equal, learned)
                scores = (weights * utilities).sum(-1)
    with round_.timed("batch"):
        rng = np.random.RandomState(derive_seed(seed, "batch"))
        batch = build_batch(builder, scores, signals, n_instances, rng, learned)
    return RoundResult(batch, scores, utilities, weights, history)


def _place(round_: SearchRound, search: Search, signals: Signals) -> Tensor:
    """Location of the samples of the pool, if SearchNet reads it."""
    net = round_.net
    reads = search.search_net in ("auto", "location") if net is None else net.reads_location
    if not reads:
        return torch.zeros(signals.n_samples, 0, device=signals.device)
    location = round_.location
    if location is None:  # no label has taught anything
        location = Location.of(signals if signals.labeled is None else signals.labeled)
    return location(signals)


def _pool_net(
    round_: SearchRound,
    search: Search,
    task: TaskModel,
    signals: Signals,
    utilities: Tensor,
    place: Tensor,
    equal: Tensor,
    n_instances: int,
    seed: int,
) -> tuple[SearchNet | None, np.ndarray | None, float]:
    """SearchNet for this pool, taught by it if asked, and the share of its weights."""
    if round_.net is None:
        kind = "location" if search.search_net == "auto" else search.search_net
        net = round_.new_net(search, kind, equal, task, n_features=place.shape[1])
    else:
        net = copy.deepcopy(round_.net)
    net.set_equal_weights(equal)
    if not search.reads_pool:
        return net, None, round_.learned
    untaught = (None, None, 0.0) if round_.net is None else (net, None, round_.learned)
    with round_.timed("coverage"):
        rng = np.random.RandomState(derive_seed(seed, "coverage"))
        coverage = pool_coverage(signals, utilities, n_instances, rng)
    rows = coverage.candidates
    if n_instances >= len(rows):
        return untaught  # everything is selected: nothing to learn
    inputs = _inputs_of(net, signals, place, rows)
    pool = PoolArrays(inputs, utilities[rows], n_instances, coverage)
    if round_.labels is not None:
        # It starts from what the labels taught, so it needs fewer steps.
        n_steps = max(1, search.n_steps // _POOL_STEPS_SHARE)
        history = round_.train(search, net, round_.labels, pool, "pool", n_steps)
        return net, history, round_.learned
    # The pool alone teaches: the part of its targets that is left out is the judge.
    seen, left_out = coverage.halves()
    history = round_.train(search, net, None, replace(pool, coverage=seen), "pool")
    if search.trust != "auto":
        return net, history, float(search.trust)
    return net, history, coverage_verdict(net, replace(pool, coverage=left_out)).share


def _inputs_of(net: SearchNet, signals: Signals, place: Tensor, rows: Tensor) -> Any:
    """Return the inputs of SearchNet for some rows of the pool."""
    if not net.takes_samples:
        return place[rows]
    if is_dataset(signals.X):
        raise TypeError(
            "search_net='module' with a coverage objective selects rows of the"
            " pool, but 'X_unlabeled' is a torch Dataset. Give an array, or use"
            " search_net='location'."
        )
    return load_rows(signals.X, rows.cpu().numpy())


def _apply(
    net: SearchNet, signals: Signals, utilities: Tensor, place: Tensor
) -> tuple[Tensor, Tensor]:
    """Utilities, with a predicted loss if there is one, and learned weights."""
    with torch.no_grad():
        if net.takes_samples:
            parts = [net(batch) for batch, _ in signals.source.batches()]
            logits = torch.cat([logits for logits, _ in parts])
            predicted = torch.cat([p for _, p in parts]) if net.loss_prediction else None
        else:
            logits, predicted = net(place)
        utilities = net.extend(utilities, predicted)
        return utilities, net.mix(logits, None, utilities)[0]
