"""Loading tasks: scikit-learn's digits and ``.npz`` files of the user."""

from __future__ import annotations

import os
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ._files import DATA_VARIABLE, data_folder, read_npz
from ._scaling import scale_images, scale_inputs
from ._task import Task

_KEYS = ("X_train", "y_train", "X_test", "y_test")


def load_digits_task() -> Task:
    """Load scikit-learn's digits: 8 x 8 pixels, 1,347 samples in the pool and 450 to test on.

    Returns
    -------
    task : Task

    """
    data = load_digits()
    images = data.images[:, None]
    X_train, X_test, y_train, y_test = train_test_split(
        images, data.target, test_size=450, stratify=data.target, random_state=0
    )
    # All pixels share one scale: some in the corners are almost never set, and a scale of
    # their own would blow up the few that are.
    X_train, X_test = (X.reshape(len(X), -1) for X in scale_images(X_train, X_test))
    return Task("digits", X_train, y_train, X_test, y_test)


def load_npz_task(path: str | os.PathLike[str], name: str | None = None) -> Task:
    """Load a task from a ``.npz`` file.

    Inputs are scaled with statistics of the pool: images by channel, other arrays by
    column. Images may have the shape (n, height, width), (n, height, width, channels) or
    (n, channels, height, width), with 1 or 3 channels.

    Parameters
    ----------
    path : path-like
        File with the arrays ``X_train``, ``y_train``, ``X_test`` and ``y_test``. Nothing
        in it is unpickled.
    name : str, optional
        Name of the task. By default it is the name of the file.

    Returns
    -------
    task : Task

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If an array is missing or cannot be used.

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


def load_task(name: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None) -> Task:
    """Load a task by name: ``"digits"``, a ``.npz`` file, or one in the data folder.

    Parameters
    ----------
    name : str or path-like
        ``"digits"``, the path of a ``.npz`` file, or the name of one in ``folder``.
    folder : path-like, optional
        Folder of ``.npz`` files. By default it is taken from the environment variable
        ``SKAUTOAL_DATA``.

    Returns
    -------
    task : Task

    Raises
    ------
    ValueError
        If there is no such task; the message lists those that exist.

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
    known_folder = data_folder(folder)
    if known_folder is None:
        raise ValueError(
            f"Unknown task {str(name)!r}. Give 'digits', the path of a .npz file, or set"
            f" {DATA_VARIABLE} to a folder that holds {name}.npz."
        )
    path = known_folder / f"{name}.npz"
    if not path.is_file():
        known = ", ".join(["digits", *list_tasks(known_folder)])
        raise ValueError(f"Unknown task {str(name)!r}. Known are {known} (folder {known_folder}).")
    return load_npz_task(path)


def list_tasks(folder: str | os.PathLike[str] | None = None) -> list[str]:
    """List the names of the ``.npz`` files in the data folder, sorted.

    Parameters
    ----------
    folder : path-like, optional
        The folder. By default it is taken from the environment variable
        ``SKAUTOAL_DATA``.

    Returns
    -------
    names : list of str

    """
    path = data_folder(folder)
    return [] if path is None else sorted(file.stem for file in path.glob("*.npz"))
