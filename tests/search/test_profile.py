"""No Python loop over samples: what is executed does not grow with the pool or the labels.

Not the source is searched but the execution is watched: every line of the package, and
every call of a function anywhere, is counted in a small run and in one of four times the
pool and the labels, with the same batch. A loop over samples shows as a count that grows
with them, in a comprehension, a generator, a key function or another library as well.
Loops over chunks of a bounded size are fine; pools here fit one chunk.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import contextmanager
from types import FrameType

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator

import skautoal
from skautoal.modules import MLP
from skautoal.strategies import PAPER_CANDIDATES, STRATEGIES, FunctionStrategy
from tests._helpers import counted_calls, flat_autoal, make_net, quick_strategy, train
from tests._internals import internal

PACKAGE = os.path.dirname(skautoal.__file__)
N_POOL, N_LABELED, GROWTH = 500, 100, 4
N_FEATURES, N_CLASSES, N_INSTANCES = 8, 3, 5

#: Functions in which calls are not counted. skorch's loader takes the samples of a net that
#: is trained one by one; Kendall's tau is computed of as many couples of strategies as are
#: close to one another; SciPy 1.13 checks a tree of clusters node by node.
UNCOUNTED = ("fit_loop", "_agree", "is_valid_linkage")

#: What bounds loops that are no loops over samples: steps until the last sample is
#: misled, and clusters, as many as there are labels and picks.
BOUNDED = {
    "adversarial_bim": {"max_steps": 3},
    "adversarial_deepfool": {"max_steps": 3},
    "typiclust": {"max_clusters": 20},
}


@contextmanager
def counted(*folders: str):
    """Counter of executed lines of Python files in ``folders``, and of calls in all files."""
    counts: Counter = Counter()
    inside = 0

    def trace_lines(frame: FrameType, event: str, arg):
        if event == "line":
            counts[frame.f_code.co_filename, frame.f_lineno] += 1
        return trace_lines

    def trace(frame: FrameType, event: str, arg):
        return trace_lines if frame.f_code.co_filename.startswith(folders) else None

    def profile(frame: FrameType, event: str, arg):
        nonlocal inside
        name = frame.f_code.co_name
        if event == "c_call":
            name += f" {arg.__name__}"
        elif event == "call" and name in UNCOUNTED:
            inside += 1
        elif event == "return" and name in UNCOUNTED:
            inside -= 1
        if event in ("call", "c_call") and not inside:
            counts[frame.f_code.co_filename, name] += 1

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        yield counts
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])


def growing(small: Counter, large: Counter) -> dict:
    """Places that ran too often in the large run: twice as often and 60 times more.

    Iterations until something converges, and blocks of bounded size, stay below; a loop
    over half of the labels or a tenth of the pool does not.
    """
    return {
        place: (small[place], count)
        for place, count in large.items()
        if count > 2 * small[place] + 60
    }


def make_task(scale: int):
    """Labelled samples, their labels and a pool, ``scale`` times the small ones."""
    rng = np.random.RandomState(scale)
    X = rng.standard_normal((N_POOL * scale + N_LABELED * scale, N_FEATURES)).astype(np.float32)
    y = X[:, :N_CLASSES].argmax(axis=1)
    n = N_LABELED * scale
    return X[:n], y[:n], X[n:]


@pytest.fixture(scope="module")
def net():
    X, y, _ = make_task(1)
    sizes = {"module__n_features": N_FEATURES, "module__n_classes": N_CLASSES}
    return train(make_net(MLP, max_epochs=5, module__hidden=16, **sizes), X, y)


def watched(run, *folders: str) -> dict:
    """What grows in ``run(scale)``."""
    run(1)  # what is done once in a process is done
    counts = []
    for scale in (1, GROWTH):
        with counted(PACKAGE, *folders) as now:
            run(scale)
        counts.append(now)
    return growing(*counts)


def autoal(net, mode, strategies=PAPER_CANDIDATES, **params):
    """AutoALSampler on the net as it is, or a search, which trains it and copies of it."""
    estimator = net if mode == "search" else FrozenEstimator(net)
    options = {"mode": mode, "trust": 1.0, "random_state": 0} | params
    return flat_autoal(estimator, list(strategies), **options)


@pytest.mark.parametrize("mode", ["auto", "search"])
def test_no_loop_over_samples_in_fit_and_query(net, mode):
    def run(scale):
        X, y, pool = make_task(scale)
        sampler = autoal(net, mode).fit(X, y)
        sampler.query(pool, N_INSTANCES)
        if mode == "search":
            sampler.teach(pool[: 50 * scale], y[: 50 * scale])

    assert watched(run) == {}


@pytest.mark.parametrize("mode", ["auto", "search"])
def test_a_query_reads_pool_and_labels_once_for_all_signals(net, mode):
    X, y, pool = make_task(1)
    sampler = autoal(net, mode).fit(X, y)
    with counted_calls(sampler.estimator_.module_) as sizes:
        sampler.query(pool, N_INSTANCES)
    # The second pass over the pool tries out whether its dropout may be batched.
    assert sizes == [N_POOL, N_POOL, N_LABELED]


def querying(strategy, net):
    """A query of a strategy at some scale."""

    def run(scale):
        X, y, pool = make_task(scale)
        given = {"X_labeled": X, "y_labeled": y, "previous_net": net}
        strategy.query(net, pool, N_INSTANCES, **given, random_state=0)

    return run


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_no_loop_over_samples_in_a_strategy(net, name):
    strategy = quick_strategy(name).set_params(**BOUNDED.get(name, {}))
    assert watched(querying(strategy, net)) == {}


def by_for(P):
    scores = []
    for row in P:
        scores.append(row[0])
    return scores


def by_while(P):
    i, scores = 0, np.empty(len(P))
    while i < len(P):
        scores[i], i = P[i, 0], i + 1
    return scores


LOOPS = {
    "for": by_for,
    "while": by_while,
    "comprehension": lambda P: [row[0] for row in P],
    "generator": lambda P: np.fromiter((row[0] for row in P), float),
    "map": lambda P: list(map(lambda row: row[0], P)),  # noqa: C417
    "every tenth": lambda P: np.array([float(P[i, 0]) for i in range(0, len(P), 10)]).repeat(10),
    "in NumPy's own Python": lambda P: np.apply_along_axis(np.max, 1, P),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_loop_over_samples_would_be_found(net, loop):
    strategy = FunctionStrategy(lambda signals: loop(signals.probabilities.numpy()))
    assert watched(querying(strategy, net), __file__)


def test_a_loop_over_the_held_out_labels_would_be_found(net, monkeypatch):
    honest = getattr(*internal("label_arrays.label_values"))

    def one_by_one(*args):
        return torch.stack([value.clone() for value in honest(*args)])

    monkeypatch.setattr(*internal("label_arrays.label_values"), one_by_one)

    def run(scale):
        X, y, _ = make_task(scale)
        autoal(net, "search", ["margin", "entropy"], n_steps=2).fit(X, y)

    assert watched(run, __file__)
