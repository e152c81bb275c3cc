"""A folder of finished runs: one JSON file per run, written completely or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import warnings
from collections import Counter
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from itertools import pairwise
from math import isfinite, isnan
from pathlib import Path
from typing import Any, NoReturn

from ..._utils._files import write_whole
from ..._utils._fingerprint import key_of
from ..._version import __version__
from ...exceptions import SkautoalWarning
from ._result import METRICS, SECONDS, Round, SimulationResult
from ._words import counted

_FORMAT = "skautoal-run-2"

#: Distributions that the numbers of a run depend on, besides skautoal itself.
_DEPENDENCIES = ("torch", "skorch", "scikit-learn", "scipy", "numpy", "joblib")

_MAX_BYTES = 2**26  # JSON grows in memory; a run of a thousand rounds has less than 2^20


def folder_of_runs(folder: str | os.PathLike[str]) -> Path:
    """Return a folder for runs, made if it does not exist.

    Raises
    ------
    NotADirectoryError
        If it is a file.

    """
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"'out' must be a folder; {str(folder)!r} is a file.")
    path.mkdir(parents=True, exist_ok=True)
    return path


class RunStore:
    """Finished runs in a folder, each in a file named after the key of its configuration.

    A file gets its name only when it is complete, so that a killed process leaves no
    incomplete run behind. Files are read as JSON: nothing is unpickled.

    Parameters
    ----------
    folder : path-like
        The folder. It is made if it does not exist.

    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = folder_of_runs(folder)
        self._differences: Counter[str] = Counter()

    def get(self, config: dict[str, Any]) -> SimulationResult | None:
        """Return the run of a configuration, or None if there is none."""
        path = self._path(key_of(config))
        if not path.exists():
            return None
        try:
            return self._read(path)
        except _UnusableFile as exc:
            aside = _free_name(path)
            os.replace(path, aside)
            warnings.warn(
                f"{path} {exc}; the run is repeated, and the file is kept as {aside.name}.",
                SkautoalWarning,
                stacklevel=2,
            )
            return None

    def put(self, config: dict[str, Any], result: SimulationResult) -> None:
        """Write a finished run."""
        record = asdict(result)
        record |= {"format": _FORMAT, "config": config, "software": software()}
        # JSON has no NaN. Times are unknown in runs that trained their nets together.
        record |= {column: _without_nan(record[column]) for column in SECONDS}
        text = json.dumps(record, allow_nan=False)
        write_whole(self._path(key_of(config)), text)

    def load(self) -> list[SimulationResult]:
        """Return all runs of the folder, in a fixed order; skip other files with a warning."""
        results = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                results.append(self._read(path))
            except _UnusableFile as exc:
                warnings.warn(f"{path} {exc}; it is skipped.", SkautoalWarning, stacklevel=2)
        self.warn_of_differences()
        return sorted(results, key=_place)

    def warn_of_differences(self) -> None:
        """Warn about the runs read so far that other versions of the software computed."""
        for difference, count in self._differences.items():
            warnings.warn(
                f"{counted(count, 'run')} in {self.folder} used {difference}. Runs made now may"
                " give other numbers. To repeat the old ones, delete them or use another folder.",
                SkautoalWarning,
                stacklevel=3,
            )
        self._differences.clear()

    def _read(self, path: Path) -> SimulationResult:
        result, now = _read(path), software()
        then = result.software or {}
        different = [
            f"{name} {then.get(name)} (now {version})"
            for name, version in now.items()
            if then.get(name) != version
        ]
        if different:
            self._differences[", ".join(different)] += 1
        return result

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


class _UnusableFile(Exception):
    """A file that is not a complete run; the message continues a sentence about it."""


def _read(path: Path) -> SimulationResult:
    """Read and check one file."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES} bytes")
        record = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (ValueError, OSError, RecursionError) as exc:
        raise _UnusableFile(f"is not readable JSON ({exc})") from exc
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise _UnusableFile("is not a run of skautoal")
    try:
        columns = ("method", "task", "budget", "seed", "config", "software", *SECONDS)
        rounds = [Round(**row) for row in record["rounds"]]
        result = SimulationResult(**{name: record[name] for name in columns}, rounds=rounds)
        _check_types(result)
        for column in SECONDS:
            known = [float("nan") if value is None else value for value in getattr(result, column)]
            setattr(result, column, known)
        key = key_of(result.config)
    except (KeyError, TypeError, ValueError, RecursionError) as exc:
        raise _UnusableFile(f"is not a complete run of skautoal ({exc!r:.300})") from exc
    if key != path.stem:
        raise _UnusableFile("was renamed or edited: its name does not match its content")
    lengths = {len(result.rounds), *(len(getattr(result, column)) for column in SECONDS)}
    if len(lengths) != 1:
        raise _UnusableFile("is not a complete run of skautoal (columns differ in length)")
    return result


def _without_nan(values: list[float]) -> list[float | None]:
    return [None if isnan(value) else value for value in values]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it contains {name}")


def _check_types(result: SimulationResult) -> None:
    """Raise an error unless all values have the types that tables and plots rely on."""
    names = (result.method, result.task, result.budget)
    software = result.software
    rows = [(asdict(row), row.strategy_weights or {}) for row in result.rounds]
    seconds = [second for column in SECONDS for second in getattr(result, column)]
    fine = (
        all(isinstance(name, str) for name in names)
        and isinstance(result.config, dict)
        and isinstance(software, dict)
        and all(isinstance(version, str) for version in software.values())
        and (result.seed is None or _is_integer(result.seed))
        and all(second is None or _is_number(second) for second in seconds)
        and all(_is_number(row[metric]) for row, _ in rows for metric in METRICS)
        and all(_is_integer(row["n_labeled"]) for row, _ in rows)
        and all(
            isinstance(row[column], list) and all(map(_is_integer, row[column]))
            for row, _ in rows
            for column in ("picked", "class_histogram")
        )
        and all(isinstance(w, dict) and all(map(_is_number, w.values())) for _, w in rows)
    )
    if not fine:
        raise TypeError("a value has the wrong type")
    sizes = [row["n_labeled"] for row, _ in rows]
    if not sizes or any(b <= a for a, b in pairwise(sizes)):
        raise ValueError("the number of labels does not grow")


def _is_integer(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_number(value: object) -> bool:
    return _is_integer(value) or (type(value) is float and isfinite(value))


@cache
def software() -> dict[str, str]:
    """Return the versions of everything that the numbers of a run depend on."""
    installed = {name: version(name) for name in _DEPENDENCIES}
    return {
        "python": platform.python_version(),
        "skautoal": __version__,
        **installed,
        "source": _source_digest(),
    }


def _source_digest() -> str:
    """Hash the code of the package, which changes between releases of one version."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _place(run: SimulationResult) -> tuple[str, str, str, int]:
    return run.task, run.budget, run.method, -1 if run.seed is None else run.seed


def _free_name(path: Path) -> Path:
    """Return a name for a damaged file that does not exist yet."""
    number = 0
    while True:
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if not aside.exists():
            return aside
        number += 1
