"""The answer of a query as a file: rows alone (npy), or a table (CSV, Parquet)."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from .._utils._files import write_whole
from ._tables import CsvTable, Table, as_typed, import_parquet

#: Columns that are not the pool's.
_OWN = ("row", "place", "utility")


def check_format(path: Path) -> None:
    """Raise an error unless picks can be written as what the file is named."""
    if path.suffix.lower() not in (".csv", ".parquet", ".npy"):
        raise ValueError(f"--out must end in .csv, .parquet or .npy; got {path}.")
    if path.suffix.lower() == ".parquet":
        import_parquet(path)


def write_picks(path: Path, rows: np.ndarray, utilities: np.ndarray, table: Table | None) -> None:
    """Write the picks, best first.

    Parameters
    ----------
    path : Path
        File to write, ``.csv``, ``.parquet`` or ``.npy``.
    rows : ndarray of shape (b,), dtype int64
        Rows of the pool, counted from 0.
    utilities : ndarray of shape (b,)
        Their utilities.
    table : Table or None
        The pool, whose columns are added where there is room for them.

    """
    ending = path.suffix.lower()
    buffer = io.BytesIO()
    if ending == ".npy":
        np.save(buffer, rows)
        write_whole(path, buffer.getvalue())
        return
    # Through text: as a Python float, a float32 has digits that mean nothing.
    shown = [float(str(utility)) for utility in utilities]
    columns = dict(zip(_OWN, (rows.tolist(), range(1, len(rows) + 1), shown), strict=True))
    for name, values in ({} if table is None else table.take(rows)).items():
        typed = ending == ".parquet" and isinstance(table, CsvTable)
        columns[f"pool_{name}" if name in _OWN else name] = as_typed(values) if typed else values
    if ending == ".csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        write_whole(path, text.getvalue())
        return
    import pyarrow as pa

    import_parquet(path).write_table(pa.table({k: list(v) for k, v in columns.items()}), buffer)
    write_whole(path, buffer.getvalue())
