"""InputView: raw samples as points, read by blocks, free of units."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skautoal.data import StreamPool
from skautoal.signals import Signals
from tests._helpers import linear_net
from tests._internals import MAX_COLUMNS, ChunkCheck, InputView, has_inputs, internal, load_rows


def signals_of(X):
    n = len(X)
    return Signals(probabilities=np.full((n, 2), 0.5), X=X, net=linear_net(2, 2))


def points(X, rows=None):
    signals = signals_of(X)
    return InputView.of(signals)(signals, rows)


@pytest.fixture
def table():
    return np.random.RandomState(0).standard_normal((300, 6)).astype(np.float32)


def test_a_column_by_hand(table):
    low, high = np.percentile(table, [1, 99], axis=0)
    expected = (np.clip(table, low, high) - low) / (high - low)
    found = points(table)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (found.amin(0) == 0).all()
    assert (found.amax(0) <= 1 + 1e-6).all()
    assert (found.amax(0) > 0.999).all()


@pytest.mark.parametrize("factor", [1000.0, -1.0, 1e-6])
def test_units_change_no_distance(table, factor):
    scaled = table.copy()
    scaled[:, 2] = scaled[:, 2] * factor
    scaled[:, 4] += 100.0
    one, other = points(table), points(scaled)
    torch.testing.assert_close(torch.cdist(one, one), torch.cdist(other, other), atol=1e-3, rtol=0)


def test_a_heavy_tail_does_not_decide_the_distances(table):
    wild = table.copy()
    wild[::150, 0] = 1e9
    assert points(wild).max() <= 1
    torch.testing.assert_close(points(wild)[:, 1:], points(table)[:, 1:])


def test_constant_and_rare_columns_count_nothing(table):
    rare = np.zeros((300, 2), dtype=np.float32)
    rare[7, 0] = 1.0  # one in three hundred
    rare[:, 1] = 5.0
    found = points(np.c_[table, rare])
    assert (found[:, 6:] == 0).all()
    assert torch.equal(found[:, :6], points(table))


@pytest.mark.parametrize("shape", [(6,), (2, 5, 5), (3, 40, 40), (4, 30), (700,)])
@pytest.mark.parametrize("block", [1, 100, 2**13])
def test_blocks_do_not_change_the_answer(shape, block, monkeypatch):
    X = np.random.RandomState(0).standard_normal((50, *shape)).astype(np.float32)
    whole = points(X)
    monkeypatch.setattr(*internal("inputs.block_elements"), block)
    torch.testing.assert_close(points(X), whole, atol=1e-5, rtol=1e-5)
    rows = torch.tensor([3, 49, 0, 3])
    torch.testing.assert_close(points(X, rows), whole[rows], atol=1e-5, rtol=1e-5)
    assert points(X, rows[:0]).shape == (0, whole.shape[1])


def test_a_memory_map_is_read_by_blocks(tmp_path, monkeypatch):
    X = np.random.RandomState(0).standard_normal((200, 3, 8, 8)).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    read = []

    def counting(source, index):
        assert source is mapped or np.shares_memory(source, mapped)
        read.append(len(index))
        return load_rows(source, index)

    monkeypatch.setattr(*internal("inputs.load_rows"), counting)
    monkeypatch.setattr(*internal("inputs.block_elements"), 20 * 3 * 8 * 8)
    found = points(mapped)
    assert max(read) == 20
    assert 200 <= sum(read) <= 203  # and one for the shape, now and then
    monkeypatch.undo()
    torch.testing.assert_close(found, points(X))


def test_quantiles_are_of_a_bounded_part(table, monkeypatch):
    """The reference is what it says, not the whole pool."""
    monkeypatch.setattr(*internal("inputs.reference_elements"), 6 * 120)
    rows = torch.as_tensor(np.random.RandomState(3).permutation(300))
    view = InputView.of(signals_of(table), rows)
    torch.testing.assert_close(
        view.low, torch.quantile(torch.as_tensor(table[rows[:120]]), 0.01, dim=0)
    )


def test_quantiles_of_a_very_wide_table_are_taken_by_columns(table, monkeypatch):
    """torch.quantile refuses more than 16 million numbers; here, more than 300."""
    expected = InputView.of(signals_of(table[:100]))
    quantile = torch.quantile

    def limited(values, *args, **options):
        assert values.numel() <= 300
        return quantile(values, *args, **options)

    monkeypatch.setattr(torch, "quantile", limited)
    monkeypatch.setattr(*internal("inputs.reference_elements"), 300)
    found = InputView.of(signals_of(table[:100]))
    torch.testing.assert_close((found.low, found.high), (expected.low, expected.high))


@pytest.mark.parametrize(
    ("shape", "width"),
    [
        ((3, 96, 96), 243),
        ((1, 28, 28), 256),
        ((3, 5, 5), 75),
        ((2, 3, 40, 40), 216),
        ((500, 9, 9), 256),
    ],
)
def test_images_become_at_most_256_means(shape, width):
    X = np.random.RandomState(0).standard_normal((4, *shape)).astype(np.float32)
    found = points(X)
    assert found.shape == (4, width)
    assert width <= MAX_COLUMNS
    constant = np.ones((2, *shape), dtype=np.float32) * np.array([1.0, -3.0]).reshape(
        2, *[1] * len(shape)
    )
    averaged = points(constant.astype(np.float32))
    torch.testing.assert_close(averaged, torch.tensor([[1.0], [-3.0]]).expand(2, width))


def test_images_have_one_unit():
    X = np.random.RandomState(0).standard_normal((6, 3, 32, 32)).astype(np.float32)
    torch.testing.assert_close(points(1000 * X), 1000 * points(X), atol=1e-3, rtol=0)


def test_wide_tables_are_projected_and_distances_kept():
    X = np.random.RandomState(0).uniform(size=(60, 3_000)).astype(np.float32)
    found = points(X)
    assert found.shape == (60, MAX_COLUMNS)
    low, high = np.percentile(X, [1, 99], axis=0)
    whole = torch.as_tensor((np.clip(X, low, high) - low) / (high - low)).float()
    apart = ~torch.eye(60, dtype=torch.bool)
    ratio = torch.cdist(found, found)[apart] / torch.cdist(whole, whole)[apart]
    assert abs(float(ratio.mean()) - 1) < 0.05
    assert ratio.std() < 0.1
    assert torch.equal(found, points(X))  # the same projection for every pool


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (np.zeros((5, 2), np.float32), True),
        (torch.zeros(5, 2), True),
        (np.zeros((5, 2), np.int64), False),
        (torch.zeros(5, 2, dtype=torch.long), False),
        ({"a": np.zeros((5, 2))}, False),
    ],
)
def test_only_numbers_have_distances(X, expected):
    signals = Signals(probabilities=np.full((5, 2), 0.5), X=X, net=linear_net(2, 2))
    assert has_inputs(signals) == expected


def test_samples_that_cannot_be_read_by_row_have_none():
    def chunks():
        return iter([np.zeros((5, 2), np.float32)])

    X = StreamPool(chunks, ChunkCheck("X"))
    signals = Signals(probabilities=np.full((5, 2), 0.5), X=X, net=linear_net(2, 2))
    assert not has_inputs(signals)
    assert not has_inputs(Signals(probabilities=np.full((5, 2), 0.5)))
