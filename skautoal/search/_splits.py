"""Splits of the labelled set: one part simulates the labelled set, the other the pool."""

from __future__ import annotations

import numpy as np


def stratified_splits(
    codes: np.ndarray, n_splits: int, rng: np.random.RandomState
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split the labels at random into halves (T, V); every class keeps a label in T.

    About half of each class goes to V, but never its last label. If every class has a
    single label, nothing can be held out, and the list is empty.

    Parameters
    ----------
    codes : ndarray of shape (l,)
        Class codes of the labelled samples.
    n_splits : int
        Number of splits.
    rng : RandomState
        Source of the random halves.

    Returns
    -------
    splits : list of (ndarray, ndarray)
        Sorted indices of T and of V, which are disjoint and together are all labels.

    Examples
    --------
    >>> import numpy as np
    >>> from skautoal.search import stratified_splits
    >>> [(T, V)] = stratified_splits(np.array([0, 0, 1, 1, 2]), 1, np.random.RandomState(0))
    >>> len(V), 4 in T
    (2, True)

    """
    splits = []
    for _ in range(n_splits):
        held_out = [np.empty(0, dtype=np.int64)]
        for code in np.unique(codes):
            members = rng.permutation(np.flatnonzero(codes == code))
            # If their number is odd, chance decides which side gets the additional one.
            size = (len(members) + rng.randint(2)) // 2
            held_out.append(members[: min(size, len(members) - 1)])
        V = np.sort(np.concatenate(held_out))
        if len(V):
            splits.append((np.setdiff1d(np.arange(len(codes)), V), V))
    return splits
