"""Harder variants of a task: imbalanced classes, wrong labels, a skewed start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...data._rows import take_rows
from ._task import Task


def imbalanced(task: Task, ratio: float = 10.0, *, seed: int = 0) -> Task:
    """Return the task with a pool of imbalanced classes.

    Class sizes fall geometrically in a random order of the classes, from the size of the
    smallest class down to 1 / ratio of it. The test set stays as it is.

    Parameters
    ----------
    task : Task
        The task.
    ratio : float, default=10.0
        Size of the largest class divided by that of the smallest.
    seed : int, default=0
        Seed for the order of the classes and the samples to keep.

    Returns
    -------
    task : Task
        Its name ends in ``-imbalanced``.

    Examples
    --------
    >>> import numpy as np
    >>> from skautoal.simulation import imbalanced, load_task
    >>> np.sort(np.bincount(imbalanced(load_task("digits")).y_train)).tolist()
    [13, 17, 22, 28, 36, 47, 61, 79, 101, 131]

    """
    if ratio < 1:
        raise ValueError(f"'ratio' must be at least 1; got {ratio!r}.")
    rng = np.random.RandomState(seed)
    classes, codes, counts = np.unique(task.y_train, return_inverse=True, return_counts=True)
    exponents = rng.permutation(len(classes)) / max(1, len(classes) - 1)
    sizes = np.maximum(1, np.round(counts.min() * ratio**-exponents).astype(int))
    rows = [
        rng.permutation(np.flatnonzero(codes == code))[:size] for code, size in enumerate(sizes)
    ]
    kept = np.sort(np.concatenate(rows))
    return replace(
        task,
        name=f"{task.name}-imbalanced",
        X_train=take_rows(task.X_train, kept),
        y_train=task.y_train[kept],
    )


def noisy_labels(task: Task, share: float = 0.2, *, seed: int = 0) -> Task:
    """Return the task with a share of the pool's labels replaced by wrong ones.

    Parameters
    ----------
    task : Task
        The task. Its test labels stay correct.
    share : float, default=0.2
        Share of wrong labels, between 0 and 1.
    seed : int, default=0
        Seed for the choice of samples and of their wrong classes.

    Returns
    -------
    task : Task
        Its name ends in ``-noisy``.

    Examples
    --------
    >>> from skautoal.simulation import load_task, noisy_labels
    >>> task = load_task("digits")
    >>> round(float((noisy_labels(task).y_train != task.y_train).mean()), 3)
    0.2

    """
    if not 0 <= share <= 1:
        raise ValueError(f"'share' must be between 0 and 1; got {share!r}.")
    rng = np.random.RandomState(seed)
    n, C = len(task.y_train), task.n_classes
    codes = np.searchsorted(task.classes, task.y_train)
    wrong = rng.permutation(n)[: round(share * n)]
    codes[wrong] = (codes[wrong] + rng.randint(1, C, size=len(wrong))) % C
    return replace(task, name=f"{task.name}-noisy", y_train=task.classes[codes])


def skewed_start(task: Task) -> Task:
    """Return the task with first samples from half of the classes only.

    Parameters
    ----------
    task : Task
        The task.

    Returns
    -------
    task : Task
        Its name ends in ``-skewed``.

    """
    return replace(task, name=f"{task.name}-skewed", initial="skewed")


#: Variants by their name on the command line.
VARIANTS = {"imbalanced": imbalanced, "noisy": noisy_labels, "skewed": skewed_start}
