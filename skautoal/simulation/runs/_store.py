"""A folder of finished runs: one JSON file each, written whole or not at all."""

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
from math import isfinite
from pathlib import Path

from ..._utils._files import write_whole
from ..._utils._fingerprint import key_of
from ..._version import __version__
from ...exceptions import SkautoalWarning
from ._result import METRICS, SECONDS, Round, SimulationResult

_FORMAT = "skautoal-run-1"
#: Distributions that the numbers of a run depend on, besides skautoal itself.
_DEPENDENCIES = ("torch", "skorch", "scikit-learn", "scipy", "numpy", "joblib")

_MAX_BYTES = 2**26  # JSON grows in memory; a run of a thousand rounds has less than 2^20


class RunStore:
    """Finished runs in a folder, each in a file named by the key of its configuration.

    A file appears under its name only when it is complete, so a process killed at any
    moment leaves nothing half-written. Files are read as JSON: nothing is unpickled.

    Parameters
    ----------
    folder : path-like
        Made if it is not there.

    """

    def __init__(self, folder):
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(f"'out' must be a folder; {str(folder)!r} is a file.")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._differences: Counter[str] = Counter()

    def get(self, config: dict) -> SimulationResult | None:
        """The run of a configuration, or None if it is not there."""
        path = self._path(key_of(config))
        if not path.exists():
            return None
        try:
            return self._read(path)
        except _UnusableFile as exc:
            aside = _free_name(path)
            os.replace(path, aside)
            warnings.warn(
                f"{path} {exc}; the run is done again, the file is kept as {aside.name}.",
                SkautoalWarning,
                stacklevel=2,
            )
            return None

    def put(self, config: dict, result: SimulationResult) -> None:
        """Write a finished run."""
        record = asdict(result)
        record |= {"format": _FORMAT, "config": config, "software": software()}
        # NaN and infinity never come from a run that went well.
        text = json.dumps(record, allow_nan=False)
        write_whole(self._path(key_of(config)), text)

    def load(self) -> list[SimulationResult]:
        """All runs in the folder, in a fixed order; other files are left out with a warning."""
        results = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                results.append(self._read(path))
            except _UnusableFile as exc:
                warnings.warn(f"{path} {exc}; it is left out.", SkautoalWarning, stacklevel=2)
        self.warn_of_differences()
        return sorted(results, key=lambda r: (r.task, r.budget, r.method, r.seed))

    def warn_of_differences(self) -> None:
        """Warn once about runs that were read and had been computed by other software."""
        for difference, count in self._differences.items():
            warnings.warn(
                f"{count} runs in {self.folder} were computed with {difference}: their numbers"
                " may differ from those of runs now. Use another folder, or delete them, to"
                " have them done again.",
                SkautoalWarning,
                stacklevel=3,
            )
        self._differences.clear()

    def _read(self, path: Path) -> SimulationResult:
        result, then = _read(path)
        now = software()
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
    """A file that is not a complete run; the message goes after its name."""


def _read(path: Path) -> tuple[SimulationResult, dict[str, str]]:
    """A run and the software that computed it."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES} bytes")
        record = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (ValueError, OSError, RecursionError) as exc:
        raise _UnusableFile(f"is not readable JSON ({exc})") from exc
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise _UnusableFile("is not a run of skautoal")
    try:
        config = record["config"]
        names = {key: record[key] for key in ("method", "task", "budget", "seed", *SECONDS)}
        result = SimulationResult(**names, rounds=[Round(**row) for row in record["rounds"]])
        _check_types(result)
        then = dict(record["software"])
        key = key_of(config)
    except (KeyError, TypeError, ValueError, RecursionError) as exc:
        raise _UnusableFile(f"is not a complete run of skautoal ({exc!r:.300})") from exc
    if key != path.stem:
        raise _UnusableFile("was renamed or edited: its name is not that of its content")
    lengths = {len(result.rounds), *(len(getattr(result, column)) for column in SECONDS)}
    if len(lengths) != 1:
        raise _UnusableFile("is not a complete run of skautoal (columns differ in length)")
    return result, then


def _refuse_constant(name: str):
    raise ValueError(f"{name} is no result")


def _check_types(result: SimulationResult) -> None:
    """Refuse a run whose values are not what tables and plots take them for."""
    names = (result.method, result.task, result.budget)
    rows = [(asdict(row), row.strategy_weights or {}) for row in result.rounds]
    seconds = [second for column in SECONDS for second in getattr(result, column)]
    fine = (
        all(isinstance(name, str) for name in names)
        and (result.seed is None or _is_integer(result.seed))
        and all(map(_is_number, seconds))
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
        raise TypeError("a value is not of its column's type")
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
    """Hash the package's code: between two releases the version stays the same."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _free_name(path: Path) -> Path:
    """Name for a damaged file that is not taken."""
    number = 0
    while True:
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if not aside.exists():
            return aside
        number += 1
