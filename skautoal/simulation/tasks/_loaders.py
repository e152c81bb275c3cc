"""Tasks from scikit-learn's digits and from ``.npz`` files of the user."""

from __future__ import annotations

import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ._task import Task

#: Environment variable with the folder of the user's ``.npz`` files.
DATA_VARIABLE = "SKAUTOAL_DATA"

_KEYS = ("X_train", "y_train", "X_test", "y_test")


def load_digits_task() -> Task:
    """scikit-learn's digits, 8 x 8 pixels: a pool of 1,347 and 450 to test on.

    Returns
    -------
    task : Task

    """
    data = load_digits()
    images = data.images[:, None]
    X_train, X_test, y_train, y_test = train_test_split(
        images, data.target, test_size=450, stratify=data.target, random_state=0
    )
    # Pixels share one scale: some in the corners are almost never set.
    X_train, X_test = (X.reshape(len(X), -1) for X in scale_images(X_train, X_test))
    return Task("digits", X_train, y_train, X_test, y_test)


def load_npz_task(path, name: str | None = None) -> Task:
    """Task from a ``.npz`` file.

    Inputs are scaled with statistics of the pool: images by channel, other arrays by
    column. Images may be (n, height, width), (n, height, width, channels) or (n,
    channels, height, width), with 1 or 3 channels.

    Parameters
    ----------
    path : path-like
        File with the arrays ``X_train``, ``y_train``, ``X_test`` and ``y_test``; nothing
        in it is unpickled.
    name : str, optional
        Name of the task; that of the file by default.

    Returns
    -------
    task : Task

    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    arrays = read_npz(path, _KEYS)
    try:
        X_train, X_test = scale_inputs(arrays["X_train"], arrays["X_test"])
        return Task(name or path.stem, X_train, arrays["y_train"], X_test, arrays["y_test"])
    except (TypeError, ValueError) as exc:
        raise ValueError(f"{path}: {exc}") from exc


def load_task(name, folder=None) -> Task:
    """Task by name: ``"digits"``, a ``.npz`` file, or one in the folder of the user.

    Parameters
    ----------
    name : str or path-like
        ``"digits"``, path of a ``.npz`` file, or the name of one in ``folder``.
    folder : path-like, optional
        Folder of ``.npz`` files; that in the environment variable ``SKAUTOAL_DATA`` by
        default.

    Returns
    -------
    task : Task

    Examples
    --------
    >>> from skautoal.simulation import load_task
    >>> load_task("digits").n_classes
    10

    """
    if isinstance(name, str) and name == "digits":
        return load_digits_task()
    if Path(name).suffix == ".npz":
        return load_npz_task(name)
    folder = data_folder(folder)
    if folder is None:
        raise ValueError(
            f"Unknown task {str(name)!r}. Give 'digits', the path of a .npz file, or set"
            f" {DATA_VARIABLE} to a folder that holds {name}.npz."
        )
    path = folder / f"{name}.npz"
    if not path.is_file():
        known = ", ".join(["digits", *list_tasks(folder)])
        raise ValueError(f"Unknown task {str(name)!r}. Known are {known} (folder {folder}).")
    return load_npz_task(path)


def list_tasks(folder=None) -> list[str]:
    """Names of the ``.npz`` files in the folder of the user, sorted.

    Parameters
    ----------
    folder : path-like, optional
        The folder; that in the environment variable ``SKAUTOAL_DATA`` by default.

    Returns
    -------
    names : list of str

    """
    folder = data_folder(folder)
    return [] if folder is None else sorted(path.stem for path in folder.glob("*.npz"))


def data_folder(folder=None) -> Path | None:
    """The folder of the user's files: the argument, else the variable, else None."""
    folder = folder or os.environ.get(DATA_VARIABLE)
    if not folder:
        return None
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {str(folder)!r}. Give the folder with your data, or set"
            f" {DATA_VARIABLE} to it."
        )
    return folder


def read_npz(path: Path, keys) -> dict[str, np.ndarray]:
    """Arrays of a ``.npz`` file by key; a file that lacks one or is damaged is an error."""
    try:
        # Opened here: NumPy leaves it open if it turns out to be no zip file.
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            missing = [key for key in keys if key not in file]
            if missing:
                raise ValueError(
                    f"{path} has no array {missing}; it holds {sorted(file)}. Expected"
                    f" are {list(keys)}."
                )
            return {key: file[key] for key in keys}
    except (OSError, EOFError, ValueError, TypeError, AttributeError, BadZipFile) as exc:
        if str(path) in str(exc):
            raise
        raise ValueError(
            f"{path} cannot be read as a .npz file of plain arrays: {exc}. Save it with"
            " numpy.savez, without object arrays."
        ) from exc


def scale_images(X_train, X_test) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, channels, height, width) as float32, standardised by channel of the pool."""
    # Channel by channel: the moments of a whole pool of bytes would copy it as float64.
    channels = range(X_train.shape[1])
    mean = np.array([X_train[:, c].mean(dtype=np.float64) for c in channels])
    std = np.array([X_train[:, c].std(dtype=np.float64) for c in channels])
    std[std == 0] = 1.0
    mean, std = (m.astype(np.float32).reshape(1, -1, 1, 1) for m in (mean, std))
    return tuple((X.astype(np.float32) - mean) / std for X in (X_train, X_test))


def scale_inputs(X_train, X_test) -> tuple[np.ndarray, np.ndarray]:
    """Inputs as a net takes them, float32, scaled with statistics of the pool.

    Images (3 or 4 dimensions) come out as (n, channels, height, width), scaled by channel;
    other arrays are scaled by column.
    """
    for name, X in (("X_train", X_train), ("X_test", X_test)):
        if X.dtype.kind not in "fiub":
            raise TypeError(f"'{name}' must hold numbers; got dtype {X.dtype}.")
        if X.ndim not in (2, 3, 4) or X.shape[1:] != X_train.shape[1:] or len(X) == 0:
            raise ValueError(
                f"'{name}' must have samples of shape {X_train.shape[1:]}, in 2 to 4"
                f" dimensions; got {X.shape}."
            )
        if not np.isfinite(X).all():
            raise ValueError(f"'{name}' contains NaN or infinity. Impute or leave out.")
    if X_train.ndim > 2:
        return scale_images(_channels_first(X_train), _channels_first(X_test))
    mean = X_train.mean(axis=0, dtype=np.float64)
    std = X_train.std(axis=0, dtype=np.float64)
    std[std == 0] = 1.0
    return tuple(((X - mean) / std).astype(np.float32) for X in (X_train, X_test))


def _channels_first(X: np.ndarray) -> np.ndarray:
    if X.ndim == 3:
        return X[:, None]
    if X.shape[1] in (1, 3):
        return X
    if X.shape[3] in (1, 3):
        return np.ascontiguousarray(X.transpose(0, 3, 1, 2))
    raise ValueError(
        f"Images must have 1 or 3 channels, first or last; got samples of shape {X.shape[1:]}."
    )
