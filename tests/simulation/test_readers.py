"""Readers of official formats, on small generated files, and the paper's experiments."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.io import savemat

from skautoal.modules import RandomCropFlip, ResNet18
from skautoal.simulation import PAPER_EXPERIMENTS, Budget, compare, load_paper_task
from tests._internals import isolated_rng


def generated(shape, n_classes, n, seed):
    rng = np.random.RandomState(seed)
    X = rng.randint(0, 256, size=(n, *shape)).astype(np.uint8)
    return X, rng.permutation(np.arange(n) % n_classes)


def write_cifar10(folder, X, y, X_test, y_test):
    folder = folder / "cifar-10-batches-bin"
    folder.mkdir()
    records = np.concatenate([y[:, None].astype(np.uint8), X.reshape(len(X), -1)], axis=1)
    for i, part in enumerate(np.array_split(records, 5), 1):
        part.tofile(folder / f"data_batch_{i}.bin")
    np.concatenate([y_test[:, None].astype(np.uint8), X_test.reshape(len(X_test), -1)], 1).tofile(
        folder / "test_batch.bin"
    )


def write_cifar100(folder, X, y, X_test, y_test):
    for name, images, labels in (("train", X, y), ("test", X_test, y_test)):
        labels = np.stack([labels // 5, labels], axis=1).astype(np.uint8)  # coarse, fine
        np.concatenate([labels, images.reshape(len(images), -1)], axis=1).tofile(
            folder / f"{name}.bin"
        )


def write_svhn(folder, X, y, X_test, y_test):
    for name, images, labels in (("train", X, y), ("test", X_test, y_test)):
        labels = np.where(labels == 0, 10, labels)[:, None].astype(np.uint8)
        savemat(folder / f"{name}_32x32.mat", {"X": images.transpose(2, 3, 1, 0), "y": labels})


def write_medmnist(folder, X, y, X_test, y_test, name):
    def images(X):
        return X[:, 0] if X.shape[1] == 1 else X.transpose(0, 2, 3, 1)

    np.savez(
        folder / f"{name}.npz",
        train_images=images(X),
        train_labels=y[:, None].astype(np.uint8),
        val_images=images(X[:1]),
        val_labels=y[:1, None],
        test_images=images(X_test),
        test_labels=y_test[:, None].astype(np.uint8),
    )


def write_tinyimagenet(folder, X, y, X_test, y_test):
    from PIL import Image

    folder = folder / "tiny-imagenet-200"
    names = [f"n{i:08d}" for i in range(200)]
    (folder / "val" / "images").mkdir(parents=True)
    (folder / "wnids.txt").write_text("\n".join(reversed(names)))
    for name in names:
        (folder / "train" / name / "images").mkdir(parents=True)
    for i, (image, label) in enumerate(zip(X, y, strict=True)):
        picture = Image.fromarray(image.transpose(1, 2, 0))
        if i == 0:
            picture = picture.convert("L")
        name = names[label]
        picture.save(folder / "train" / name / "images" / f"{name}_{i}.JPEG", quality=95)
    lines = []
    for i, (image, label) in enumerate(zip(X_test, y_test, strict=True)):
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / "val" / "images" / f"val_{i}.JPEG")
        lines.append(f"val_{i}.JPEG\t{names[label]}\t0\t0\t62\t62")
    (folder / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")


WRITERS = {
    "cifar10": write_cifar10,
    "cifar100": write_cifar100,
    "svhn": write_svhn,
    "tinyimagenet": write_tinyimagenet,
    **{
        name: lambda *arrays, name=name: write_medmnist(*arrays, name)
        for name in ("organcmnist", "pathmnist", "tissuemnist")
    },
}


def small(name, n_train=None, n_test=None):
    """The data set of an experiment, but of a size that a test can write."""
    data = PAPER_EXPERIMENTS[name].data
    n_train, n_test = n_train or 2 * data.n_classes, n_test or data.n_classes
    return replace(data, n_train=(n_train,), n_test=(n_test,))


def written(folder, name):
    data = small(name)
    arrays = []
    for seed, sizes in enumerate((data.n_train, data.n_test)):
        arrays += generated(data.image_shape, data.n_classes, sizes[0], seed)
    WRITERS[name](folder, *arrays)
    return data, arrays


@pytest.mark.parametrize("name", sorted(PAPER_EXPERIMENTS))
def test_what_was_written_is_read(tmp_path, name):
    data, (X, y, X_test, y_test) = written(tmp_path, name)
    got = data.load(tmp_path)
    if name == "tinyimagenet":  # JPEG loses; files are read class by class
        assert np.bincount(got[1]).tolist() == np.bincount(y).tolist()
        assert got[3].tolist() == y_test.tolist()
        means = got[2].mean(axis=(1, 2, 3)) - X_test.mean(axis=(1, 2, 3))
        assert abs(means).max() < 3
        assert got[0].shape == X.shape
    else:
        for array, expected in zip(got, (X, y, X_test, y_test), strict=True):
            assert np.array_equal(array, expected)
    assert got[0].dtype == np.uint8


@pytest.mark.parametrize("name", sorted(PAPER_EXPERIMENTS))
def test_missing_and_wrong_data(tmp_path, name):
    data = PAPER_EXPERIMENTS[name].data
    with pytest.raises(FileNotFoundError, match=r"Get it from http.*and unpack"):
        data.load(tmp_path)
    few, _ = written(tmp_path, name)
    with pytest.raises(ValueError, match=f"expected .* training images.*{data.source[:20]}"):
        data.load(tmp_path)
    more = replace(few, n_classes=few.n_classes + 1) if name != "cifar100" else None
    if more is not None:
        with pytest.raises(ValueError, match="expected the classes"):
            more.load(tmp_path)


def test_damaged_files(tmp_path):
    data, _ = written(tmp_path, "cifar10")
    with open(tmp_path / "cifar-10-batches-bin" / "data_batch_3.bin", "ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"data_batch_3\.bin .* damaged"):
        data.load(tmp_path)
    (tmp_path / "train_32x32.mat").write_bytes(b"\x00" * 200)
    (tmp_path / "test_32x32.mat").write_bytes(b"")
    with pytest.raises(ValueError, match="not a MATLAB file"):
        small("svhn").load(tmp_path)
    (tmp_path / "pathmnist.npz").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="plain arrays"):
        small("pathmnist").load(tmp_path)


def test_a_picture_that_is_none(tmp_path):
    data, _ = written(tmp_path, "tinyimagenet")
    path = tmp_path / "tiny-imagenet-200" / "val" / "images" / "val_0.JPEG"
    path.write_bytes(b"text")
    with pytest.raises(ValueError, match=r"val_0\.JPEG is not an image"):
        data.load(tmp_path)


def test_an_experiment_of_the_paper_runs(tmp_path, monkeypatch):
    data, _ = written(tmp_path, "organcmnist")
    experiment = replace(PAPER_EXPERIMENTS["organcmnist"], data=data, n_rounds=1, start=0.5)
    monkeypatch.setitem(PAPER_EXPERIMENTS, "organcmnist", experiment)
    monkeypatch.setenv("SKAUTOAL_DATA", str(tmp_path))
    task = load_paper_task("organcmnist", max_epochs=1, module__width=8, device="cpu")
    assert task.name == "paper:organcmnist"
    assert task.budget("paper") == Budget("paper", 11, 1, 1)
    results = compare(["entropy", "bald"], task, seeds=1, budgets="paper", verbose=0)
    assert [run.n_labeled.tolist() for run in results] == [[11, 12], [11, 12]]


def test_experiments_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.delenv("SKAUTOAL_DATA", raising=False)
    with pytest.raises(ValueError, match="comes from https"):
        load_paper_task("cifar10")
    with pytest.raises(ValueError, match="Unknown experiment 'mnist'"):
        load_paper_task("mnist", tmp_path)


def test_resnet_has_the_size_of_a_resnet18():
    with isolated_rng(0):
        net = ResNet18(3, n_classes=10)
    # 11.17 million: ResNet-18 with a 3 x 3 stem and 10 classes.
    assert sum(p.numel() for p in net.parameters()) == 11_173_962
    assert [m.stride for m in net.stem if hasattr(m, "stride")] == [(1, 1)]
    features = net.stages(net.stem(torch.zeros(1, 3, 32, 32)))
    assert features.shape == (1, 512, 4, 4)


def test_random_crops_are_shifted_and_mirrored_images():
    X = torch.rand(40, 2, 5, 6, generator=torch.Generator().manual_seed(0))
    layer = RandomCropFlip(padding=1)
    with isolated_rng(0):
        out = layer(X)
    assert layer.eval()(X) is X
    padded = torch.nn.functional.pad(X, [1] * 4)
    flips = 0
    for image, wide in zip(out, padded, strict=True):
        crops = [wide[:, i : i + 5, j : j + 6] for i in range(3) for j in range(3)]
        plain = any(torch.equal(image, crop) for crop in crops)
        mirrored = any(torch.equal(image, crop.flip(2)) for crop in crops)
        assert plain or mirrored
        flips += mirrored
    assert 5 < flips < 35


@pytest.mark.parametrize(
    "shape", [(5, 1, 6, 6), (5, 3, 6, 6), (5, 2, 5, 7), (1, 3, 7, 4), (1, 1, 1, 1), (4, 8, 9, 8)]
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_random_crops_are_contiguous_images(shape, layout):
    with isolated_rng(0):
        X = torch.rand(shape).to(memory_format=layout)
        out = RandomCropFlip(padding=2)(X)
    # The strides say more than is_contiguous(), which ignores sides and channels of 1.
    assert out.stride() == torch.empty(shape).stride()


TRAINING = """
import torch
from skautoal.modules import ResNet18

for width in (8, 2):  # 2 crashed on processors without AVX-512
    torch.manual_seed(0)
    net = ResNet18(1, n_classes=11, width=width, augment=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(net(torch.rand(11, 1, 28, 28)), torch.arange(11))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.isfinite(loss)
"""


def test_training_a_resnet_ends_with_exit_code_0():
    # In a process of its own: a crash is a failed test here, not a lost worker.
    done = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
