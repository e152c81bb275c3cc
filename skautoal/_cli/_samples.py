"""Samples from files: tables (CSV, Parquet) and NumPy arrays (npz, npy), told apart by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ._arrays import check_content, read_npy, read_npz
from ._tables import CsvTable, ParquetTable, Table

_TABLES = (".csv", ".parquet")


@dataclass(frozen=True)
class Labeled:
    """Labelled samples of a file.

    Attributes
    ----------
    path : Path
        The file.
    X, y : ndarray of shape (l, ...), ndarray of shape (l,)
        Samples and labels.
    columns : list of str or None
        Columns of ``X``; None for arrays, whose columns have no names.
    label_column : str or None
        Column of ``y``.

    """

    path: Path
    X: np.ndarray
    y: np.ndarray
    columns: list[str] | None = None
    label_column: str | None = None


@dataclass(frozen=True)
class Pool:
    """Unlabelled samples of a file.

    Attributes
    ----------
    path : Path
        The file.
    X : ndarray of shape (n, ...)
        Samples, columns in the order of the labelled ones.
    table : Table or None
        The file as a table, to take whole rows from; None for arrays.
    notes : list of str
        What the user should know about how the file was read.

    """

    path: Path
    X: np.ndarray
    table: Table | None = None
    notes: list[str] = field(default_factory=list)


def read_labeled(path: Path, label_column: str | None) -> Labeled:
    """Read labelled samples; every column but that of the labels is a feature.

    Parameters
    ----------
    path : Path
        A table, or an ``.npz`` file with the arrays ``X`` and ``y``.
    label_column : str or None
        Column of the labels, for tables.

    Returns
    -------
    labeled : Labeled

    """
    _check_file(path, "--labeled", (*_TABLES, ".npz"))
    if path.suffix.lower() == ".npz":
        if label_column is not None:
            raise ValueError(
                f"--label-column is for tables; the labels of {path} are its array y. Leave"
                " the option out."
            )
        arrays = read_npz(path, ("X", "y"))
        X, y = arrays["X"], arrays["y"]
        _check_samples(X, f"the array X of {path}")
        if y.ndim != 1 or len(y) != len(X):
            raise ValueError(
                f"{path}: y must hold one label for each of the {len(X)} samples of X; its"
                f" shape is {y.shape}."
            )
        return Labeled(path, X, y)
    table = _open(path)
    if label_column is None or label_column not in table.names:
        asked = "is needed" if label_column is None else f"{label_column!r} is no column of {path}"
        raise ValueError(f"--label-column {asked}. Name one of {_listed(table.names)}.")
    columns = [name for name in table.names if name != label_column]
    if not columns or not all(columns):
        raise ValueError(
            f"{path} must have columns besides the labels, each with a name; it has"
            f" {_listed(table.names)}. pandas writes its index as a column without a name:"
            " use to_csv(..., index=False)."
        )
    X = table.numbers(columns)
    _check_complete(X, path, columns)
    return Labeled(path, X, table.labels(label_column), columns, label_column)


def read_pool(path: Path, labeled: Labeled) -> Pool:
    """Read unlabelled samples; columns are those of the labelled ones, found by name.

    Parameters
    ----------
    path : Path
        A table if the labelled samples are one, else an ``.npy`` file, or an ``.npz``
        file with the array ``X``.
    labeled : Labeled
        The labelled samples.

    Returns
    -------
    pool : Pool

    """
    _check_file(path, "--pool", (*_TABLES, ".npy", ".npz"))
    is_table = path.suffix.lower() in _TABLES
    if is_table != (labeled.columns is not None):
        a, b = ("a table", "arrays") if is_table else ("arrays", "a table")
        raise ValueError(
            f"{path} holds {a} and {labeled.path} {b}, so columns cannot be matched. Give two"
            " tables (.csv, .parquet) or two files of arrays (.npz, .npy)."
        )
    if labeled.columns is None:
        return _read_array_pool(path, labeled)
    table = _open(path)
    missing = [name for name in labeled.columns if name not in table.names]
    if missing:
        raise ValueError(
            f"{path} lacks the columns {_listed(missing)} of {labeled.path}. Add them, or"
            " leave them out of both files."
        )
    X = table.numbers(labeled.columns)
    _check_complete(X, path, labeled.columns)
    notes = []
    if labeled.label_column in table.names:
        notes.append(f"Column {labeled.label_column!r} of {path} is ignored: it is the label.")
    extra = [name for name in table.names if name not in (*labeled.columns, labeled.label_column)]
    if extra:
        notes.append(f"Not used, since {labeled.path} lacks them: {_listed(extra)} of {path}.")
    return Pool(path, X, table, notes)


def _read_array_pool(path: Path, labeled: Labeled) -> Pool:
    X = read_npy(path) if path.suffix.lower() == ".npy" else read_npz(path, ("X",))["X"]
    _check_samples(X, str(path))
    if X.shape[1:] != labeled.X.shape[1:]:
        raise ValueError(
            f"The samples of {labeled.path} have shape {labeled.X.shape[1:]}, those of {path}"
            f" {X.shape[1:]}. Give samples of the same shape."
        )
    return Pool(path, X)


def _open(path: Path) -> Table:
    check_content(path)
    return CsvTable(path) if path.suffix.lower() == ".csv" else ParquetTable(path)


def _check_file(path: Path, option: str, endings: tuple[str, ...]) -> None:
    known = f"{', '.join(endings[:-1])} or {endings[-1]}"
    if path.is_dir():
        raise IsADirectoryError(f"{option} must be a file ({known}); {path} is a folder.")
    if not path.exists():
        raise FileNotFoundError(f"{option}: there is no file {path}.")
    if path.suffix.lower() == ".npy" and ".npy" not in endings:
        raise ValueError(
            f"{option}: an .npy file has no place for labels; {path} must be {known}. Make an"
            " .npz file with numpy.savez(path, X=X, y=y)."
        )
    if path.suffix.lower() not in endings:
        raise ValueError(f"{option} must be a file that ends in {known}; got {path}.")


def _check_samples(X: np.ndarray, what: str) -> None:
    if X.dtype.kind not in "fiub":
        raise TypeError(
            f"{what[0].upper()}{what[1:]} must hold numbers; its dtype is {X.dtype}. Convert"
            " it, for example with X.astype(float)."
        )
    if X.ndim not in (2, 3, 4) or len(X) == 0:
        raise ValueError(
            f"{what[0].upper()}{what[1:]} must hold at least one sample in 2 to 4 dimensions,"
            f" samples first; its shape is {X.shape}."
        )
    finite = np.isfinite(X).reshape(len(X), -1).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"{what[0].upper()}{what[1:]} holds NaN or infinity in {np.sum(~finite)} samples,"
            f" the first is sample {np.argmin(finite)} (they count from 0). Fill in or leave"
            " out."
        )


def _check_complete(X: np.ndarray, path: Path, columns: list[str]) -> None:
    if len(X) == 0:
        raise ValueError(f"{path} has a header, but no rows.")
    finite = np.isfinite(X)
    bad = [
        f"column {name!r} ({np.sum(~column)} rows, the first is row {np.argmin(column)})"
        for name, column in zip(columns, finite.T, strict=True)
        if not column.all()
    ]
    if bad:
        raise ValueError(
            f"Values are missing or infinite in {path}: {', '.join(bad)}; rows count from 0."
            " Fill them in, or leave the rows out."
        )


def _listed(names: list[str], most: int = 20) -> str:
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
