"""Every kind of pool gives the same picks as the same samples in an array in memory."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import TensorDataset

from skautoal import ALBLSampler, AutoALSampler, SignalOptions, StrategySampler
from skautoal.data import ArrayPool
from skautoal.signals import compute_signals
from skautoal.strategies import FunctionStrategy, Margin, ScoreStrategy
from tests._helpers import TwoInputs, frozen, make_net
from tests._internals import ChunkCheck, internal

N_POOL, STEP = 300, 32
X = (np.random.RandomState(3).standard_normal((N_POOL, 5)) * 1.5).astype(np.float32)
# Two equal rows in different chunks: chance decides between them, not rounding.
X[200] = X[3]


class Slices:
    """Array with shape, dtype and slices like zarr and HDF5; long slices raise an error."""

    def __init__(self, array, longest=STEP):
        self.array, self.longest = array, longest
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        part = self.array[rows]
        assert len(part) <= self.longest, f"{len(part)} rows at once"
        return part


def chunks(array, size):
    for start in range(0, len(array), size):
        yield array[start : start + size]


def memmap(array, folder):
    path = Path(folder) / f"{array.dtype}.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def hdf5(array, folder):
    h5py = pytest.importorskip("h5py")
    file = h5py.File(tempfile.mktemp(".h5", dir=folder), "w")
    return file.create_dataset("X", data=array, chunks=(50, 5))


def zarr_array(array, folder):
    zarr = pytest.importorskip("zarr")
    stored = zarr.create_array(
        store=tempfile.mkdtemp(".zarr", dir=folder),
        shape=array.shape,
        chunks=(50, 5),
        dtype=array.dtype,
    )
    stored[:] = array
    return stored


def dask_array(array, folder):
    return pytest.importorskip("dask.array").from_array(array, chunks=(70, 3))


KINDS = {
    "float64": lambda a, _: a.astype(np.float64),
    "memmap": memmap,
    "memmap of doubles": lambda a, folder: memmap(a.astype(np.float64), folder),
    "fortran": lambda a, _: np.asfortranarray(a),
    "slices": lambda a, _: Slices(a),
    "hdf5": hdf5,
    "zarr": zarr_array,
    "dask": dask_array,
    "tensor of doubles": lambda a, _: torch.as_tensor(a, dtype=torch.float64),
    "dataset": lambda a, _: TensorDataset(torch.as_tensor(a), torch.zeros(len(a))),
    "iterator": lambda a, _: chunks(a, 7),
    "long chunks": lambda a, _: chunks(a.astype(np.float64), 1000),
    "function": lambda a, _: lambda: chunks(a, 45),
    "function, tensors": lambda a, _: lambda: chunks(torch.as_tensor(a), 32),
}
BATCHES = ("kcenter_greedy", "autoal", "albl")
# Signals of all rows take some 20 kB and more.
LIMITS = [None, "10 kB"]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(*internal("pools.max_chunk"), STEP)


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Folder for all temporary files, which must be empty after the test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")
def fitted(mlp_net, blobs):
    labelled, y = blobs[0][:20], blobs[1][:20]
    made = {}

    def get(strategy):
        if strategy not in made:
            options = {"random_state": 0, "signals": SignalOptions(n_passes=4)}
            net = FrozenEstimator(mlp_net)
            if strategy == "autoal":
                # Joint herding also reads raw samples, where there can be a second look.
                options["batch_builder"] = "herding"
                sampler = AutoALSampler(net, ["margin", "bald", "kmeans"], **options)
            elif strategy == "albl":
                sampler = ALBLSampler(net, ["margin", "random"], **options)
            else:
                sampler = StrategySampler(net, strategy, **options)
            made[strategy] = sampler.fit(labelled, y)
        return made[strategy]

    return get


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("kind", KINDS)
def test_scoring_strategies_pick_the_same(kind, limit, fitted, tmp_path):
    for name in ("margin", "bald", "random"):
        sampler = fitted(name)
        expected, utilities = sampler.query(X, 6, return_utilities=True)
        pool = KINDS[kind](X, tmp_path)
        picks, answer = sampler.query(pool, 6, return_utilities=True, max_memory=limit)
        assert picks.tolist() == expected.tolist(), name
        np.testing.assert_array_equal(answer, utilities, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_and_choosers_pick_the_same(kind, fitted, tmp_path):
    for name in BATCHES[: 3 if kind in ("memmap", "hdf5") else 2 if kind == "iterator" else 1]:
        sampler = fitted(name)
        expected = sampler.query(X, 6).tolist()
        assert sampler.query(KINDS[kind](X, tmp_path), 6).tolist() == expected, name


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_part_stands_for_what_exceeds_the_memory(kind, fitted, tmp_path):
    for name in BATCHES[: 3 if kind in ("memmap", "hdf5") else 2 if kind == "iterator" else 1]:
        sampler = fitted(name)
        expected, utilities = sampler.query(X, 6, max_memory="40 kB", return_utilities=True)
        assert len(set(expected.tolist())) == 6
        assert 6 <= (utilities != 0).sum() < N_POOL / 2
        picks = sampler.query(KINDS[kind](X, tmp_path), 6, max_memory=40_000)
        assert picks.tolist() == expected.tolist(), name


def test_the_part_follows_the_rows(fitted):
    order = np.random.RandomState(0).permutation(N_POOL)
    sampler = fitted("kcenter_greedy")
    picks = sampler.query(X, 6, max_memory="20 kB")
    shuffled = sampler.query(X[order], 6, max_memory="20 kB")
    np.testing.assert_array_equal(X[picks], X[order][shuffled])


def test_scores_that_need_the_whole_pool_go_to_disk_and_stay_exact(fitted, scratch, tmp_path):
    seen = []

    def spread(signals):
        seen.append([f.name for folder in scratch.iterdir() for f in folder.iterdir()])
        P = signals.probabilities
        return (P - P.mean(dim=0)).norm(dim=1)

    sampler = fitted(FunctionStrategy(spread))
    expected, utilities = sampler.query(X, 6, return_utilities=True)
    for kind in ("memmap", "iterator", "dataset"):
        pool = KINDS[kind](X, tmp_path)
        picks, answer = sampler.query(pool, 6, max_memory=10_000, return_utilities=True)
        assert picks.tolist() == expected.tolist()
        np.testing.assert_array_equal(answer, utilities)
    assert seen == [[], *[["probabilities.bin"]] * 3]


class RowSums(ScoreStrategy):
    """Score each row by its raw numbers, which are no signal and are never written to disk."""

    needs = ("probabilities", "network")
    row_wise = True

    def _scores(self, signals, rng):
        return torch.as_tensor(signals.X).sum(dim=1) + signals.probabilities[:, 0]


@pytest.mark.parametrize("kind", ["array", "pool"])
def test_raw_samples_come_with_signals_that_are_on_disk(kind, mlp_net, scratch, tmp_path):
    expected = RowSums().scores(compute_signals(mlp_net, X), 0)
    given = X if kind == "array" else ArrayPool(memmap(X, tmp_path), ChunkCheck("X"))
    with closing(compute_signals(mlp_net, given, max_memory=1000)) as signals:
        signals.compute({"probabilities"})
        written = [file.name for folder in scratch.iterdir() for file in folder.iterdir()]
        assert written == ["probabilities.bin"]
        assert torch.equal(RowSums().scores(signals, 0), expected)


def test_nothing_is_left_on_disk_after_an_error(fitted, scratch):
    def fails(signals):
        assert len(list(scratch.iterdir())) == 1
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fitted(FunctionStrategy(fails)).query(X, 3, max_memory=1000)
    assert list(scratch.iterdir()) == []


def test_a_full_disk_is_an_error_and_nothing_is_left(fitted, scratch, monkeypatch):
    def no_space(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*internal("pools.write_memory"), no_space)
    with pytest.raises(OSError, match="No space left on device"):
        fitted("badge").query(chunks(X, 50), 3, max_memory=1000)
    assert list(scratch.iterdir()) == []


def test_costs_of_a_pool_beyond_the_memory(fitted):
    costs = np.random.RandomState(0).uniform(1, 3, N_POOL)
    for name in ("margin", "autoal"):
        sampler = fitted(name)
        idx = sampler.query(X, 6, costs=costs, budget=8.0, max_memory="40 kB")
        assert costs[idx].sum() <= 8.0
        again = sampler.query(chunks(X, 9), 6, costs=costs, budget=8.0, max_memory="40 kB")
        assert idx.tolist() == again.tolist()
    expected = fitted("margin").query(X, 6, costs=costs)
    np.testing.assert_array_equal(
        fitted("margin").query(X, 6, costs=costs, max_memory=1000), expected
    )


def test_strategies_alone_take_the_same_pools(mlp_net, tmp_path):
    expected = Margin().query(mlp_net, X, 5, random_state=0).tolist()
    for kind in ("float64", "memmap", "iterator", "function", "dataset"):
        for limit in LIMITS:
            pool = KINDS[kind](X, tmp_path)
            picks = Margin().query(mlp_net, pool, 5, max_memory=limit, random_state=0)
            assert picks.tolist() == expected, kind


def test_predictions_and_explanations_of_pools(fitted, tmp_path):
    sampler = fitted("margin")
    expected = sampler.predict_proba(X)
    idx = sampler.query(X, 3)
    shown = str(sampler.explain(X, idx))
    for kind in ("memmap", "iterator", "slices", "function"):
        np.testing.assert_array_equal(sampler.predict_proba(KINDS[kind](X, tmp_path)), expected)
        assert str(sampler.explain(KINDS[kind](X, tmp_path), idx)) == shown


def test_transformers_see_a_chunk_at_a_time(mlp_net, blobs, tmp_path):
    scaler = StandardScaler().fit(blobs[0])
    sampler = StrategySampler(FrozenEstimator(make_pipeline(scaler, mlp_net)), random_state=0)
    sampler.fit(blobs[0][:20], blobs[1][:20])
    expected = sampler.query(X, 6).tolist()
    for kind in ("memmap of doubles", "slices", "iterator", "function"):
        for limit in LIMITS:
            pool = KINDS[kind](X, tmp_path)
            assert sampler.query(pool, 6, max_memory=limit).tolist() == expected


def test_dicts_of_arrays_on_disk(tmp_path):
    parts = {"left": X[:, :2], "right": X[:, 2:]}
    net = make_net(TwoInputs)
    sampler = StrategySampler(FrozenEstimator(net), random_state=0)
    sampler.fit({key: value[:9] for key, value in parts.items()}, np.arange(9) % 3)
    expected = sampler.query(parts, 6).tolist()
    stored = {}
    for key, value in parts.items():
        np.save(tmp_path / f"{key}.npy", value.astype(np.float64))
        stored[key] = np.load(tmp_path / f"{key}.npy", mmap_mode="r")
    assert sampler.query(stored, 6).tolist() == expected
    assert sampler.query(stored, 6, max_memory=1000).tolist() == expected
    assert sampler.query(lambda: iter([parts]), 6).tolist() == expected


def test_strategies_on_raw_samples_gather_them_from_the_pool(mlp_net, blobs, tmp_path):
    sampler = StrategySampler(FrozenEstimator(mlp_net), "adversarial_deepfool", random_state=0)
    sampler.fit(blobs[0][:20], blobs[1][:20])
    expected = sampler.query(X[:40], 3).tolist()
    for kind in ("memmap of doubles", "slices", "function", "dask"):
        assert sampler.query(KINDS[kind](X[:40], tmp_path), 3).tolist() == expected


def test_a_second_look_at_an_iterator_is_refused(fitted):
    message = "is an iterator, which can be read only once.* Pass a function"
    for name in ("adversarial_deepfool", "albl"):
        with pytest.raises(ValueError, match=message):
            fitted(name).query(chunks(X[:40], 8), 3)


def test_the_pool_and_the_net_stay_as_they_are(fitted, mlp_net):
    pool, before = X.astype(np.float64), frozen(mlp_net)
    fitted("margin").query(pool, 3, max_memory=1000)
    np.testing.assert_array_equal(pool, X)
    for name, value in frozen(mlp_net).items():
        assert torch.equal(value, before[name])


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "dataset"])
def test_bad_values_are_named_with_their_rows(kind, fitted, tmp_path):
    bad = X.copy()
    bad[[131, 250], 2] = np.nan, np.inf
    pool = KINDS[kind](bad, tmp_path)
    with pytest.raises(ValueError, match=r"X_unlabeled contains NaN or infinity.* \[131"):
        fitted("margin").query(pool, 3)


@pytest.mark.parametrize(
    ("pool", "error", "message"),
    [
        (lambda: iter(()), ValueError, "'X_unlabeled' is empty"),
        (iter([X[:, :4]]), ValueError, "X has 4 features, but StrategySampler is expecting 5"),
        (iter([X[:9], X[:9, :4]]), ValueError, r"shape \(4,\) from row 9 on, but fit saw"),
        (iter([X[0]]), ValueError, "at least 2 dimensions"),
        (iter([X.astype("U5")]), TypeError, "must be numeric; got dtype <U5"),
        (Slices(X[:, :4]), ValueError, "X has 4 features, but StrategySampler is expecting 5"),
        (Slices(X[:0]), ValueError, "'X_unlabeled' is empty"),
        (Slices(X + 1j), TypeError, "must be numeric; got dtype complex64"),
        (Slices(np.full((3, 5), 1e300)), ValueError, "too large for float32"),
    ],
)
def test_what_is_no_pool_is_refused(pool, error, message, fitted):
    with pytest.raises(error, match=message):
        fitted("margin").query(pool, 3)


def test_a_function_must_return_the_same_each_time(fitted):
    sizes = iter([300, 200, 200])
    with pytest.raises(ValueError, match="returned 300 samples at the first reading and 200"):
        fitted("adversarial_deepfool").query(lambda: chunks(X[: next(sizes)], 50), 3)


@pytest.mark.parametrize(
    ("limit", "error", "message"),
    [
        ("much", ValueError, "must be a number of bytes or a string such as '2GB'; got 'much'"),
        (0, ValueError, "must be at least 1 byte; got 0"),
        ("0 GB", ValueError, "must be at least 1 byte; got '0 GB'"),
        (True, TypeError, "got True of type bool"),
        ([1], TypeError, "of type list"),
    ],
)
def test_the_limit_is_checked_first(limit, error, message, fitted):
    with pytest.raises(error, match=f"'max_memory' .*{message}"):
        fitted("margin").query(X, 3, max_memory=limit)
