"""Splits of the labelled set: one part simulates the labelled set, the other the pool."""

from __future__ import annotations

import numpy as np


def stratified_splits(
    codes: np.ndarray, n_splits: int, rng: np.random.RandomState
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random halves of the labels, each held out once while the other one teaches.

    Every class is halved. A class with a single label is never held out, so that no class
    is missing from what is learned from; where every class has a single label there is
    nothing to hold out, and the list is empty.

    Parameters
    ----------
    codes : ndarray of shape (l,)
        Class codes of the labelled samples.
    n_splits : int
        Number of random halvings; each gives two splits.
    rng : RandomState
        Source of the random halves.

    Returns
    -------
    splits : list of (ndarray, ndarray)
        Sorted indices of T (learned from) and of V (held out), disjoint, together all
        labels but for classes of a single one, which are in every T. The two splits of a
        halving follow one another.

    Examples
    --------
    >>> import numpy as np
    >>> from skautoal.search import stratified_splits
    >>> splits = stratified_splits(np.array([0, 0, 1, 1, 2]), 1, np.random.RandomState(0))
    >>> [(len(T), len(V), 4 in T) for T, V in splits]
    [(3, 2, True), (3, 2, True)]

    """
    splits = []
    for _ in range(n_splits):
        in_first = np.zeros(len(codes), dtype=bool)
        single = np.zeros(len(codes), dtype=bool)
        for code in np.unique(codes):
            members = rng.permutation(np.flatnonzero(codes == code))
            # An odd member goes to either side by chance, not always to the same.
            in_first[members[: (len(members) + rng.randint(2)) // 2]] = True
            single[members] = len(members) == 1
        first, second = (np.flatnonzero(half & ~single) for half in (in_first, ~in_first))
        if len(first):
            alone = np.flatnonzero(single)
            splits.append((np.sort(np.concatenate([first, alone])), second))
            splits.append((np.sort(np.concatenate([second, alone])), first))
    return splits
