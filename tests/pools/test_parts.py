"""Parts of large pools: random orders, chunks, memory limits and scores by row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skautoal.data import ArrayPool, Scratch, SubPool, check_memory
from skautoal.signals import Signals
from skautoal.strategies import STRATEGIES
from tests._helpers import make_signals, quick_strategy, take_signals
from tests._internals import (
    ChunkCheck,
    first_in_order,
    n_rows_of,
    order_among,
    random_order,
    rechunk,
    top_k,
)

HASHES = st.lists(st.integers(0, 6), min_size=1, max_size=40).map(
    lambda values: np.array(values, dtype=np.uint64)
)


@given(HASHES, st.integers(0, 99), st.data())
def test_the_start_and_the_sequence_of_an_order(hashes, seed, data):
    n = len(hashes)
    whole = random_order(hashes, seed)
    m = data.draw(st.integers(1, n))
    assert first_in_order(hashes, seed, m).tolist() == whole[:m].tolist()
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1))))
    among = rows[order_among(rows, hashes[rows], n, seed)]
    assert among.tolist() == [row for row in whole.tolist() if row in set(rows.tolist())]


@given(HASHES, st.integers(0, 99), st.data())
def test_the_top_is_that_of_a_full_sort(hashes, seed, data):
    n = len(hashes)
    scores = data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    scores = torch.tensor(scores, dtype=torch.float32)
    k = data.draw(st.integers(0, n))
    signals = Signals(embeddings=np.zeros((n, 1)), row_hash=hashes)
    rng, again = np.random.RandomState(seed), np.random.RandomState(seed)
    expected = top_k(scores, k, signals.order(again))
    assert signals.top(scores, k, rng).tolist() == expected.tolist()
    assert rng.randint(1000) == again.randint(1000)  # as many draws


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 12))
def test_chunks_of_one_length_from_chunks_of_any(sizes, n_rows):
    X = np.arange(2 * sum(sizes)).reshape(-1, 2)
    parts = np.split(X, np.cumsum(sizes)[:-1]) if sizes else []
    nested = ({"a": part, "b": [torch.as_tensor(part[:, 0])]} for part in parts)
    got = list(rechunk(nested, n_rows))
    assert all(n_rows_of(chunk) == n_rows for chunk in got[:-1])
    assert not got or 0 < n_rows_of(got[-1]) <= n_rows
    rows = [chunk["a"] for chunk in got]
    np.testing.assert_array_equal(np.concatenate(rows) if rows else X, X)
    assert [len(chunk["b"][0]) for chunk in got] == [len(chunk["a"]) for chunk in got]


@pytest.mark.parametrize("indices", [[], [7], [9, 0, 9, 3], range(10)])
def test_rows_are_taken_in_the_order_asked_for(indices):
    X = np.arange(20, dtype=np.float64).reshape(10, 2)
    pool = ArrayPool(X, ChunkCheck("X"))
    indices = np.array(indices, dtype=int)
    np.testing.assert_array_equal(pool.take(indices), X[indices])
    half = SubPool(pool, np.arange(9, -1, -1))
    np.testing.assert_array_equal(half.take(indices), X[::-1][indices])
    np.testing.assert_array_equal(np.concatenate(list(half.chunks(3))), X[::-1])
    assert pool.take(indices).dtype == np.float32


def test_writes_to_a_chunk_never_reach_a_file(tmp_path):
    X = np.arange(20, dtype=np.float64).reshape(10, 2)
    np.save(tmp_path / "X.npy", X)
    for mode in ("r", "r+", "c"):
        mapped = np.load(tmp_path / "X.npy", mmap_mode=mode)
        if mode == "c":
            mapped[0] = 100  # only here: the pages must not be given back
        for _ in range(2):
            chunks = list(ArrayPool(mapped, ChunkCheck("X")).chunks(4))
            assert chunks[0][0, 0] == (100 if mode == "c" else 0)
    np.testing.assert_array_equal(np.load(tmp_path / "X.npy"), X)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("2GB", 2 * 10**9), ("1.5 GiB", 3 * 2**29), ("10k", 10_000), ("7B", 7), ("7", 7), (8.0, 8)],
)
def test_memory_as_text(given, expected):
    assert check_memory(given) == expected


def test_a_scratch_folder_gives_back_what_it_was_given():
    scratch = Scratch()
    values = torch.as_tensor(np.random.RandomState(0).random_sample((5, 2, 4)))
    parts = [values[:3], values[3:]]
    for part in parts:
        scratch.append("signal", part)
    got = scratch.finish("signal")
    assert torch.equal(got, torch.cat(parts))
    got[0] = 0  # a copy of the page, not of the file
    assert torch.equal(scratch.finish("signal"), torch.cat(parts))
    path = scratch.path
    assert path.exists()
    scratch.close()
    assert not path.exists()


ROW_WISE = [name for name in STRATEGIES if STRATEGIES[name].row_wise]


def test_what_scores_row_by_row():
    assert len(ROW_WISE) == 12
    assert "random" not in ROW_WISE


@pytest.mark.parametrize("name", ROW_WISE)
def test_scores_of_a_row_do_not_depend_on_the_others(name):
    signals = make_signals(n=50, dtype=np.float32)
    strategy = quick_strategy(name)
    whole = strategy.scores(signals, 0)
    parts = [take_signals(signals, rows) for rows in (slice(0, 1), slice(1, 18), slice(18, 50))]
    assert torch.equal(whole, torch.cat([strategy.scores(part, 0) for part in parts]))
