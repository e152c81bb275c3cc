"""What comparisons cost: a round of the oracle, and nets of several seeds trained together.

    python benchmarks/simulation.py

Seconds are those of the processor, which other programs hardly change. On two cores set
OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import platform
import time

import numpy as np
import torch

from skautoal.nets._training import fit_net, fresh_net
from skautoal.simulation import simulate, standard_net
from skautoal.simulation.runs._batched_training import fit_nets

POOL, TEST, LABELS = 2_000, 1_000, 100
KINDS = {
    "linear head, 384 features": (384,),
    "perceptron, 64 features": (64,),
    "small CNN, 1 x 28 x 28": (1, 28, 28),
}


def made(n: int, shape: tuple[int, ...], n_classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Return samples of classes that differ in their means."""
    rng = np.random.RandomState(0)
    y = rng.randint(n_classes, size=n)
    means = rng.randn(n_classes, *shape)
    return (means[y] + 2 * rng.randn(n, *shape)).astype(np.float32), y


def oracle_rounds() -> None:
    """Print the seconds of one query of the oracle, above those of random sampling."""
    print(f"A round of the oracle: pool {POOL:,}, test set {TEST:,}, {LABELS} labels, batch of 10")
    for kind, shape in KINDS.items():
        X, y = made(POOL + TEST, shape)
        net = standard_net((1, *shape), 10).set_params(max_epochs=5)
        seconds = {}
        for method in ("random", "oracle"):
            start = time.process_time()
            simulate(
                method,
                net,
                X[:POOL],
                y[:POOL],
                X[POOL:],
                y[POOL:],
                n_initial=LABELS,
                n_instances=10,
                n_rounds=2,
                random_state=0,
            )
            seconds[method] = time.process_time() - start
        print(f"  {kind}: {(seconds['oracle'] - seconds['random']) / 2:.2f} s")


def batched_seeds() -> None:
    """Print how much faster nets are trained together than one after the other."""
    for kind, shape in KINDS.items():
        X, y = made(LABELS, shape)
        net = standard_net((1, *shape), 10)
        for count in (5, 20):
            nets = [fresh_net(net, y) for _ in range(2 * count)]
            start = time.process_time()
            for seed in range(count):
                fit_net(nets[seed], X, y, seed)
            alone = time.process_time() - start
            start = time.process_time()
            fit_nets(nets[count:], [X] * count, [y] * count, range(count))
            together = time.process_time() - start
            print(f"  {kind}, {count} nets: {alone / together:.1f} times as fast")


if __name__ == "__main__":
    print(f"{platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    oracle_rounds()
    print(f"Nets of several seeds trained together, {LABELS} labels")
    batched_seeds()
