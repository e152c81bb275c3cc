"""Random seeds and random orders that depend on one seed and on the content of rows.

The seed of each stage is derived from one number and the name of the stage, so a new stage
does not change the random numbers of the others. Random orders are derived from content
hashes of the rows, so they do not depend on how a pool is shuffled, chunked or distributed.
"""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

_SEED_LIMIT = 2**31 - 1
_HASH_CHUNK = 2**21  # number of 64-bit words hashed at a time, to bound the memory


class _OwnedLock:
    """Reentrant lock with the identifier of the thread that holds it as ``owner``."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self.owner: int | None = None

    def __enter__(self) -> Any:
        self._lock.acquire()
        self._depth += 1
        self.owner = threading.get_ident()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._depth -= 1
        if not self._depth:
            self.owner = None
        self._lock.release()


# Threads share the global random generators, and the modes and hooks of a net. One lock
# protects both: with two locks, two threads could deadlock.
PROCESS_LOCK = _OwnedLock()


def draw_seed(random_state: Any) -> int:
    """Convert scikit-learn's ``random_state`` to one integer.

    For None, the seed is drawn from the operating system. NumPy's global generator is not
    used, because its state belongs to the user.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] % _SEED_LIMIT)
    if isinstance(random_state, (int, np.integer)):
        check_random_state(random_state)
        return int(random_state)
    return int(check_random_state(random_state).randint(_SEED_LIMIT))


def derive_seed(seed: int, *labels: str | int) -> int:
    """Derive the seed of a named stage, such as ``derive_seed(0, "split", 3)``."""
    words = [zlib.crc32(str(label).encode()) for label in labels]
    return int(np.random.SeedSequence([seed, *words]).generate_state(1)[0] % _SEED_LIMIT)


@contextmanager
def isolated_rng(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Seed the global generators of torch and NumPy in a block, and restore them afterwards."""
    device = torch.device(device)
    devices = [device] if device.type == "cuda" else []
    with PROCESS_LOCK, torch.random.fork_rng(devices=devices):
        numpy_state = np.random.get_state()
        _seed_torch(seed, device)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)


def _seed_torch(seed: int, device: torch.device) -> None:
    """Seed the generators that ``isolated_rng`` restores.

    ``torch.manual_seed`` would also seed all other devices, which are not restored.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type != "cpu":
        torch.manual_seed(seed)


def _mix(words: np.ndarray) -> np.ndarray:
    """Mix the bits of each word by the finaliser of splitmix64 (Steele, Lea & Flood 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def hash_rows(array: np.ndarray) -> np.ndarray:
    """Compute a content hash of each row, (n,) uint64. Equal rows have equal hashes."""
    n, width = len(array), math.prod(np.shape(array)[1:])
    row_bytes = width * array.itemsize
    n_words = -(-row_bytes // 4)
    columns = np.arange(1, n_words + 1, dtype=np.uint64)
    factors = _mix(columns * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)
    out = np.empty(n, dtype=np.uint64)
    step = max(1, _HASH_CHUNK // max(1, n_words))
    for start in range(0, n, step):
        rows = np.ascontiguousarray(array[start : start + step])
        rows = rows.reshape(len(rows), width)
        if row_bytes % 4:
            padded = np.zeros((len(rows), n_words * 4), dtype=np.uint8)
            padded[:, :row_bytes] = rows.view(np.uint8).reshape(len(rows), row_bytes)
            rows = padded
        # A sum of products modulo 2^64 is fast; different rows collide with tiny probability.
        out[start : start + step] = rows.view(np.uint32).astype(np.uint64) @ factors
    return _mix(out + np.uint64(n_words))


def combine_hashes(hashes: list[np.ndarray]) -> np.ndarray:
    """Combine several hashes per row into one, for example those of the parts of a dict."""
    total = np.zeros_like(hashes[0])
    for part in hashes:
        total = _mix(total * np.uint64(3) + part)
    return total


def random_order(row_hash: np.ndarray, seed: int) -> np.ndarray:
    """Return a random permutation of the rows, (n,) int64, that depends on their content.

    Permuting the rows permutes the order in the same way. Only rows with equal hashes are
    ordered by random numbers that depend on their positions.
    """
    keys = _order_keys(row_hash, seed)
    order = np.argsort(keys)
    along = keys[order]
    if (along[1:] == along[:-1]).any():
        order = np.lexsort((_among_equals(len(keys), seed), keys))
    return order


def first_in_order(row_hash: np.ndarray, seed: int, m: int) -> np.ndarray:
    """Return the first ``m`` rows of :func:`random_order` without sorting the others."""
    keys = _order_keys(row_hash, seed)
    rows = np.flatnonzero(keys <= np.partition(keys, m - 1)[m - 1])
    return rows[np.lexsort((_among_equals(len(keys), seed)[rows], keys[rows]))][:m]


def order_among(rows: np.ndarray, hashes: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Sort some rows by their place in :func:`random_order` of all n rows.

    ``hashes`` are the hashes of ``rows``. The result contains positions in ``rows``.
    """
    return np.lexsort((_among_equals(n, seed)[rows], _order_keys(hashes, seed)))


def _order_keys(row_hash: np.ndarray, seed: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        return _mix(row_hash ^ _mix(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15)))


def _among_equals(n: int, seed: int) -> np.ndarray:
    return np.random.RandomState(seed % _SEED_LIMIT).random_sample(n)
