"""Seconds and memory of every strategy, with the fastest peers beside them.

Every cell runs in a fresh process on the same inputs: embeddings and predictions are
given, so that only the strategy is measured. The process is forked from a server that has
imported the libraries and done nothing else. Peak memory is that of the whole process,
and beside it what the query adds to the inputs; a cell may have 16 GB of address space.
Seconds are the median of up to five queries in the process.

Results are appended to a JSON-lines file as they come; a second call goes on where the
first stopped, and tries again what a shorter time-out ended. What failed in a cell that is
smaller in n, d, C and b alike is not tried in a larger one, but recorded as skipped.

    python benchmarks/strategies.py --out strategies.jsonl            # the bars
    python benchmarks/strategies.py --grid extreme growth --out ...   # largest cell, growth
    python benchmarks/strategies.py --grid full --timeout 600 --out ... # all 48 cells
    python benchmarks/strategies.py --grid full --who ours --out ...  # without the peers
    python benchmarks/strategies.py --report --out strategies.jsonl   # tables only
    python benchmarks/strategies.py --page       # the page in docs, of the results kept here
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import platform
import resource
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from _strategy_page import write_page
from _strategy_tables import BAR_CELL, KEY, LARGEST, SKIPPED, key_of, tables

GRIDS = {
    "bars": [BAR_CELL],
    "extreme": [LARGEST],
    "growth": [(n, 64, 10, 100) for n in (5_000, 20_000, 50_000, 100_000)],
    "full": list(
        itertools.product((5_000, 20_000, 50_000, 100_000), (64, 512), (10, 100), (10, 100, 1_000))
    ),
}
KEPT = Path(__file__).parent / "results" / "strategies.jsonl"
PAGE = Path(__file__).parent.parent / "docs" / "strategy_costs.md"
OUT_OF_MEMORY = "out of memory"
#: Address space of a cell, bytes.
MEMORY = 16 << 30

#: Queries are repeated, at most five times, until they have taken so many seconds.
REPEAT_BELOW = 2.0


def our_query(name: str, inputs, b: int):
    """A function that makes one query of one of our strategies on given signals."""
    from _inputs import N_MEMBERS, N_PASSES

    from skautoal.signals import Signals
    from skautoal.strategies import STRATEGIES

    strategy = STRATEGIES[name]()
    if "network" in strategy.needs:
        return _net_query(strategy, inputs, b)
    arrays = {
        "probabilities": inputs.probabilities(inputs.pool),
        "embeddings": inputs.pool,
    }
    if "mc_probabilities" in strategy.needs:
        arrays["mc_probabilities"] = inputs.passes(N_PASSES)
    if "ensemble_probabilities" in strategy.needs:
        arrays["ensemble_probabilities"] = inputs.passes(N_MEMBERS)
    if "previous_probabilities" in strategy.needs:
        arrays["previous_probabilities"] = inputs.probabilities(inputs.pool * 0.9)
    weights = _tensor(inputs.weights)
    labeled = Signals(embeddings=inputs.labeled, probabilities=inputs.probabilities(inputs.labeled))
    signals = Signals(**arrays, labeled=labeled, codes=inputs.codes, head=lambda H: H @ weights)
    return lambda: strategy.select(signals, b, random_state=0)


def _net_query(strategy, inputs, b: int):
    """A query that reads the net: its forward passes are part of what is measured."""
    import torch
    from skorch import NeuralNetClassifier

    from skautoal.modules import MLP

    net = NeuralNetClassifier(
        MLP,
        module__n_features=inputs.d,
        module__n_classes=inputs.n_classes,
        criterion=torch.nn.CrossEntropyLoss,
        verbose=0,
        train_split=None,
        max_epochs=3,
    ).fit(inputs.labeled, inputs.codes.astype(np.int64))
    return lambda: strategy.query(
        net, inputs.pool, b, X_labeled=inputs.labeled, y_labeled=inputs.codes, random_state=0
    )


def _tensor(array):
    import torch

    return torch.as_tensor(array)


def run_cell(who: str, name: str, n: int, d: int, C: int, b: int) -> dict:
    """Measure one cell in this process."""
    from _inputs import Inputs

    def prepared(inputs: Inputs, b: int):
        if who == "skautoal":
            return our_query(name, inputs, b)
        from _peers import PEERS

        return PEERS[name][who](inputs, b)

    # What a process pays once (imports, thread pools) belongs to neither side.
    prepared(Inputs(200, 8, 3), 5)()
    inputs = Inputs(n, d, C)
    query = prepared(inputs, b)
    before = _peak_mb()
    start = time.perf_counter()
    picks = np.asarray(query())
    times = [time.perf_counter() - start]
    while sum(times) < REPEAT_BELOW and len(times) < 5:
        query = prepared(inputs, b)  # anew: signals remember what they have computed
        start = time.perf_counter()
        query()
        times.append(time.perf_counter() - start)
    return {
        "seconds": round(float(np.median(times)), 4),
        "peak_mb": round(_peak_mb()),
        "added_mb": round(_peak_mb() - before),
        "distinct": len(np.unique(picks)),
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(who: str, name: str, cell: tuple, timeout: float) -> dict:
    """Measure one cell in a fresh process; time-outs and failures are results."""
    key = {"who": who, "name": name, **dict(zip("ndCb", cell, strict=True))}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "sklearn.cluster", "skautoal.strategies", "skorch"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_cell_process, args=(theirs, key))
    process.start()
    theirs.close()
    try:
        if not ours.poll(timeout):
            return {**key, "failure": f"over {timeout:.0f} s"}
        return {**key, **ours.recv()}
    except EOFError:  # it died without a word, which is what the kernel does to the greedy
        process.join()
        return {**key, "failure": OUT_OF_MEMORY if process.exitcode == -9 else "died"}
    finally:
        process.kill()
        process.join()


def _cell_process(connection, key: dict) -> None:
    """Send the result of a cell, or what went wrong, through ``connection``."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        connection.send(run_cell(**key))
    except BaseException as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        greedy = isinstance(error, MemoryError) or "allocate" in said
        connection.send({"failure": OUT_OF_MEMORY if greedy else said[:120]})


def read(path: Path) -> list[dict]:
    """Return the results in a JSON-lines file; none if it is not there yet."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def known(rows: list[dict], timeout: float) -> dict[tuple, dict]:
    """Results by cell, the last of each, less those that a shorter time-out ended."""
    results = {key_of(row): row for row in rows}
    given = {key: row.get("failure", "").split() for key, row in results.items()}
    short = {key for key, words in given.items() if words[:1] == ["over"]}
    short = {key for key in short if float(given[key][1]) < timeout}
    for key in short:
        del results[key]
    # What was skipped because of those is open again.
    return {
        key: row
        for key, row in results.items()
        if row.get("failure") != SKIPPED or smaller_failed(key, results)
    }


def smaller_failed(key: tuple, results: dict[tuple, dict]) -> bool:
    """Whether the same failed in another cell that is nowhere larger."""
    return any(
        other[:2] == key[:2]
        and other != key
        and all(x <= y for x, y in zip(other[2:], key[2:], strict=True))
        and row.get("failure", SKIPPED) != SKIPPED
        for other, row in results.items()
    )


def main() -> None:
    """Run the cells that are missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", nargs="+", choices=GRIDS, default=["bars"])
    parser.add_argument("--only", nargs="+", help="names of strategies")
    parser.add_argument("--who", choices=("ours", "peers", "all"), default="all")
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--out", type=Path, default=Path("strategies.jsonl"))
    parser.add_argument("--report", action="store_true", help="print tables, run nothing")
    parser.add_argument(
        "--page", action="store_true", help=f"write {PAGE.name} from {KEPT.name}, run nothing"
    )
    options = parser.parse_args()
    if options.page:
        write_page(list(known(read(KEPT), 0).values()), PAGE)
        return
    results = known(read(options.out), 0 if options.report else options.timeout)
    if not options.report:
        run(options, results)
    print(f"\n{machine()}\n\n{tables(list(results.values()))}")


def machine() -> str:
    """Where the figures are from, if they are from here."""
    threads = os.environ.get("OMP_NUM_THREADS", os.cpu_count())
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scikit-learn"))
    return (
        f"{platform.machine()}, {threads} threads, Python {platform.python_version()}, {versions}"
    )


def run(options: argparse.Namespace, results: dict[tuple, dict]) -> None:
    """Measure the cells that ``results`` misses, into it and the file."""
    from _peers import PEERS

    from skautoal.strategies import STRATEGIES

    ours = [] if options.who == "peers" else ["skautoal"]
    for grid in options.grid:
        for cell, name in itertools.product(GRIDS[grid], options.only or list(STRATEGIES)):
            has_peers = options.who != "ours" and grid != "growth"
            for who in (*ours, *(PEERS.get(name, {}) if has_peers else ())):
                key = (who, name, *cell)
                if key in results:
                    continue
                if smaller_failed(key, results):
                    row = {**dict(zip(KEY, key, strict=True)), "failure": SKIPPED}
                else:
                    row = measure(who, name, cell, options.timeout)
                results[key] = row
                with options.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(row, flush=True)


if __name__ == "__main__":
    main()
