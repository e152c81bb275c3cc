"""Splits of the labels: halves by class, and no class ever leaves the labelled part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skautoal.search import stratified_splits

label_codes = st.lists(st.integers(0, 4), max_size=40).map(lambda c: np.array(c, dtype=np.int64))


def split(codes, n_splits=5, seed=0):
    return stratified_splits(np.asarray(codes), n_splits, np.random.RandomState(seed))


@given(label_codes, st.integers(0, 1000))
def test_a_split_is_a_partition_that_keeps_every_class(codes, seed):
    for T, V in split(codes, seed=seed):
        assert len(V) > 0
        assert sorted([*T, *V]) == list(range(len(codes)))
        assert (np.diff(T) > 0).all()
        assert (np.diff(V) > 0).all()
        assert set(codes[T]) == set(codes)


@given(label_codes, st.integers(0, 1000))
def test_the_halves_of_a_halving_are_held_out_one_after_the_other(codes, seed):
    splits = split(codes, seed=seed)
    alone = np.flatnonzero(np.bincount(codes, minlength=5)[codes] == 1) if len(codes) else []
    for (T, V), (T_other, V_other) in zip(splits[::2], splits[1::2], strict=True):
        assert sorted([*V, *V_other, *alone]) == list(range(len(codes)))
        assert sorted([*V_other, *alone]) == T.tolist()
        assert sorted([*V, *alone]) == T_other.tolist()


@given(label_codes, st.integers(0, 1000))
def test_of_each_class_about_half_is_held_out(codes, seed):
    for _, V in split(codes, seed=seed):
        for code, size in zip(*np.unique(codes, return_counts=True), strict=True):
            assert (codes[V] == code).sum() in {size // 2, min((size + 1) // 2, size - 1)}


@given(label_codes, st.integers(1, 5))
def test_a_halving_gives_two_splits_unless_nothing_can_be_held_out(codes, n_splits):
    possible = len(codes) > 0 and np.bincount(codes).max() > 1
    assert len(split(codes, n_splits)) == (2 * n_splits if possible else 0)


@pytest.mark.parametrize("codes", [[], [3], [0, 1, 2]])
def test_nothing_to_hold_out_gives_no_split(codes):
    assert split(np.array(codes, dtype=np.int64)) == []


def test_an_odd_member_goes_to_either_side():
    sizes = {len(V) for _, V in split([0, 0, 0], n_splits=30)}
    assert sizes == {1, 2}


def test_every_member_is_held_out_once_a_halving():
    held_out = np.concatenate([V for _, V in split(np.zeros(9, int), n_splits=40)])
    assert np.bincount(held_out).tolist() == [40] * 9


def test_halvings_differ():
    firsts = {tuple(V) for _, V in split(np.arange(20) % 2, n_splits=10)[::2]}
    assert len(firsts) > 5


def test_splits_depend_on_the_seed_only():
    codes = np.arange(30) % 3
    first, again, other = (split(codes, seed=seed) for seed in (0, 0, 1))
    assert str(first) == str(again) != str(other)
