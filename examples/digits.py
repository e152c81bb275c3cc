"""AutoAL on handwritten digits
=============================

Starting from twenty labels, AutoAL asks seven strategies which digits to have labelled
next, with equal weights (the default) and with weights that it learns for each sample
(``search=Search()``). Each of the seven alone and random sampling go the same way beside it:
same first labels, same test digits, same seeds. Prints a table; writes two figures.

Run it with ``make demo``, or ``python examples/digits.py --output demo``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier

from skautoal import AutoALSampler, Search, StrategySampler
from skautoal.modules import SmallCNN
from skautoal.strategies import PAPER_CANDIDATES

N_INITIAL, N_INSTANCES = 20, 10
LEARNED = "AutoAL, learned"
SEARCH_STAGES = ("fit_net", "held_out_candidates", "cross_validation", "search")  # of fit


def make_net(max_epochs: int) -> NeuralNetClassifier:
    """A small convolutional net for 8 x 8 images."""
    return NeuralNetClassifier(
        SmallCNN,
        module__image_shape=(1, 8, 8),
        module__n_classes=10,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=5e-3,
        max_epochs=max_epochs,
        batch_size=32,
        iterator_train__shuffle=True,
    )


def run(sampler, X, y, n_rounds: int, seed: int):
    """Rounds of query and teach; accuracies, seconds a query, weights a round."""
    X_pool, X_test, y_pool, y_test = train_test_split(
        X, y, test_size=600, random_state=seed, stratify=y
    )
    first = np.random.RandomState(seed).permutation(len(X_pool))[:N_INITIAL]
    unlabeled = np.setdiff1d(np.arange(len(X_pool)), first)
    sampler.fit(X_pool[first], y_pool[first])
    accuracies, seconds, weights = [sampler.score(X_test, y_test)], [], []
    for _ in range(n_rounds):
        start = time.perf_counter()
        chosen = unlabeled[sampler.query(X_pool[unlabeled], n_instances=N_INSTANCES)]
        # What the search spends on the labels inside fit is part of asking, too.
        searched = sum(getattr(sampler, "timings_", {}).get(stage, 0) for stage in SEARCH_STAGES)
        seconds.append(time.perf_counter() - start + searched)
        weights.append(getattr(sampler, "strategy_weights_", {}).get("batch"))
        unlabeled = np.setdiff1d(unlabeled, chosen)
        sampler.teach(X_pool[chosen], y_pool[chosen])
        accuracies.append(sampler.score(X_test, y_test))
    return np.array(accuracies), np.mean(seconds), weights


def compare(n_rounds: int, n_seeds: int, max_epochs: int):
    """Run every method for every seed."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    net = make_net(max_epochs)
    methods = {
        "AutoAL": lambda seed: AutoALSampler(net, random_state=seed),
        LEARNED: lambda seed: AutoALSampler(net, search=Search(), random_state=seed),
    }
    for name in (*PAPER_CANDIDATES, "random"):
        methods[name] = lambda seed, name=name: StrategySampler(net, name, random_state=seed)
    results = {}
    for name, make in methods.items():
        runs = [run(make(seed), X, y, n_rounds, seed) for seed in range(n_seeds)]
        curves = np.array([accuracies for accuracies, _, _ in runs])
        seconds = np.mean([seconds for _, seconds, _ in runs])
        results[name] = (curves, seconds, [weights for _, _, weights in runs])
        print(f"{name} done", flush=True)
    return results


def area(curves: np.ndarray) -> np.ndarray:
    """Area under each budget curve, normalized to the range of accuracies."""
    return (curves[:, 1:] + curves[:, :-1]).mean(axis=1) / 2


def print_table(results) -> None:
    """Print methods by area under the curve."""
    print(f"\n{'method':20s} {'AUBC':>6s} {'+-':>5s} {'final':>6s} {'s/query':>8s}  learned weight")
    weights = mean_weights(results[LEARNED][2]).mean(axis=0)
    shares = dict(zip(PAPER_CANDIDATES, weights, strict=True))
    for name, (curves, seconds, _) in sorted(
        results.items(), key=lambda item: -area(item[1][0]).mean()
    ):
        aubc = area(curves)
        error = aubc.std(ddof=1) / len(aubc) ** 0.5 if len(aubc) > 1 else float("nan")
        share = f"{shares[name]:.2f}" if name in shares else ""
        final = curves[:, -1].mean()
        print(f"{name:20s} {aubc.mean():6.3f} {error:5.3f} {final:6.3f} {seconds:8.3f}  {share}")
    print("\nAUBC: area under the accuracy curve, mean +- standard error over seeds.")


def mean_weights(runs) -> np.ndarray:
    """Weights of the batch, (rounds, strategies), averaged over seeds."""
    return np.mean([[list(w.values()) for w in weights] for weights in runs], axis=0)


def plot_curves(results, path: Path) -> None:
    """Accuracy over labels, one line a method."""
    fig, ax = plt.subplots(figsize=(7, 4.5))
    for name, (curves, _, _) in results.items():
        labels = N_INITIAL + N_INSTANCES * np.arange(curves.shape[1])
        styles = {"AutoAL": ("C3", 2.5), LEARNED: ("C1", 2.0), "random": ("black", 2.0)}
        style = styles.get(name, (None, 1.0))
        ax.plot(labels, curves.mean(axis=0), color=style[0], linewidth=style[1], label=name)
    ax.set(xlabel="labels", ylabel="test accuracy", title="Digits, mean over seeds")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
    fig.tight_layout()
    fig.savefig(path, dpi=120)
    plt.close(fig)


def plot_weights(results, path: Path) -> None:
    """Trust of AutoAL in each strategy, round by round."""
    weights = mean_weights(results[LEARNED][2])
    rounds = 1 + np.arange(len(weights))
    fig, ax = plt.subplots(figsize=(7, 4))
    ax.stackplot(rounds, weights.T, labels=PAPER_CANDIDATES)
    ax.set(
        xlabel="round", ylabel="share of trust", ylim=(0, 1), title="Learned weights over rounds"
    )
    ax.margins(x=0)
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    fig.tight_layout()
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(arguments=None) -> None:
    """Run the comparison with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for figures")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    results = compare(options.rounds, options.seeds, options.epochs)
    print_table(results)
    options.output.mkdir(parents=True, exist_ok=True)
    plot_curves(results, options.output / "learning_curves.png")
    plot_weights(results, options.output / "weights.png")
    print(f"Figures in {options.output}/; {time.perf_counter() - start:.0f} s in all.")


if __name__ == "__main__":
    main()
