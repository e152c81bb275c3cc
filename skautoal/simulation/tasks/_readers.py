"""Reading image data sets in their official formats; nothing is unpickled."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from ._files import read_npz

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class ImageData:
    """An image data set in the form in which its authors publish it.

    Parameters
    ----------
    title : str
        Name of the data set.
    source : str
        Address to download it from.
    files : tuple of str
        Files and folders that it consists of.
    image_shape : tuple of int
        Channels, height, width.
    n_classes : int
        Number of classes.
    n_train, n_test : tuple of int
        Number of samples; several values if there are several editions.
    read : callable
        Function that reads images and labels from a folder.

    """

    title: str
    source: str
    files: tuple[str, ...]
    image_shape: tuple[int, int, int]
    n_classes: int
    n_train: tuple[int, ...]
    n_test: tuple[int, ...]
    read: Callable[[Path, ImageData], Arrays]

    def load(self, folder: str | os.PathLike[str]) -> Arrays:
        """Read images and labels.

        Parameters
        ----------
        folder : path-like
            The folder with the files, or the folder above it.

        Returns
        -------
        X_train, y_train, X_test, y_test : ndarray
            Images have the shape (n, channels, height, width) and dtype uint8, labels
            the shape (n,) and dtype int64.

        Raises
        ------
        FileNotFoundError
            If files are missing; the message names them and their source.
        ValueError
            If a file does not have the expected content.

        """
        found_in = self._find(Path(folder))
        X_train, y_train, X_test, y_test = self.read(found_in, self)
        for part, X, y, sizes in (
            ("training", X_train, y_train, self.n_train),
            ("test", X_test, y_test, self.n_test),
        ):
            if len(X) not in sizes or len(y) != len(X) or X.shape[1:] != self.image_shape:
                expected = " or ".join(f"{size:,}" for size in sizes)
                raise ValueError(
                    f"{self.title} in {found_in}: expected {expected} {part} images of shape"
                    f" {self.image_shape}, got {len(X):,} of shape {X.shape[1:]} with"
                    f" {len(y):,} labels. Download it again from {self.source}."
                )
            found = np.unique(y)
            if not np.array_equal(found, np.arange(self.n_classes)):
                raise ValueError(
                    f"{self.title} in {found_in}: expected the classes 0 to"
                    f" {self.n_classes - 1} among the {part} labels, got {found.tolist()!r:.80}."
                    f" Download it again from {self.source}."
                )
        return X_train, y_train, X_test, y_test

    def _find(self, folder: Path) -> Path:
        places = [folder]
        if folder.is_dir():
            places += sorted(path for path in folder.iterdir() if path.is_dir())
        for place in places:
            if all((place / name).exists() for name in self.files):
                return place
        raise FileNotFoundError(
            f"{self.title} is not in {folder}: it needs {', '.join(self.files)}, there or in a"
            f" subfolder. Get it from {self.source} and unpack it."
        )


def read_cifar(folder: Path, data: ImageData) -> Arrays:
    """Read CIFAR's binary version: records of label bytes and 3,072 bytes of an image."""
    # CIFAR-100 has a coarse label before the fine one, which is used.
    n_labels = 2 if data.n_classes == 100 else 1
    parts = [_read_records(folder / name, n_labels, data.image_shape) for name in data.files]
    X, y = (np.concatenate(arrays) for arrays in zip(*parts[:-1], strict=True))
    return X, y, *parts[-1]


def _read_records(
    path: Path, n_labels: int, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    raw = np.fromfile(path, dtype=np.uint8)
    length = n_labels + int(np.prod(shape))
    if len(raw) == 0 or len(raw) % length:
        raise ValueError(
            f"{path} has {len(raw):,} bytes, not a multiple of {length:,}: it is damaged, or not"
            " of the binary version. Download it again."
        )
    records = raw.reshape(-1, length)
    return records[:, n_labels:].reshape(-1, *shape), records[:, n_labels - 1].astype(np.int64)


def read_svhn(folder: Path, data: ImageData) -> Arrays:
    """Read SVHN's cropped digits: MATLAB files of images (32, 32, 3, n) and labels 1 to 10."""
    parts: list[np.ndarray] = []
    for name in data.files:
        try:
            content = loadmat(folder / name, variable_names=["X", "y"])
            X, y = content["X"], content["y"].ravel().astype(np.int64)
        except (MatReadError, ValueError, KeyError, TypeError, NotImplementedError) as exc:
            raise ValueError(
                f"{folder / name} is not a MATLAB file of SVHN: {exc!r}. Download it again from"
                f" {data.source}."
            ) from exc
        if X.ndim != 4:
            raise ValueError(f"{folder / name} must hold images (32, 32, 3, n); got {X.shape}.")
        # The digit 0 is labelled 10.
        parts += [np.ascontiguousarray(X.transpose(3, 2, 0, 1)), y % 10]
    return cast(Arrays, tuple(parts))


def read_medmnist(folder: Path, data: ImageData) -> Arrays:
    """Read MedMNIST's ``.npz`` file: images (n, 28, 28) or (n, 28, 28, 3), labels (n, 1)."""
    keys = ("train_images", "train_labels", "test_images", "test_labels")
    arrays = read_npz(folder / data.files[0], keys)
    parts: list[np.ndarray] = []
    for key in keys:
        array = arrays[key]
        if key.endswith("labels"):
            parts.append(array.reshape(-1).astype(np.int64))
        else:
            array = array[:, None] if array.ndim == 3 else np.moveaxis(array, -1, 1)
            parts.append(np.ascontiguousarray(array))
    return cast(Arrays, tuple(parts))


def read_tiny_imagenet(folder: Path, data: ImageData) -> Arrays:
    """Read Tiny ImageNet's folders of JPEG files; the validation set is the test set."""
    names = (folder / "wnids.txt").read_text(encoding="utf-8").split()
    code = {name: i for i, name in enumerate(sorted(names))}
    train = [
        (path, label)
        for name, label in code.items()
        for path in sorted((folder / "train" / name / "images").glob("*.JPEG"))
    ]
    lines = (folder / "val" / "val_annotations.txt").read_text(encoding="utf-8").splitlines()
    test = []
    for line in lines:
        name, label, *_ = [*line.split("\t"), "", ""]
        if label not in code:
            raise ValueError(f"{folder / 'val' / 'val_annotations.txt'}: unknown class {label!r}.")
        test.append((folder / "val" / "images" / name, code[label]))
    arrays: list[np.ndarray] = []
    for part in (train, test):
        images = np.empty((len(part), *data.image_shape), dtype=np.uint8)
        for i, (path, _) in enumerate(part):
            images[i] = _read_jpeg(path, data.image_shape)
        arrays += [images, np.array([label for _, label in part], dtype=np.int64)]
    return cast(Arrays, tuple(arrays))


def _read_jpeg(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError as exc:
        raise ImportError("Images need Pillow: pip install 'skautoal[data]'.") from exc
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))  # a few images are greyscale
    except OSError as exc:
        raise ValueError(f"{path} is not an image: {exc}.") from exc
    if pixels.shape != (shape[1], shape[2], 3):
        raise ValueError(f"{path} has shape {pixels.shape}; expected {shape[1:]} pixels.")
    return pixels.transpose(2, 0, 1)
