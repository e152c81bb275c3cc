"""What a query costs: AutoAL beside one Entropy query and beside its candidates alone.

A linear head (with dropout) on frozen features of 384 dimensions, the paper's seven
strategies, batches of 10. Everything is warm and in one process; each figure is the
median of several runs, and the ratios come from the same run.

    python benchmarks/query.py                     # pools of 1,000 and 10,000
    python benchmarks/query.py --labels 50 1000    # other labelled sets
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import sklearn
import torch
from skorch import NeuralNetClassifier
from torch import nn

from skautoal import AutoALSampler, Search, StrategySampler
from skautoal.strategies import PAPER_CANDIDATES

N_FEATURES, N_CLASSES, N_INSTANCES = 384, 10, 10
#: What is measured: the default, the default with one candidate, learned weights.
SAMPLERS = {
    "auto": {},
    "auto, margin": {"strategies": ["margin"]},
    "search": {"search": Search()},
}
#: Stages of fit that belong to the search; training the task net does not.
SEARCH_STAGES = ("fit_net", "held_out_candidates", "cross_validation", "search")


def make_net() -> NeuralNetClassifier:
    """A linear head with dropout on frozen features."""
    return NeuralNetClassifier(
        nn.Sequential(nn.Dropout(0.2), nn.Linear(N_FEATURES, N_CLASSES)),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=30,
    )


def make_features(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping Gaussian classes, (n, 384) float32."""
    rng = np.random.RandomState(seed)
    centres = np.random.RandomState(0).standard_normal((N_CLASSES, N_FEATURES))
    y = rng.randint(N_CLASSES, size=n)
    X = 0.5 * centres[y] + 2 * rng.standard_normal((n, N_FEATURES))
    return X.astype(np.float32), y


def median_seconds(function, repeats: int) -> float:
    """Median time of a call after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def measure(n_pool: int, n_labels: int, repeats: int) -> dict[str, float]:
    """Seconds of each part for one pool."""
    X, y = make_features(n_labels, seed=1)
    pool, _ = make_features(n_pool, seed=2)
    net = make_net()
    seconds = {}
    for name, parameters in SAMPLERS.items():
        sampler = AutoALSampler(net, n_instances=N_INSTANCES, random_state=0, **parameters)
        search = []
        for _ in range(repeats):
            sampler.fit(X, y)
            search.append(sum(sampler.timings_.get(stage, 0.0) for stage in SEARCH_STAGES))
        # What fit spends on the search is part of asking.
        query = median_seconds(lambda sampler=sampler: sampler.query(pool), repeats)
        seconds[name] = query + float(np.median(search))
    alone = {}
    for name in PAPER_CANDIDATES:
        single = StrategySampler(net, name, random_state=0).fit(X, y)
        alone[name] = median_seconds(lambda single=single: single.query(pool, 10), repeats)
    return seconds | {"entropy": alone["entropy"], "seven alone": sum(alone.values())}


def main(arguments=None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pools", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--labels", type=int, nargs="+", default=[200])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    print(
        f"{platform.machine()}, torch threads: {torch.get_num_threads()},"
        f" torch {torch.__version__}, scikit-learn {sklearn.__version__}\n"
        f"{N_FEATURES} features, {N_CLASSES} classes, batch {N_INSTANCES},"
        f" median of {options.repeats}"
    )
    columns = [*SAMPLERS, "seven alone", "entropy"]
    header = ["pool", "labels", *columns, "auto/entropy"]
    widths = [max(len(column), 8) for column in header]
    print(" ".join(map(str.rjust, header, widths)))
    for n_pool in options.pools:
        for n_labels in options.labels:
            seconds = measure(n_pool, n_labels, options.repeats)
            row = [*(seconds[column] for column in columns), seconds["auto"] / seconds["entropy"]]
            cells = [str(n_pool), str(n_labels), *(f"{value:.3f}" for value in row)]
            print(" ".join(map(str.rjust, cells, widths)), flush=True)


if __name__ == "__main__":
    main()
