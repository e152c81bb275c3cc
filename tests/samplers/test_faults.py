"""Memory that runs out, interrupts, NaN in the pool, threads: the answer stays the same."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EarlyStopping
from torch import nn

from skautoal import AutoALSampler, Search, StrategySampler
from skautoal.exceptions import PoolSizeWarning
from skautoal.modules import MLP
from tests._helpers import TwoInputs, flat_autoal, make_net, n_hooks, quick_strategy
from tests._internals import evaluation_mode, isolated_rng


class Limited(MLP):
    """Raises in a forward pass of more than ``limit`` rows, or when it is told to."""

    limit: int | None = None
    error: BaseException = RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
    sizes: list[int] = []
    raising = False

    def forward(self, X):
        if not self.training:
            Limited.sizes.append(len(X))
        if Limited.raising or (Limited.limit is not None and len(X) > Limited.limit):
            raise Limited.error
        return super().forward(X)


@pytest.fixture
def limited(monkeypatch):
    monkeypatch.setattr(Limited, "limit", None)
    monkeypatch.setattr(Limited, "sizes", [])
    monkeypatch.setattr(Limited, "raising", False)
    monkeypatch.setattr(Limited, "error", Limited.error)
    return Limited


def net_of(module=Limited, **params):
    sizes = {"module__n_features": 5, "module__n_classes": 3, "module__hidden": 16}
    return make_net(module, **sizes, module__dropout=0.5, max_epochs=3, lr=0.1, **params)


@pytest.fixture(scope="module")
def fitted(blobs):
    X, y = blobs
    return {
        "margin": StrategySampler(net_of(), "margin", random_state=0).fit(X[:30], y[:30]),
        "bald": StrategySampler(net_of(), "bald", random_state=0).fit(X[:30], y[:30]),
        "auto": AutoALSampler(net_of(), random_state=0).fit(X[:30], y[:30]),
    }


@pytest.fixture
def pool(blobs):
    rng = np.random.RandomState(1)
    X = blobs[0]
    return (X[rng.randint(len(X), size=300)] + rng.standard_normal((300, 5))).astype(np.float32)


# ---------------------------------------------------------------- memory

ERRORS = [
    RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    torch.cuda.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
    MemoryError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"{type(error).__name__}-{error}"[:35])
@pytest.mark.parametrize("name", ["margin", "bald", "auto"])
def test_memory_that_runs_out_halves_the_chunk(name, error, fitted, pool, limited, monkeypatch):
    sampler = fitted[name]
    expected = sampler.query(pool, 10).tolist()
    monkeypatch.setattr(limited, "error", error)
    monkeypatch.setattr(limited, "limit", 40)
    limited.sizes.clear()
    assert sampler.query(pool, 10).tolist() == expected
    assert max(limited.sizes) > 40  # it did run out


def test_down_to_one_row(fitted, pool, limited, monkeypatch):
    expected = fitted["margin"].predict_proba(pool)
    monkeypatch.setattr(limited, "limit", 1)
    limited.sizes.clear()
    np.testing.assert_allclose(fitted["margin"].predict_proba(pool), expected, atol=1e-6)
    tried = sorted(set(limited.sizes), reverse=True)
    assert tried == [300, 150, 75, 37, 18, 9, 4, 2, 1]
    assert limited.sizes.count(1) == 300
    monkeypatch.setattr(limited, "limit", 0)
    with pytest.raises(RuntimeError, match="CUDA out of memory"):
        fitted["margin"].predict_proba(pool)


def test_what_was_learned_of_the_memory_holds_for_the_next_chunk(fitted, limited, monkeypatch):
    pool = np.random.RandomState(0).standard_normal((9000, 5)).astype(np.float32)
    monkeypatch.setattr(limited, "limit", 2048)
    limited.sizes.clear()
    fitted["margin"].predict_proba(pool)
    assert sum(size > 2048 for size in limited.sizes) == 1


def test_other_errors_are_not_tried_again(fitted, pool, limited, monkeypatch):
    monkeypatch.setattr(limited, "error", RuntimeError("shapes cannot be multiplied"))
    monkeypatch.setattr(limited, "limit", 40)
    limited.sizes.clear()
    with pytest.raises(RuntimeError, match="shapes"):
        fitted["margin"].query(pool, 10)
    assert limited.sizes == [300]


def test_memory_that_runs_out_with_dicts(monkeypatch, blobs):
    X, y = blobs
    samples = {"left": X[:, :2], "right": X[:, 2:]}
    labeled = {key: part[:30] for key, part in samples.items()}
    sampler = StrategySampler(make_net(TwoInputs, max_epochs=2), "entropy", random_state=0)
    sampler.fit(labeled, y[:30])
    expected = sampler.query(samples, 5).tolist()
    forward = TwoInputs.forward

    def limited_forward(self, left, right):
        if len(left) > 30:
            raise MemoryError
        return forward(self, left, right)

    monkeypatch.setattr(TwoInputs, "forward", limited_forward)
    assert sampler.query(samples, 5).tolist() == expected


# ---------------------------------------------------------------- interrupts


def state_of(sampler):
    module = sampler.estimator_.module_
    return (
        [(name, m.training) for name, m in module.named_modules()],
        n_hooks(module),
        {name: value.tolist() for name, value in module.state_dict().items()},
        sorted(vars(sampler)),
    )


@pytest.mark.parametrize("name", ["margin", "bald", "auto"])
def test_an_interrupted_query_leaves_all_as_it_was(name, fitted, pool, limited, monkeypatch):
    sampler = fitted[name]
    expected = sampler.query(pool, 10).tolist()
    before = state_of(sampler)
    monkeypatch.setattr(limited, "error", KeyboardInterrupt())
    monkeypatch.setattr(limited, "raising", True)
    with pytest.raises(KeyboardInterrupt):
        sampler.query(pool, 10)
    monkeypatch.setattr(limited, "raising", False)
    assert state_of(sampler) == before
    assert sampler.query(pool, 10).tolist() == expected


@pytest.mark.parametrize("method", ["fit", "teach"])
@pytest.mark.parametrize("late", [False, True], ids=["in the training", "after it"])
def test_an_interrupted_training_leaves_all_as_it_was(
    method, late, blobs, pool, limited, monkeypatch
):
    X, y = blobs
    net = net_of()
    mode = [m.training for m in net.module_.modules()]
    search = Search(n_steps=2, n_splits=2)
    sampler = AutoALSampler(net, ["margin", "kmeans"], search=search, random_state=0).fit(
        X[:30], y[:30]
    )
    expected = sampler.query(pool, 5).tolist()
    before, labels = state_of(sampler), sampler.y_labeled_
    forward, trained = limited.forward, []

    def interrupted(self, X):
        if self.training:
            trained.append(len(X))
        if trained and self.training != late:
            raise KeyboardInterrupt
        return forward(self, X)

    monkeypatch.setattr(limited, "forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        getattr(sampler, method)(X[30:40], y[30:40])
    monkeypatch.setattr(limited, "forward", forward)
    assert state_of(sampler) == before
    assert sampler.y_labeled_ is labels
    assert [m.training for m in net.module_.modules()] == mode
    assert sampler.query(pool, 5).tolist() == expected
    assert len(sampler.teach(X[30:40], y[30:40]).y_labeled_) == 40


def test_early_stopping_is_no_interrupt(blobs):
    X, y = blobs
    stop = EarlyStopping(monitor="train_loss", patience=1, threshold=10.0, sink=lambda text: None)
    net = net_of(MLP, callbacks=[stop]).set_params(max_epochs=50)
    sampler = StrategySampler(net, "margin", random_state=0).fit(X[:30], y[:30])
    assert 1 <= len(sampler.estimator_.history) < 50
    assert "fit_loop" not in vars(sampler.estimator_)


# ---------------------------------------------------------------- NaN in the pool

BAD = [0, 17, 18, 160, 299]


def spoilt(pool):
    bad = pool.copy()
    bad[BAD[::2], 2] = np.nan
    bad[BAD[1::2], 0] = np.inf
    return bad


def containers(array, folder):
    path = folder / "pool.npy"
    np.save(path, array)
    yield array
    yield array.astype(np.float64)
    yield np.asfortranarray(array)
    yield torch.as_tensor(array)
    yield np.load(path, mmap_mode="r")
    yield pytest.importorskip("h5py").File(folder / "pool.h5", "w").create_dataset("X", data=array)
    yield pytest.importorskip("dask.array").from_array(array, chunks=(70, 5))


@pytest.mark.parametrize("name", ["margin", "bald", "auto"])
def test_bad_rows_are_skipped_as_if_they_were_not_there(name, fitted, pool, tmp_path):
    sampler = fitted[name]
    good = np.delete(np.arange(300), BAD)
    expected, utilities = sampler.query(pool[good], 10, return_utilities=True)
    for X in containers(spoilt(pool), tmp_path):
        found, given = sampler.query(X, 10, return_utilities=True, on_nonfinite="skip")
        assert found.dtype == np.int64
        assert found.tolist() == good[expected].tolist()
        np.testing.assert_allclose(given[good], utilities, atol=1e-6)
        assert np.isneginf(given[BAD]).all()


def test_bad_rows_are_named(fitted, pool, tmp_path):
    bad = spoilt(pool)
    bad[0] = 0  # a first row that is bad would be the only one named
    for X in containers(bad, tmp_path):
        with pytest.raises(ValueError, match=r"X_unlabeled contains NaN.*\[17, 18"):
            fitted["margin"].query(X, 10)


def test_skipping_with_costs_and_little_memory(fitted, pool):
    good = np.delete(np.arange(300), BAD)
    costs = np.random.RandomState(0).uniform(1, 5, 300)
    sampler = fitted["auto"]
    for options in ({"costs": costs, "budget": 20.0}, {"max_memory": "30kB"}):
        left = {k: v[good] if k == "costs" else v for k, v in options.items()}
        expected = good[sampler.query(pool[good], 5, **left)]
        found = sampler.query(spoilt(pool), 5, on_nonfinite="skip", **options)
        assert found.tolist() == expected.tolist()


def test_a_pool_without_bad_rows_gives_the_same_answer(fitted, pool):
    expected = fitted["auto"].query(pool, 10).tolist()
    assert fitted["auto"].query(pool, 10, on_nonfinite="skip").tolist() == expected


def test_more_is_asked_for_than_is_good(fitted, pool):
    bad = pool[:6].copy()
    bad[1:4] = np.nan
    with pytest.warns(PoolSizeWarning, match="pool holds 3 samples") as caught:
        assert sorted(fitted["margin"].query(bad, 5, on_nonfinite="skip")) == [0, 4, 5]
    assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="All 3 samples of 'X_unlabeled' contain NaN"):
        fitted["margin"].query(bad[1:4], 2, on_nonfinite="skip")


def test_skipping_in_dicts(blobs):
    X, y = blobs
    labeled = {"left": X[:30, :2], "right": X[:30, 2:]}
    sampler = StrategySampler(make_net(TwoInputs, max_epochs=2), "entropy", random_state=0)
    sampler.fit(labeled, y[:30])
    bad = X[30:].copy()
    bad[3, 0] = bad[5, 4] = np.nan
    found = sampler.query({"left": bad[:, :2], "right": bad[:, 2:]}, 88, on_nonfinite="skip")
    assert sorted({*range(90)} - {*found.tolist()}) == [3, 5]


def test_what_cannot_be_skipped_says_so(fitted, pool, blobs):
    with pytest.raises(ValueError, match="'on_nonfinite' must be 'raise' or 'skip'; got 'drop'"):
        fitted["margin"].query(pool, 5, on_nonfinite="drop")
    for X in (pool.tolist(), iter([pool]), lambda: iter([pool])):
        with pytest.raises(TypeError, match="on_nonfinite='skip' takes arrays"):
            fitted["margin"].query(X, 5, on_nonfinite="skip")
    X, y = blobs
    piped = StrategySampler(make_pipeline(StandardScaler(), net_of(MLP)), random_state=0)
    with pytest.raises(ValueError, match="imputer"):
        piped.fit(X[:30], y[:30]).query(pool, 5, on_nonfinite="skip")


# ---------------------------------------------------------------- threads


def in_threads(*functions):
    """What the functions return, each in a thread of its own, all at once."""
    answers: list = [None] * len(functions)
    start = threading.Barrier(len(functions))

    def run(position):
        start.wait(20)
        try:
            answers[position] = functions[position]()
        except BaseException as exc:
            answers[position] = exc

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "the threads wait for one another"
    return answers


def rounds(strategies, seed, X, y):
    """Three rounds of a sampler: what it asked for, and what its net says in the end."""
    sampler = flat_autoal(
        strategies=strategies, search=Search(), n_steps=3, n_splits=2, random_state=seed
    )
    sampler.estimator = net_of(MLP)
    sampler.fit(X[:24], y[:24])
    asked = []
    for start in (24, 36):
        asked.append(sampler.query(X[start:], 5).tolist())
        sampler.teach(X[start : start + 12], y[start : start + 12])
    return asked, sampler.predict_proba(X).tolist()


def test_two_samplers_in_two_threads(blobs):
    X, y = blobs
    jobs = [
        lambda: rounds(["bald", "margin", quick_strategy("vaal")], 0, X, y),
        lambda: rounds(["badge", "adversarial_bim"], 1, X, y),
    ]
    alone = [job() for job in jobs]
    numpy_state, torch_state = np.random.get_state()[1].tolist(), torch.get_rng_state()
    assert in_threads(*jobs) == alone
    assert np.random.get_state()[1].tolist() == numpy_state
    assert torch.equal(torch.get_rng_state(), torch_state)


@pytest.mark.parametrize("name", ["margin", "auto"])
def test_queries_of_one_sampler_in_two_threads(name, fitted, pool, limited, monkeypatch):
    sampler, forward = fitted[name], limited.forward

    def slow(self, X):
        time.sleep(0.01)  # time for the other thread to meddle with modes and hooks
        return forward(self, X)

    monkeypatch.setattr(limited, "forward", slow)
    sampler.estimator_.module_.train()  # what a query has to restore
    jobs = [lambda: sampler.query(pool, 5).tolist(), lambda: sampler.query(pool[50:], 5).tolist()]
    alone = [job() for job in jobs]
    for _ in range(5):
        assert in_threads(*jobs) == alone


def test_net_and_generators_are_borrowed_in_any_sequence():
    net = make_net(nn.Linear, module__in_features=2, module__out_features=2)
    both = threading.Barrier(2)

    def meet():
        try:
            both.wait(0.2)
        except threading.BrokenBarrierError:
            pass  # the other one waits for the lock, as it should

    def net_first():
        with evaluation_mode(net):
            meet()
            with isolated_rng(0):
                return "net first"

    def generators_first():
        with isolated_rng(0):
            meet()
            with evaluation_mode(net):
                return "generators first"

    assert in_threads(net_first, generators_first) == ["net first", "generators first"]
