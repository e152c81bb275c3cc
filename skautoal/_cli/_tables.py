"""Tables of samples, CSV and Parquet: columns by name, numbers, labels, single rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

#: Texts that stand for numbers; several programs write missing ones in these ways.
_WORDS = dict.fromkeys(("", "na", "n/a", "#n/a", "<na>", "null", "none"), np.nan)
_WORDS |= {"true": 1.0, "false": 0.0}
_CHUNK = 10_000  # rows of text in memory at a time


class CsvTable:
    """A CSV file whose first line names the columns.

    Parameters
    ----------
    path : Path
        File in UTF-8, values separated by commas.

    """

    def __init__(self, path: Path):
        self.path = path
        self.names: list[str] = next(self._lines(), [])
        if not self.names:
            raise ValueError(f"{path} is empty. The first line must name the columns.")
        if len(self.names) == 1 and any(mark in self.names[0] for mark in ";\t"):
            raise ValueError(
                f"{path} has a single column, {self.names[0]!r}. Separate values by commas."
            )
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"{path} has several columns named {twice}. Rename them.")

    def numbers(self, columns: Sequence[str]) -> np.ndarray:
        """Return columns as numbers, float64 of shape (n, len(columns)); NaN where missing."""
        places = [self.names.index(name) for name in columns]
        parts, n_read = [np.empty((0, len(places)))], 0
        for rows in self._chunks():
            part, wrong = np.empty((len(rows), len(places))), {}
            for number, place in enumerate(places):
                texts = [row[place] for row in rows]
                part[:, number], bad = _as_numbers(texts)
                if bad is not None:
                    wrong[columns[number]] = (n_read + bad, texts[bad])
            if wrong:
                raise _not_numbers(self.path, wrong)
            parts.append(part)
            n_read += len(rows)
        return np.concatenate(parts)

    def labels(self, column: str) -> np.ndarray:
        """Return a column of labels: integers if all are, else text."""
        place = self.names.index(column)
        texts = [row[place] for rows in self._chunks() for row in rows]
        _check_labels_present(self.path, column, [text == "" for text in texts])
        whole = _as_integers(texts)
        return np.array(texts, dtype=str) if whole is None else np.array(whole)

    def take(self, rows: np.ndarray) -> dict[str, list]:
        """Return all columns of some rows, as text, in the order of ``rows``."""
        wanted = set(rows.tolist())
        found = {
            number: row
            for number, row in enumerate(row for chunk in self._chunks() for row in chunk)
            if number in wanted
        }
        columns = zip(*(found[row] for row in rows.tolist()), strict=True)
        return {name: list(texts) for name, texts in zip(self.names, columns, strict=True)}

    def _chunks(self) -> Iterator[list[list[str]]]:
        lines = islice(self._lines(), 1, None)
        n_read = 0
        while rows := list(islice(lines, _CHUNK)):
            for number, row in enumerate(rows):
                if len(row) != len(self.names):
                    raise ValueError(
                        f"{self.path}: row {n_read + number} has {len(row)} values, the header"
                        f" names {len(self.names)} columns."
                    )
            yield rows
            n_read += len(rows)

    def _lines(self) -> Iterator[list[str]]:
        """Yield the values of each line, the header first; blank lines are left out."""
        limit = csv.field_size_limit(2**31 - 1)  # a column may hold whole documents
        try:
            with open(self.path, newline="", encoding="utf-8-sig") as file:
                yield from filter(None, csv.reader(file, strict=True))
        except UnicodeDecodeError as exc:
            raise ValueError(f"{self.path} is not text in UTF-8 ({exc}). Save it as such.") from exc
        except csv.Error as exc:
            raise ValueError(f"{self.path} cannot be read as CSV: {exc}.") from exc
        finally:
            csv.field_size_limit(limit)


class ParquetTable:
    """A Parquet file; needs pyarrow (the extra ``data``).

    Parameters
    ----------
    path : Path
        The file.

    """

    def __init__(self, path: Path):
        self.path = path
        self._parquet = import_parquet(path)
        # An index that pandas wrote is no column of the data.
        self.names = [
            name for name in self._read(None).column_names if not name.startswith("__index_level_")
        ]

    def numbers(self, columns: Sequence[str]) -> np.ndarray:
        """Return columns as numbers, float64 of shape (n, len(columns)); NaN where missing."""
        import pyarrow as pa

        table = self._read(columns)
        values, wrong = np.empty((table.num_rows, len(columns))), {}
        for number, name in enumerate(columns):
            column = table.column(name)
            try:
                if pa.types.is_string(column.type) or pa.types.is_temporal(column.type):
                    raise pa.ArrowInvalid  # arrow would parse texts and count days
                numbers = column.cast(pa.float64(), safe=False)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                wrong[name] = next(
                    ((row, value) for row, value in enumerate(column.to_pylist()) if value), (0, "")
                )
            else:
                values[:, number] = numbers.to_numpy()
        if wrong:
            raise _not_numbers(self.path, wrong)
        return values

    def labels(self, column: str) -> np.ndarray:
        """Return a column of labels: integers and booleans as such, else text."""
        values = self._read([column]).column(column).to_pylist()
        _check_labels_present(
            self.path, column, [value is None or value != value for value in values]
        )
        labels = np.array(values)
        return labels if labels.dtype.kind in "iubU" else np.array([str(v) for v in values])

    def take(self, rows: np.ndarray) -> dict[str, list]:
        """Return all columns of some rows, in the order of ``rows``."""
        return self._read(self.names).take(rows).to_pydict()

    def _read(self, columns: Sequence[str] | None) -> Any:
        """Read some columns; None for an empty table that has them all."""
        import pyarrow as pa

        try:
            if columns is None:
                return self._parquet.read_schema(self.path).empty_table()
            return self._parquet.read_table(self.path, columns=list(columns))
        except pa.ArrowException as exc:
            raise ValueError(f"{self.path} cannot be read as a Parquet file: {exc}") from exc


Table = CsvTable | ParquetTable


def import_parquet(path: Path) -> Any:
    """Return ``pyarrow.parquet``, or say what to install."""
    try:
        import pyarrow.parquet
    except ImportError as exc:
        raise ImportError(
            f"{path}: Parquet files need pyarrow: pip install 'skautoal[data]'. CSV files need"
            " nothing."
        ) from exc
    return pyarrow.parquet


def _as_numbers(texts: list[str]) -> tuple[np.ndarray, int | None]:
    """Return numbers, NaN where missing, and the place of the first text that is none."""
    try:
        return np.array(texts, dtype=np.float64), None
    except ValueError:
        pass
    numbers, wrong = np.full(len(texts), np.nan), None
    for place, text in enumerate(texts):
        word = text.strip().lower()
        try:
            numbers[place] = _WORDS[word] if word in _WORDS else float(word)
        except ValueError:
            wrong = place if wrong is None else wrong
    return numbers, wrong


def _as_integers(texts: list[str]) -> list[int] | None:
    """Return integers, or None if a text is no integer as Python would write it."""
    if not all(text.lstrip("-").isdecimal() for text in texts):
        return None
    whole = [int(text) for text in texts]
    same = all(str(number) == text for number, text in zip(whole, texts, strict=True))
    return whole if same and all(abs(number) < 2**63 for number in whole) else None


def as_typed(texts: list[str]) -> list:
    """Return booleans, integers or floats if all texts stand for such; else the texts."""
    if {*texts} <= {"True", "False"}:
        return [text == "True" for text in texts]
    whole = _as_integers(texts)
    # "007" is a name that happens to be made of digits.
    if whole is not None or any(re.match(r"-?0\d", text) for text in texts):
        return texts if whole is None else whole
    try:
        return [float(text) for text in texts]
    except ValueError:
        return texts


def _not_numbers(path: Path, wrong: dict[str, tuple[int, Any]]) -> ValueError:
    """Return the error for columns that hold other things, with an example of each."""
    columns = ", ".join(
        f"column {name!r} ({value!r:.60} in row {row})" for name, (row, value) in wrong.items()
    )
    return ValueError(
        f"Not all values in {path} are numbers: {columns}; rows count from 0. Leave such a"
        " column out of the labelled file (columns that only the pool has are not used), or"
        " turn it into numbers in both files, for example with pandas.get_dummies."
    )


def _check_labels_present(path: Path, column: str, missing: list[bool]) -> None:
    if any(missing):
        raise ValueError(
            f"{path}: {sum(missing)} rows have no label in column {column!r}, the first is row"
            f" {missing.index(True)} (rows count from 0). Move them to the pool."
        )
