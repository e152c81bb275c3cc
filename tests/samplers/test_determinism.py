"""One seed, one answer: in any process, with any number of jobs and threads, in any chunks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.frozen import FrozenEstimator
from torch.utils.data import TensorDataset

from skautoal import ALBLSampler, StrategySampler, TAILORSampler
from skautoal.modules import MLP
from skautoal.strategies import STRATEGIES
from tests._helpers import flat_autoal, make_net, quick_strategy
from tests._internals import internal, isolated_rng

N_LABELED, N_SMALL = 30, 120
MODES = ["auto", "search", "vote", "paper"]
# Samples enough that torch divides its work among threads (above 32,768 numbers).
N_LARGE = 1500
ON_LARGE = ["margin", "bald", "kmeans", "badge", "auto", "search"]

X, Y = make_blobs(N_LABELED + N_LARGE, 8, centers=4, cluster_std=6.0, random_state=0)
X = (X / 6).astype(np.float32)
LABELED = X[:N_LABELED], Y[:N_LABELED]
POOLS = {"small": X[N_LABELED:][:N_SMALL], "large": X[N_LABELED:]}


def samplers(n_jobs=None) -> dict:
    """Every strategy, the modes of AutoAL, two bandits; fitted, with one training for all."""
    net = make_net(
        MLP,
        module__n_features=8,
        module__n_classes=4,
        module__hidden=32,
        module__dropout=0.3,
        max_epochs=5,
        lr=0.1,
        batch_size=16,
    )
    trained = StrategySampler(net, random_state=0).fit(*LABELED).estimator_
    trained = FrozenEstimator(trained)
    options = {"random_state": 0}
    made = {name: StrategySampler(trained, quick_strategy(name), **options) for name in STRATEGIES}
    for mode in MODES:
        search = {"mode": mode, "n_steps": 4, "n_splits": 2, "n_jobs": n_jobs, "trust": 1.0}
        # A search has nothing to learn from in a net that knows all labels.
        estimator = net if mode in ("search", "paper") else trained
        made[mode] = flat_autoal(estimator, **search, **options)
    for cls in (ALBLSampler, TAILORSampler):
        made[cls.__name__] = cls(trained, ["margin", "kmeans", "bald"], **options)
    for name, sampler in made.items():
        sampler.fit(LABELED[0][:20], LABELED[1][:20])
        if name == "temporal_output_discrepancy":  # it compares with the round before
            sampler.set_params(estimator=net).fit(*LABELED)
            sampler.teach(X[-3:], Y[-3:])
        if name == "search":
            sampler.teach(X[20:N_LABELED], Y[20:N_LABELED])
    return made


def answers(samplers, pools=POOLS, convert=lambda pool: pool, *, exact=False) -> dict:
    """Indices by sampler and pool; if ``exact``, with a checksum of the utilities."""
    asked = [(name, "small") for name in samplers]
    asked += [(name, "large") for name in ON_LARGE] if "large" in pools else []
    found = {}
    for name, pool in asked:
        picks, utilities = samplers[name].query(convert(pools[pool]), 8, return_utilities=True)
        checksum = [zlib.crc32(utilities.tobytes())] if exact else []
        found[f"{name}, {pool}"] = [*picks.tolist(), *checksum]
    return found


@pytest.fixture(scope="module")
def fitted():
    return samplers()


@pytest.fixture(scope="module")
def expected(fitted):
    return answers(fitted)


def differing(found: dict, expected: dict) -> list[str]:
    return [name for name in found if found[name] != expected[name]]


def test_another_process_with_other_threads_jobs_and_hashes(expected):
    n_threads = 2 if torch.get_num_threads() == 1 else 1
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __name__, str(n_threads)],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found.pop("threads") == n_threads
    assert found.keys() == expected.keys()
    assert differing(found, expected) == []


@pytest.mark.parametrize("rows", [7, 50])
def test_other_chunks(rows, fitted, expected, monkeypatch):
    """What is in memory, read in pieces of another size."""
    monkeypatch.setattr(*internal("pools.max_chunk"), rows)
    small = {"small": POOLS["small"]}
    assert differing(answers(fitted, small, lambda X: X.astype(np.float64)), expected) == []


@pytest.mark.parametrize("rows", [1, 13, 500])
def test_chunks_of_another_length(rows, fitted):
    """Streams of the same samples; joint herding answers streams by the embeddings alone."""
    pool = POOLS["small"]

    def chunks_of(rows):
        return lambda X: lambda: (X[i : i + rows] for i in range(0, len(X), rows))

    one_chunk = answers(fitted, {"small": pool}, chunks_of(len(pool)), exact=True)
    found = answers(fitted, {"small": pool}, chunks_of(rows), exact=True)
    assert differing(found, one_chunk) == []


@pytest.mark.parametrize("batch_size", [1, 64])
def test_loaders_of_another_batch_size(batch_size, fitted, monkeypatch):
    alike = {name: fitted[name] for name in (*ON_LARGE, "vote", "kcenter_greedy", "epig")}
    small = {"small": POOLS["small"]}

    def dataset(X):
        return TensorDataset(torch.as_tensor(X), torch.zeros(len(X)))

    expected = answers(alike, small, exact=True)
    net = fitted["margin"].estimator_
    monkeypatch.setattr(net, "iterator_valid__batch_size", batch_size, raising=False)
    assert differing(answers(alike, small, dataset, exact=True), expected) == []


@pytest.mark.parametrize("max_memory", [2_000, 20_000])
def test_memory_of_another_size(max_memory, fitted, expected):
    """Strategies that score row by row see the whole pool, whatever may be kept of it."""
    names = [name for name in STRATEGIES if STRATEGIES[name].row_wise]
    assert len(names) > 10
    for name in names:
        found = fitted[name].query(POOLS["small"], 8, max_memory=max_memory)
        assert found.tolist() == expected[f"{name}, small"], name


def test_another_seed_gives_other_answers(fitted, expected):
    """Else the tests above would show nothing."""
    fitted["random"].set_params(random_state=1).fit(*LABELED)
    found = fitted["random"].query(POOLS["small"], 8).tolist()
    fitted["random"].set_params(random_state=0).fit(LABELED[0][:20], LABELED[1][:20])
    assert found != expected["random, small"]
    assert len({tuple(answer) for answer in expected.values()}) > 30


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    with isolated_rng(9):  # what the global generators hold is no matter
        result = answers(samplers(n_jobs=2))
    print(json.dumps({"threads": torch.get_num_threads(), **result}))
