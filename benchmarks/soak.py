"""A thousand rounds of a campaign: does memory grow, do files stay open?

Prints the slope of the resident memory in kB a round, by least squares over the second
half (the first warms up caches), and the open file descriptors before and after. Exits
with 1 if the slope is above the bar.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/soak.py --rounds 1000
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import make_blobs
from skorch import NeuralNetClassifier
from torch import nn

from skautoal import LabelingCampaign, StrategySampler
from skautoal.modules import LinearHead

BAR = 50.0  # kB a round


def resident_kb() -> float:
    """Resident memory of this process, from the system's own count."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def n_open_files() -> int:
    """Open file descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def main() -> int:
    """Ask, tell, skip and now and then load again; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--load-every", type=int, default=50, help="rounds between loads")
    options = parser.parse_args()
    n_pool = 3 * options.rounds + 100
    X, y = make_blobs(n_pool, n_features=8, centers=3, cluster_std=4.0, random_state=0)
    X = X.astype(np.float32)
    net = NeuralNetClassifier(
        LinearHead,
        module__n_features=8,
        module__n_classes=3,
        criterion=nn.CrossEntropyLoss,
        max_epochs=1,
        batch_size=512,
        train_split=None,
        verbose=0,
    )
    sampler = StrategySampler(net, "margin")
    memory, start = np.empty(options.rounds), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        campaign = LabelingCampaign(folder, sampler, X, random_state=0)
        campaign.tell(np.arange(6), y[:6])
        files_before = n_open_files()
        for number in range(options.rounds):
            picks = campaign.ask(3)
            campaign.tell(picks[:2], y[picks[:2]])
            campaign.skip(picks[2:])
            if (number + 1) % options.load_every == 0:
                campaign.close()
                campaign = LabelingCampaign.load(folder, sampler, X)
            memory[number] = resident_kb()
        files_after, n_labels = n_open_files(), len(campaign.labeled)
        size = (Path(folder) / "journal.jsonl").stat().st_size
        campaign.close()
    half = np.arange(options.rounds // 2, options.rounds)
    slope = np.polyfit(half, memory[half], 1)[0]
    print(f"rounds {options.rounds}, labels {n_labels}, {time.perf_counter() - start:.0f} s")
    first, last = memory[0] / 1024, memory[-1] / 1024
    print(f"resident memory: {first:.0f} MB after round 1, {last:.0f} MB at the end")
    print(f"slope over the second half: {slope:.1f} kB a round (bar {BAR:.0f})")
    print(f"open files: {files_before} before, {files_after} after; journal {size / 1e6:.1f} MB")
    return int(slope > BAR or files_after > files_before)


if __name__ == "__main__":
    sys.exit(main())
