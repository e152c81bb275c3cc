"""Seeds, isolation of the global generators, and orders that follow the rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import chisquare

from tests._internals import (
    combine_hashes,
    derive_seed,
    draw_seed,
    hash_rows,
    internal,
    isolated_rng,
    random_order,
)

GOLDEN_SEED = 1027464163  # of the stage ("split", 3) of seed 0

seeds = st.integers(0, 2**31 - 2)
row_blocks = st.sampled_from([np.uint8, np.int16, np.float32, np.float64]).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=1, max_dims=3, max_side=6))
)


def distinct_rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).standard_normal((n, 3)).astype(np.float32)


def test_an_integer_is_its_own_seed():
    assert [draw_seed(7), draw_seed(np.int64(7))] == [7, 7]


def test_a_random_state_advances():
    state = np.random.RandomState(0)
    assert draw_seed(state) != draw_seed(state)
    assert draw_seed(np.random.RandomState(0)) == draw_seed(np.random.RandomState(0))


def test_none_gives_fresh_entropy():
    assert len({draw_seed(None) for _ in range(5)}) == 5


@pytest.mark.parametrize("wrong", ["zero", -1, 2**32])
def test_what_is_no_seed_is_refused(wrong):
    with pytest.raises(ValueError, match=r"[Ss]eed"):
        draw_seed(wrong)


def test_derived_seeds_are_the_same_in_every_process():
    assert derive_seed(0, "split", 3) == derive_seed(0, "split", 3) == GOLDEN_SEED


def test_derived_seeds_differ_by_every_part():
    labels = [(), ("a",), ("b",), ("a", 0), ("a", 1), ("ab",), ("a", "b"), ("b", "a")]
    found = {derive_seed(seed, *label) for seed in range(3) for label in labels}
    assert len(found) == 3 * len(labels)


def test_isolated_draws_depend_on_the_seed_only():
    def draws(seed):
        with isolated_rng(seed):
            return [*torch.rand(3).tolist(), *np.random.random_sample(3)]

    assert draws(3) == draws(3)
    assert draws(3) != draws(4)


def test_isolation_ends_when_the_block_raises():
    before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    with pytest.raises(KeyError), isolated_rng(0):
        raise KeyError(torch.rand(1), np.random.random_sample())
    assert before == (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def test_generators_of_devices_that_are_not_used_stay_the_users(monkeypatch):
    seeded = []
    for module, name in [
        *((module, "manual_seed_all") for module in (torch.cuda, torch.xpu, torch.mtia)),
        (torch.mps, "manual_seed"),
    ]:
        monkeypatch.setattr(module, name, seeded.append)
    with isolated_rng(0):
        drawn = torch.rand(3)
    assert seeded == []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # would seed them all
        assert torch.equal(torch.rand(3), drawn)
    assert seeded == [0, 0, 0, 0]


def test_a_nested_block_leaves_the_outer_one_alone():
    with isolated_rng(0):
        expected = torch.rand(4)
    with isolated_rng(0):
        first = torch.rand(2)
        with isolated_rng(9):
            torch.rand(5)
        second = torch.rand(2)
    assert torch.equal(torch.cat([first, second]), expected)


@given(row_blocks, st.randoms(use_true_random=False))
def test_hashes_follow_their_rows(array, random):
    permutation = random.sample(range(len(array)), len(array))
    np.testing.assert_array_equal(hash_rows(array[permutation]), hash_rows(array)[permutation])


@given(row_blocks)
def test_hashes_tell_contents_apart(array):
    contents = [row.tobytes() for row in array]
    assert len(set(hash_rows(array).tolist())) == len(set(contents))


def test_every_bit_of_a_row_counts():
    rows = np.zeros((8 * 7 + 1, 7), dtype=np.uint8)  # 7 bytes: not a whole number of words
    for bit in range(8 * 7):
        rows[bit, bit // 8] = 1 << bit % 8
    assert len(np.unique(hash_rows(rows))) == len(rows)


def test_swapped_columns_have_another_hash():
    X = distinct_rows(50)
    assert not np.isin(hash_rows(X[:, ::-1]), hash_rows(X)).any()


def test_hashes_do_not_depend_on_memory_layout_or_blocks(monkeypatch):
    X = distinct_rows(40)
    expected = hash_rows(X)
    np.testing.assert_array_equal(hash_rows(np.asfortranarray(X)), expected)
    monkeypatch.setattr(*internal("rng.hash_chunk"), 10)
    np.testing.assert_array_equal(hash_rows(X), expected)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (0, 1, 4)])
def test_no_rows_have_no_hashes(shape):
    hashes = hash_rows(np.empty(shape))
    assert hashes.shape == (0,)
    assert hashes.dtype == np.uint64


def test_combined_hashes_depend_on_each_part_and_their_order():
    a, b = hash_rows(distinct_rows(20, 0)), hash_rows(distinct_rows(20, 1))
    versions = [combine_hashes(parts) for parts in ([a], [a, b], [b, a], [a, a])]
    assert len(np.unique(np.concatenate(versions))) == 80


@given(st.integers(0, 30), seeds)
def test_a_random_order_is_a_permutation(n, seed):
    order = random_order(hash_rows(distinct_rows(n)), seed)
    assert order.dtype == np.int64
    assert sorted(order) == list(range(n))


@given(st.integers(1, 30), seeds, st.randoms(use_true_random=False))
def test_a_random_order_follows_its_rows(n, seed, random):
    X = distinct_rows(n)
    permutation = np.array(random.sample(range(n), n))
    moved = random_order(hash_rows(X[permutation]), seed)
    np.testing.assert_array_equal(permutation[moved], random_order(hash_rows(X), seed))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), seeds, st.randoms())
def test_equal_rows_are_exchangeable(values, seed, random):
    X = np.array(values, dtype=np.float32)
    shuffled = np.array(random.sample(values, len(values)), dtype=np.float32)
    np.testing.assert_array_equal(
        X[random_order(hash_rows(X), seed)], shuffled[random_order(hash_rows(shuffled), seed)]
    )


@pytest.mark.parametrize("equal", [False, True])
def test_every_row_is_first_equally_often(equal):
    hashes = np.zeros(8, np.uint64) if equal else hash_rows(distinct_rows(8))
    firsts = [random_order(hashes, seed)[0] for seed in range(1600)]
    assert chisquare(np.bincount(firsts, minlength=8)).pvalue > 1e-3
