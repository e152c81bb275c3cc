"""Choosing rows of a pool by its labels: first samples of a run, stratified subsets."""

from __future__ import annotations

import numpy as np

#: Rules for drawing the first samples to label.
INITIAL = ("random", "balanced", "skewed")


def draw_initial(y: np.ndarray, n: int, how: str, rng: np.random.RandomState) -> np.ndarray:
    """Draw the rows of the first samples to label.

    Parameters
    ----------
    y : ndarray of shape (n_pool,)
        Labels of the pool.
    n : int
        Number of rows.
    how : {"random", "balanced", "skewed"}
        Rule; see :class:`Task`.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    rows : ndarray of shape (n,), dtype int64

    """
    order = rng.permutation(len(y))
    if how == "balanced":
        # Sorting by rank within the class puts one sample of each class first, then the
        # second ones, and so on.
        _, codes = np.unique(y[order], return_inverse=True)
        order = order[np.argsort(_rank_within(codes), kind="stable")]
    elif how == "skewed":
        # Half of the classes, and at least two: nothing can be learnt from one.
        classes = rng.permutation(np.unique(y))
        seen = np.isin(y[order], classes[: max(2, -(-len(classes) // 2))])
        order = np.concatenate([order[seen], order[~seen]])
    elif how != "random":
        raise ValueError(f"'initial' must be one of {INITIAL} or an array of rows; got {how!r}.")
    return order[:n].astype(np.int64)


def stratified_rows(y: np.ndarray, n: int, rng: np.random.RandomState) -> np.ndarray:
    """Draw about n rows, sorted; each class keeps its share and at least one sample."""
    order = rng.permutation(len(y))
    _, codes, counts = np.unique(y[order], return_inverse=True, return_counts=True)
    quota = np.maximum(1, np.round(counts * n / len(y)))
    return np.sort(order[_rank_within(codes) < quota[codes]])


def _rank_within(codes: np.ndarray) -> np.ndarray:
    """Count the earlier entries with the same code, for each entry, (n,)."""
    by_code = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[by_code], codes[by_code])
    rank = np.empty(len(codes), dtype=np.int64)
    rank[by_code] = np.arange(len(codes)) - starts
    return rank
