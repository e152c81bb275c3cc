"""What large pools cost: memory, growth, overhead over bare torch, MC dropout, the search.

    python benchmarks/scale.py                    # 10 million x 64 and 1 million x 512
    python benchmarks/scale.py --quick            # a hundredth of that
    python benchmarks/scale.py --parts signals mc # some of the tables

The pools are files that are written to --folder (2.6 GB; removed afterwards) and mapped.
Resident memory is that of a process of its own, above what it had with everything
imported and the sampler fitted: "anonymous" is what the process itself allocated, "all"
also counts pages of the mapped files, which the system drops when it needs the room.
Seconds are those of all cores that the process used, which other programs hardly change;
what is to be compared is measured in turns, and the least of several counts. On two cores
set OMP_NUM_THREADS=1 to see single-threaded figures.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.data import TensorDataset

from skautoal import AutoALSampler, Search, StrategySampler
from skautoal.mixing import BUILDERS
from skautoal.modules import MLP
from skautoal.signals import compute_signals

N_CLASSES, N_INSTANCES = 10, 100
PARTS = ("memory", "images", "growth", "signals", "mc", "search", "learned")
IMAGE = (3, 96, 96)
#: Stages of fit, which trains the task net besides, and of a query that are the search.
FIT_STAGES = ("fit_net", "held_out_candidates", "cross_validation", "search")
QUERY_STAGES = ("query_location", "query_coverage", "query_search", "query_weights")
CANDIDATES = {
    3: ["margin", "bald", "kmeans"],
    7: "paper",
    15: [
        *("entropy", "margin", "least_confidence", "bald", "variation_ratio", "mean_std"),
        *("entropy_dropout", "margin_dropout", "least_confidence_dropout", "kmeans", "badge"),
        *("kcenter_greedy", "power_margin", "falcun", "random"),
    ],
}


def make_net(n_features: int, hidden: int = 64, **options) -> NeuralNetClassifier:
    """A perceptron of two hidden layers, with dropout before its head."""
    return NeuralNetClassifier(
        MLP,
        module__n_features=n_features,
        module__n_classes=N_CLASSES,
        module__hidden=hidden,
        criterion=nn.CrossEntropyLoss,
        max_epochs=5,
        verbose=0,
        **options,
    )


class SmallConvNet(nn.Module):
    """Two convolutions and a hidden layer for images."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=4), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()
        )
        self.hidden = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(256, 64))
        self.head = nn.Linear(64, N_CLASSES)

    def forward(self, X):
        return self.head(self.hidden(self.body(X)).relu())


def make_labelled(n: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian rows (n, d) float32 and labels that depend on them."""
    X = np.random.RandomState(0).standard_normal((n, n_features)).astype(np.float32)
    return X, X[:, :N_CLASSES].argmax(axis=1)


def make_sampler(name: str, n_features: int):
    """A sampler fitted on 100 labels, by name or for images by the name of a batch builder."""
    if name in BUILDERS:
        X = np.random.RandomState(0).standard_normal((100, *IMAGE)).astype(np.float32)
        net = NeuralNetClassifier(SmallConvNet, criterion=nn.CrossEntropyLoss, max_epochs=2)
        candidates = ["margin", "entropy", "kmeans"]
        sampler = AutoALSampler(net, candidates, batch_builder=name, random_state=0)
        return sampler.fit(X, np.arange(100) % N_CLASSES)
    net = make_net(n_features)
    if name == "autoal":
        sampler = AutoALSampler(net, random_state=0)
    else:
        sampler = StrategySampler(net, name, random_state=0)
    return sampler.fit(*make_labelled(100, n_features))


def write_pool(folder: Path, n: int, *shape: int) -> Path:
    """Gaussian samples in a .npy file, written a chunk at a time."""
    path = folder / f"{n}x{'x'.join(map(str, shape))}.npy"
    file = np.lib.format.open_memmap(path, "w+", np.float32, (n, *shape))
    rng, step = np.random.default_rng(1), max(1, 2**22 // int(np.prod(shape)))
    for start in range(0, n, step):
        rows = file[start : start + step]
        rng.standard_normal(out=rows, dtype=np.float32)
        del rows
    file.flush()
    return path


def least_seconds(functions: dict, repeats: int) -> dict[str, float]:
    """Least seconds of a call of each, measured in turns after one to warm up."""
    best = dict.fromkeys(functions, float("inf"))
    for turn in range(repeats + 1):
        for name, function in functions.items():
            start = time.process_time()
            function()
            if turn:
                best[name] = min(best[name], time.process_time() - start)
    return best


class PeakMemory:
    """Most resident memory in bytes during a block, above that at its start."""

    def __enter__(self):
        self.start, self.peak = _resident(), {"RssAnon": 0, "VmRSS": 0}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while True:
            now = _resident()
            self.peak = {k: max(v, now[k] - self.start[k]) for k, v in self.peak.items()}
            if self._done.wait(0.05):
                return

    def __exit__(self, *exc):
        self._done.set()
        self._thread.join()


def _resident() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: 1024 * int(fields[name].split()[0]) for name in ("RssAnon", "VmRSS")}


def measure_memory(path: str, name: str, limit: str) -> None:
    """In a process of its own: one query; prints seconds and memory as JSON."""
    pool = np.load(path, mmap_mode="r")
    sampler = make_sampler(name, pool.shape[1])
    sampler.query(np.asarray(pool[:2000]), N_INSTANCES)  # warm
    start = time.process_time()
    with PeakMemory() as memory:
        sampler.query(pool, N_INSTANCES, max_memory=None if limit == "None" else limit)
    print(json.dumps({"seconds": time.process_time() - start, **memory.peak}))


def print_memory(folder: Path, scale: int) -> None:
    """Time and memory of queries on files."""
    print("\nMemory of a query on a mapped file, in a process of its own")
    print(
        f"{'pool':>16s} {'sampler':>8s} {'max_memory':>10s} {'s':>8s} {'anonymous GB':>12s}", end=""
    )
    print(f" {'all GB':>8s}")
    for n, d in ((10_000_000 // scale, 64), (1_000_000 // scale, 512)):
        path = write_pool(folder, n, d)
        for name, limit in (
            ("margin", "None"),
            ("margin", "1GB"),
            ("bald", "1GB"),
            ("autoal", "1GB"),
        ):
            if scale > 1 and limit != "None":
                limit = f"{1000 // scale}MB"
            command = [sys.executable, __file__, "--measure", str(path), name, limit]
            result = subprocess.run(command, check=True, capture_output=True, text=True)
            got = json.loads(result.stdout)
            print(f"{n:>10d} x {d:<3d} {name:>8s} {limit:>10s} {got['seconds']:8.1f}", end="")
            print(f" {got['RssAnon'] / 1e9:12.2f} {got['VmRSS'] / 1e9:8.2f}", flush=True)
        if d != 64:
            path.unlink()


def print_images(folder: Path, scale: int) -> None:
    """Time and memory of queries on a file of images, by batch builder."""
    print(f"\nA query on a mapped file of images {IMAGE}")
    print(f"{'images':>8s} {'max_memory':>10s} {'builder':>14s} {'s':>8s} {'anonymous GB':>12s}")
    for n, limit in ((20_000, "200MB"), (2_860, "20MB")):
        n //= min(scale, 20)
        path = write_pool(folder, n, *IMAGE)
        for builder in ("herding", "joint_herding"):
            command = [sys.executable, __file__, "--measure", str(path), builder, limit]
            result = subprocess.run(command, check=True, capture_output=True, text=True)
            got = json.loads(result.stdout.splitlines()[-1])
            print(f"{n:>8d} {limit:>10s} {builder:>14s} {got['seconds']:8.1f}", end="")
            print(f" {got['RssAnon'] / 1e9:12.3f}", flush=True)
        path.unlink()


def print_growth(folder: Path, scale: int) -> None:
    """Seconds of a margin query against the size of the pool, and the fitted exponent."""
    n = 10_000_000 // scale
    path = folder / f"{n}x64.npy"
    pool = np.load(path if path.exists() else write_pool(folder, n, 64), mmap_mode="r")
    sampler = make_sampler("margin", 64)
    sizes = [n // 1000, n // 100, n // 10, n]
    print("\nGrowth of a margin query with the pool, max_memory='1GB'")
    seconds = []
    for size in sizes:
        part = pool[:size]
        repeats = max(1, min(20, n // size // 5))
        query = {"q": lambda part=part: sampler.query(part, N_INSTANCES, max_memory="1GB")}
        seconds.append(least_seconds(query, repeats)["q"])
        print(f"{size:>12d} {seconds[-1]:10.4f} s", flush=True)
    logs = np.log(sizes), np.log(seconds)
    steps = np.diff(logs[1]) / np.diff(logs[0])
    print(f"fitted exponent {np.polyfit(*logs, 1)[0]:.3f}; by decade {np.round(steps, 3).tolist()}")


def print_signals(folder: Path, scale: int) -> None:
    """Probabilities by skautoal, by a bare loop over tensor slices, and by skorch."""
    print("\nProbabilities of a pool: skautoal / bare torch loop, skautoal / skorch forward_iter")
    print(
        f"{'input':>22s} {'rows':>8s} {'bare s':>8s} {'skautoal s':>10s} {'skorch s':>9s}", end=""
    )
    print(f" {'/ bare':>7s} {'/ skorch':>8s} {'whole query / skorch':>21s}")
    for d, n in ((64, 200_000), (512, 50_000)):
        n = max(n // min(scale, 10), 5000)
        net = make_net(d).fit(*make_labelled(200, d))
        sampler = StrategySampler(FrozenEstimator(net), "margin", random_state=0)
        sampler.fit(*make_labelled(200, d))
        X = make_labelled(n, d)[0]
        np.save(folder / "inputs.npy", X)
        tensor = torch.as_tensor(X)
        inputs = {
            "array": X,
            "array of doubles": X.astype(np.float64),
            "memmap": np.load(folder / "inputs.npy", mmap_mode="r"),
            "tensor": tensor,
            "TensorDataset": TensorDataset(tensor, torch.zeros(n)),
            "function of chunks": lambda X=X: (X[i : i + 1000] for i in range(0, len(X), 1000)),
        }
        for kind, pool in inputs.items():
            # skorch takes neither doubles nor chunks: those are given to it as it wants them.
            given = pool if kind in ("array", "memmap", "tensor", "TensorDataset") else X
            functions = {
                "bare": lambda net=net, tensor=tensor: bare_loop(net, tensor),
                "query": lambda s=sampler, pool=pool: s.query(pool, N_INSTANCES),
                "skorch": lambda net=net, given=given: [None for _ in net.forward_iter(given)],
            }
            if kind in ("array", "memmap", "tensor", "TensorDataset"):
                functions["ours"] = lambda net=net, pool=pool: (
                    compute_signals(net, pool).probabilities
                )
            best = least_seconds(functions, 5 if kind != "TensorDataset" else 2)
            ours = best.get("ours", float("nan"))
            print(f"{kind:>18s} {d:>3d} {n:>8d} {best['bare']:8.3f} {ours:10.3f}", end="")
            print(f" {best['skorch']:9.3f} {ours / best['bare']:7.2f}", end="")
            print(
                f" {ours / best['skorch']:8.2f} {best['query'] / best['skorch']:21.2f}", flush=True
            )


def bare_loop(net, X: torch.Tensor, step: int = 4096) -> torch.Tensor:
    """What a user would write by hand: slices of a tensor through the module."""
    module = net.module_.eval()
    step = min(step, 2**20 // X.shape[1])
    with torch.no_grad():
        return torch.cat([module(X[i : i + step]).softmax(1) for i in range(0, len(X), step)])


def print_mc(folder: Path, scale: int) -> None:
    """MC dropout with the trunk run once, against T passes through the whole net."""
    print("\nMC dropout, T = 10: T full passes / skautoal (dropout before the head only)")
    for d, hidden, n in ((64, 256, 40_000), (512, 512, 20_000)):
        n = max(n // min(scale, 10), 4000)
        net = make_net(d, hidden).fit(*make_labelled(200, d))
        X = make_labelled(n, d)[0]
        tensor = torch.as_tensor(X)

        def full_passes(net=net, tensor=tensor):
            module = net.module_.eval()
            module.dropout.train()
            with torch.no_grad():
                return torch.stack(
                    [
                        torch.cat([module(x).softmax(1) for x in tensor.split(2048)])
                        for _ in range(10)
                    ]
                )

        functions = {
            "full": full_passes,
            "ours": lambda net=net, X=X: compute_signals(net, X, n_passes=10).mc_probabilities,
        }
        best = least_seconds(functions, 5)
        print(
            f"{n:>8d} x {d:<3d} two hidden layers of {hidden}: full {best['full']:.3f} s,"
            f" skautoal {best['ours']:.3f} s, ratio {best['full'] / best['ours']:.1f}",
            flush=True,
        )


def print_search(folder: Path, scale: int) -> None:
    """Seconds of the search and its share of a query, what fit spends on it included."""
    n_pool, d = 10_000, 64
    sizes = (50, 200, 1000, 5000) if scale == 1 else (50, 200)
    print(f"\nThe search: a pool of {n_pool} samples x {d}, batches of 10; seconds")
    header = ("weights", "labels", "K", "search in fit", "in query", "query", "share", "/ entropy")
    line = "{:>8s} {:>8s} {:>4s} {:>14s} {:>9s} {:>8s} {:>6s} {:>10s}"
    print(line.format(*header))
    pool = make_labelled(n_pool, d)[0]
    for n_labels in sizes:
        X, y = make_labelled(n_labels, d)
        entropy = StrategySampler(make_net(d), "entropy", random_state=0).fit(X, y)
        one = least_seconds({"query": lambda s=entropy: s.query(pool, 10)}, 3)["query"]
        for K, strategies in CANDIDATES.items():
            for weights, search in {"learned": Search(), "equal": None}.items():
                sampler = AutoALSampler(make_net(d), strategies, search=search, random_state=0)
                repeats = 3 if n_labels < 5000 else 1
                turns = [search_seconds(sampler, X, y, pool) for _ in range(repeats + 1)]
                in_fit, in_query, query = np.median(turns[1:], axis=0)
                cells = [f"{value:.3f}" for value in (in_fit, in_query, query)]
                share = f"{(in_fit + in_query) / (in_fit + query):.0%}"
                ratio = f"{(in_fit + query) / one:.1f}"
                cells = (weights, str(n_labels), str(K), *cells, share, ratio)
                print(line.format(*cells), flush=True)


def search_seconds(sampler: AutoALSampler, X, y, pool) -> tuple[float, float, float]:
    """What fit and a query spend on the search, and the query as a whole."""
    # The clock of ``timings_`` counts what this process computes, like all others here.
    with patch.object(time, "perf_counter", time.process_time):
        sampler.fit(X, y)
        start = time.process_time()
        sampler.query(pool, 10)
        query = time.process_time() - start
    seconds = sampler.timings_
    in_fit = sum(seconds.get(stage, 0.0) for stage in FIT_STAGES)
    return in_fit, sum(seconds.get(stage, 0.0) for stage in QUERY_STAGES), query


class LinearHead(nn.Module):
    """A linear layer on features that were computed before, with dropout."""

    def __init__(self, n_features: int):
        super().__init__()
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(n_features, N_CLASSES)

    def forward(self, X):
        return self.head(self.dropout(X))


def print_learned(folder: Path, scale: int) -> None:
    """Seconds of a query whose weights are learned, in those of a query with equal weights."""
    d = 384
    X, y = make_labelled(300, d)
    print(f"\nA linear head on {d} features, 300 labels, 7 strategies, batches of {N_INSTANCES}")
    print(f"{'pool':>8s} {'learned share':>14s} {'equal s':>8s} {'learned s':>10s} {'ratio':>6s}")
    for n in (1_000, 10_000):
        pool = make_labelled(n // min(scale, 10), d)[0]
        for trust in (0.0, 0.9):
            queries = {}
            for name, search in {"equal": None, "learned": Search(trust=trust)}.items():
                net = NeuralNetClassifier(
                    LinearHead, module__n_features=d, criterion=nn.CrossEntropyLoss, verbose=0
                )
                sampler = AutoALSampler(net, "paper", search=search, random_state=0).fit(X, y)
                queries[name] = lambda s=sampler, pool=pool: s.query(pool, N_INSTANCES)
            best = least_seconds(queries, 5)
            ratio = best["learned"] / best["equal"]
            print(f"{len(pool):>8d} {trust:>14.1f} {best['equal']:8.3f}", end="")
            print(f" {best['learned']:10.3f} {ratio:6.2f}", flush=True)


def main(arguments=None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="pools a hundredth of the size")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--folder", default=None, help="where the pools are written")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        measure_memory(*options.measure)
        return
    print(
        f"{platform.machine()}, torch threads: {torch.get_num_threads()}, torch {torch.__version__}"
    )
    scale = 100 if options.quick else 1
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for part in options.parts:
            globals()[f"print_{part}"](Path(folder), scale)


if __name__ == "__main__":
    main()
