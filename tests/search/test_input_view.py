"""InputView: raw samples as points, read by blocks, free of units."""

from __future__ import annotations

import pickle
from functools import lru_cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, make_blobs, make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skautoal import AutoALSampler
from skautoal.data import StreamPool
from skautoal.signals import Signals
from tests._helpers import FirstColumns, counted_calls, linear_net, make_net, train
from tests._internals import MAX_COLUMNS, ChunkCheck, InputView, has_inputs, internal, load_rows


def signals_of(X, columns_read=None):
    n = len(X)
    signals = Signals(probabilities=np.full((n, 2), 0.5), X=X, net=linear_net(2, 2))
    signals.source.columns_read = columns_read
    return signals


def points(X, rows=None, columns_read=None):
    signals = signals_of(X, columns_read)
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


@pytest.mark.parametrize("width", [6, 700])
def test_columns_that_are_not_read_count_nothing(width):
    """In a narrow table and in a projected one."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((80, width)).astype(np.float32)
    other = X.copy()
    other[:, [2, 5]] = 1000 * rng.standard_cauchy((80, 2))
    read = ~np.isin(np.arange(width), [2, 5])
    found = points(X, columns_read=read)
    assert torch.equal(found, points(other, columns_read=read))
    assert not torch.equal(found, points(X))
    if width == 6:
        assert torch.equal(found[:, read], points(X)[:, read])
        assert (found[:, ~read] == 0).all()


N_LABELED, N_POOL = 60, 250
TASKS = {
    "digits": lambda seed: load_digits(return_X_y=True),
    "breast cancer": lambda seed: load_breast_cancer(return_X_y=True),
    "20 columns": lambda seed: make_classification(
        400, 20, n_informative=10, n_classes=4, random_state=seed
    ),
    "10 columns": lambda seed: make_blobs(400, 10, centers=5, cluster_std=4, random_state=seed),
}
COLUMNS = {
    "1": lambda rng, n: rng.standard_normal(n),
    "10": lambda rng, n: 10 * rng.standard_normal(n),
    "1000": lambda rng, n: 1000 * rng.standard_normal(n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n),
}


@lru_cache
def make_task(name, seed):
    """Labelled samples, their codes and a pool."""
    X, y = TASKS[name](seed)
    rows = np.random.RandomState(seed).permutation(len(X))[: N_LABELED + N_POOL]
    X = StandardScaler().fit_transform(X)[rows].astype(np.float32)
    return X[:N_LABELED], y[rows[:N_LABELED]], X[N_LABELED:]


def small_net(d, n_classes):
    return make_net(FirstColumns, module__d=d, module__n_classes=n_classes, max_epochs=3, lr=0.1)


def make_sampler(net, seed=0):
    return AutoALSampler(net, ["margin", "entropy"], n_instances=20, random_state=seed)


@lru_cache
def picks_without(name, seed):
    X, y, pool = make_task(name, seed)
    net = small_net(X.shape[1], len(np.unique(y)))
    return set(make_sampler(net, seed).fit(X, y).query(pool).tolist())


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("name", TASKS)
def test_one_more_column_that_the_net_never_reads_keeps_the_picks(name, column):
    kept = []
    for seed in range(8):
        X, y, pool = make_task(name, seed)
        values = COLUMNS[column](np.random.RandomState(100 + seed), N_LABELED + N_POOL)
        more = np.column_stack([np.concatenate([X, pool]), values]).astype(np.float32)
        net = small_net(X.shape[1], len(np.unique(y)))
        sampler = make_sampler(net, seed).fit(more[:N_LABELED], y)
        kept.append(len(picks_without(name, seed) & set(sampler.query(more[N_LABELED:]).tolist())))
    assert np.mean(kept) >= 17
    assert min(kept) >= 14


@pytest.fixture
def with_column():
    """A task of 10 columns and one more, which the net does not read."""
    X, y, pool = make_task("10 columns", 0)
    values = np.random.RandomState(0).standard_normal((N_LABELED + N_POOL, 1))
    more = np.hstack([np.concatenate([X, pool]), values]).astype(np.float32)
    return more[:N_LABELED], y, more[N_LABELED:]


@pytest.mark.parametrize("kind", ["frozen", "pipeline", "tensor", "pickled"])
def test_the_column_keeps_the_picks_of_every_kind_of_sampler(with_column, kind):
    X, y, pool = with_column

    def picks(*columns):
        at = list(columns)
        A, B, net = X[:, at], pool[:, at], small_net(10, 5)
        if kind == "frozen":
            net = FrozenEstimator(train(net, A, y))
        elif kind == "pipeline":
            net = make_pipeline(StandardScaler(), net)
        elif kind == "tensor":
            A, B = torch.as_tensor(A), torch.as_tensor(B)
        sampler = make_sampler(net).fit(A, y)
        if kind == "pickled":
            sampler = pickle.loads(pickle.dumps(sampler))
        return set(sampler.query(B).tolist())

    assert len(picks(*range(10)) & picks(*range(11))) >= 17


def test_a_query_sends_no_more_samples_through_the_net(with_column):
    """What the net reads is found when it is fitted."""
    X, y, pool = with_column
    sampler = make_sampler(small_net(10, 5)).fit(X, y)
    with counted_calls(sampler.estimator_.module_) as sizes:
        sampler.query(pool)
        sampler.query(pool)
    assert sizes == [N_POOL, N_LABELED] * 2
