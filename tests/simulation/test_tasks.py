"""Tasks: budgets, first samples, loaders and variants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skautoal.simulation import (
    Budget,
    Task,
    imbalanced,
    list_tasks,
    load_npz_task,
    load_task,
    noisy_labels,
    skewed_start,
    standard_net,
)
from tests._internals import draw_initial, initialize_net, inspect_net
from tests.simulation._tiny import tiny_task


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 30), st.integers(2, 3000))
def test_budgets_never_label_more_than_half(n_initial, n_instances, n_rounds, n_pool):
    budget = Budget("r", n_initial, n_instances, n_rounds)
    fitted = budget.fit_to(n_pool)
    assert fitted.n_labels <= n_pool / 2
    if budget.n_labels <= n_pool / 2:
        assert fitted == budget


def test_budgets_of_the_protocol():
    task = load_task("digits")
    assert task.budget("low") == Budget("low", 10, 10, 20)
    assert task.budget("mid") == Budget("mid", 100, 50, 10)
    own = Budget("own", 1, 2, 3)
    task = Task("t", np.zeros((4, 1)), [0, 1, 0, 1], np.zeros((1, 1)), [0], budgets={"low": own})
    assert task.budget("low") is own
    with pytest.raises(ValueError, match="no budget 'high'"):
        task.budget("high")
    with pytest.raises(ValueError, match="'n_rounds'"):
        Budget("r", 1, 1, -1)


def test_tasks_check_their_arrays():
    with pytest.raises(ValueError, match="'y_test'"):
        Task("t", np.zeros((2, 1)), [0, 1], np.zeros((2, 1)), [0])
    with pytest.raises(ValueError, match="'initial'"):
        tiny_task(initial="best")


def test_subsets_keep_every_class_by_its_share():
    task = load_task("digits")
    small = task.subset(200, 50)
    assert len(small.y_train) == pytest.approx(200, abs=5)
    assert len(small.y_test) == pytest.approx(50, abs=5)
    shares = np.bincount(small.y_train) / len(small.y_train)
    assert shares == pytest.approx(np.bincount(task.y_train) / len(task.y_train), abs=0.01)
    assert task.subset(10_000).X_train is task.X_train
    again = task.subset(200, 50)
    assert np.array_equal(small.X_train, again.X_train)
    assert not np.array_equal(small.X_train, task.subset(200, seed=1).X_train)


@pytest.mark.parametrize("how", ["random", "balanced", "skewed"])
def test_first_samples_are_distinct(how):
    y = np.repeat([0, 1, 2, 3], [50, 5, 3, 2])
    for n in (1, 7, 60):
        rows = draw_initial(y, n, how, np.random.RandomState(0))
        assert len(set(rows.tolist())) == n
    if how == "balanced":
        rows = draw_initial(y, 12, how, np.random.RandomState(0))
        assert np.bincount(y[rows]).tolist() == [4, 3, 3, 2]


def write(path, **arrays):
    rng = np.random.RandomState(0)
    content = {
        "X_train": rng.randint(0, 256, size=(20, 4)).astype(np.uint8),
        "y_train": np.arange(20, dtype=np.uint8) % 2,
        "X_test": rng.randint(0, 256, size=(6, 4)).astype(np.uint8),
        "y_test": np.arange(6, dtype=np.uint8) % 2,
        **arrays,
    }
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return path


def test_npz_files_are_scaled_by_column_of_the_pool(tmp_path):
    constant = np.full((20, 4), 7.0)
    constant[:, 1:] = np.random.RandomState(0).normal(5, 3, size=(20, 3))
    task = load_npz_task(write(tmp_path / "made.npz", X_train=constant))
    assert task.name == "made"
    assert task.X_train.dtype == task.X_test.dtype == np.float32
    assert task.X_train.mean(axis=0) == pytest.approx([0, 0, 0, 0], abs=1e-5)
    assert task.X_train.std(axis=0) == pytest.approx([0, 1, 1, 1], abs=1e-5)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3), (3, 8, 8), (8, 8, 1)])
def test_images_get_their_channels_first(tmp_path, shape):
    rng = np.random.RandomState(0)
    arrays = {
        "X_train": rng.randint(0, 256, size=(20, *shape)).astype(np.uint8),
        "X_test": rng.randint(0, 256, size=(6, *shape)).astype(np.uint8),
    }
    task = load_npz_task(write(tmp_path / "images.npz", **arrays))
    channels = 3 if 3 in shape else 1
    assert task.X_train.shape == (20, channels, 8, 8)
    assert task.X_train.mean(axis=(0, 2, 3)) == pytest.approx([0] * channels, abs=1e-5)
    assert task.X_train.std(axis=(0, 2, 3)) == pytest.approx([1] * channels, abs=1e-5)
    net = initialize_net(task.build_net(), seed=0)
    assert inspect_net(net, task.X_test[:1]).n_outputs == 2


def test_npz_files_that_are_none(tmp_path):
    for arrays, message in [
        ({"X_test": None}, "no array .'X_test'"),
        ({"X_train": np.array([["a"] * 4] * 20)}, "must hold numbers"),
        ({"X_test": np.zeros((6, 3))}, r"samples of shape \(4,\)"),
        ({"X_train": np.full((20, 4), np.nan)}, "NaN or infinity"),
        ({"y_train": np.zeros(3)}, "one label for each of the 20"),
        ({"X_train": np.zeros((20, 5, 5, 7)), "X_test": np.zeros((6, 5, 5, 7))}, "channels"),
        ({"y_train": np.array([{}] * 20, dtype=object)}, "allow_pickle|plain arrays"),
    ]:
        with pytest.raises(ValueError, match=message):
            load_npz_task(write(tmp_path / "wrong.npz", **arrays))
    broken = write(tmp_path / "broken.npz")
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(ValueError, match="plain arrays"):
        load_npz_task(broken)
    with pytest.raises(FileNotFoundError, match="no file"):
        load_npz_task(tmp_path / "none.npz")


def test_folders_of_npz_files(tmp_path, monkeypatch):
    write(tmp_path / "b.npz")
    write(tmp_path / "a.npz")
    assert list_tasks(tmp_path) == ["a", "b"]
    monkeypatch.delenv("SKAUTOAL_DATA", raising=False)
    assert list_tasks() == []
    with pytest.raises(ValueError, match="SKAUTOAL_DATA"):
        load_task("a")
    monkeypatch.setenv("SKAUTOAL_DATA", str(tmp_path))
    assert load_task("a").name == "a"
    with pytest.raises(ValueError, match="Known are digits, a, b"):
        load_task("c")
    monkeypatch.setenv("SKAUTOAL_DATA", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="no folder"):
        load_task("a")


@pytest.mark.parametrize("shape", [(9, 5), (9, 300), (9, 1, 8, 8), (9, 3, 12, 12)])
def test_standard_nets_give_every_signal(shape):
    net = initialize_net(standard_net(shape, n_classes=4), seed=0)
    layout = inspect_net(net, np.zeros((1, *shape[1:]), dtype=np.float32))
    assert layout.n_outputs == 4
    assert layout.has_head
    assert layout.n_dropout == 1


def test_imbalance():
    task = load_task("digits")
    made = imbalanced(task, 10)
    counts = np.bincount(made.y_train)
    assert counts.max() / counts.min() == pytest.approx(10, rel=0.1)
    assert made.X_test is task.X_test
    assert made.name == "digits-imbalanced"
    assert len(np.unique(np.argsort(counts) - np.arange(10))) > 1  # the order is random
    with pytest.raises(ValueError, match="'ratio'"):
        imbalanced(task, 0.5)


def test_label_noise():
    task = load_task("digits")
    made = noisy_labels(task, 0.2)
    assert (made.y_train != task.y_train).sum() == round(0.2 * len(task.y_train))
    assert np.array_equal(made.y_test, task.y_test)
    assert np.array_equal(noisy_labels(task, 0).y_train, task.y_train)
    assert (noisy_labels(task, 1).y_train != task.y_train).all()
    with pytest.raises(ValueError, match="'share'"):
        noisy_labels(task, 20)


def test_skewed_start():
    task = skewed_start(load_task("digits"))
    rows = draw_initial(task.y_train, 50, task.initial, np.random.RandomState(0))
    assert len(np.unique(task.y_train[rows])) == 5
