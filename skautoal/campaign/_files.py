"""Read and write the files of a campaign: a header with its settings, then its steps."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .._utils._fingerprint import describe
from .._utils._warnings import warn_caller
from .._version import __version__
from ..exceptions import CampaignFileError, SkautoalWarning
from ..samplers import BaseSampler
from ._cold_start import check_cold_start
from ._journal import Journal, read_journal
from ._pool import differences, fingerprint
from ._state import CampaignState

_FORMAT = 1


class CampaignFiles:
    """Journal of a campaign, whose first record is a header with the settings.

    Parameters
    ----------
    journal : Journal
        Open journal.
    header : dict
        First record of the journal, checked.
    last_change : int
        Number of the step since which the sampler has its current parameters.

    """

    def __init__(self, journal: Journal, header: dict, last_change: int = 0):
        self._journal = journal
        self.seed: int = header["seed"]
        self.cold_start: str = header["cold_start"]
        self.last_change = last_change

    @classmethod
    def create(
        cls, folder: Path, sampler: BaseSampler, X: Any, features: Any, cold_start: str, seed: int
    ) -> CampaignFiles:
        """Start a campaign in a folder that contains none."""
        header = {
            "format": _FORMAT,
            "seed": seed,
            "cold_start": cold_start,
            "pool": fingerprint(X),
            "features": None if features is None else fingerprint(features),
            "sampler": _as_json(sampler),
            "software": _software(),
        }
        return cls(Journal.create(folder, header), header)

    @classmethod
    def open(
        cls, folder: Path, sampler: BaseSampler, X: Any, features: Any
    ) -> tuple[CampaignFiles, CampaignState]:
        """Open a campaign, check that it belongs to ``X``, and apply its steps to a state."""
        reader = CampaignReader(folder)
        journal = Journal.open(folder, reader)
        try:
            header = reader.header
            _check_pool(header["pool"], fingerprint(X), "X")
            now = None if features is None else fingerprint(features)
            _check_pool(header["features"], now, "features")
            files = cls(journal, header, reader.last_change)
            files._compare_sampler(reader, _as_json(sampler))
        except BaseException:
            journal.close()
            raise
        return files, reader.state

    def _compare_sampler(self, reader: CampaignReader, now: dict) -> None:
        """Warn if the parameters of the sampler have changed, and record the change."""
        lines = differences(reader.sampler, now, "sampler")
        if not lines:
            return
        warn_caller(
            "The sampler differs from the one that this campaign has used so far. The campaign"
            f" continues with the new one. {'; '.join(lines[:10])}",
            SkautoalWarning,
        )
        step = {"kind": "sampler", "sampler": now, "time": time_of_day()}
        self.last_change = reader.state.n_steps
        self.write(step)
        reader.state.apply(step)

    @property
    def folder(self) -> Path:
        """Folder of the campaign."""
        return self._journal.folder

    def write(self, step: dict) -> None:
        """Append a step to the journal. It is on disk when this returns."""
        self._journal.append(step)

    def steps(self) -> Iterator[dict]:
        """Iterate over all steps so far, read from the file."""
        records = self._journal.records()
        next(records)  # the header
        return records

    def check_usable(self, n_steps: int) -> None:
        """Raise an error if the campaign is closed or a step was interrupted after it was saved."""
        self._journal.check_usable()
        if self._journal.n_lines != n_steps + 1:
            raise CampaignFileError(
                "The last step was interrupted: it is saved in the journal but missing in this"
                " object. Open the campaign again with LabelingCampaign.load."
            )

    def close(self) -> None:
        """Close the journal and release the lock."""
        self._journal.close()


class CampaignReader:
    """Collect the records of a journal one by one: the header, then the steps.

    Parameters
    ----------
    folder : Path
        Folder of the campaign, for error messages.

    Attributes
    ----------
    header : dict
        First record.
    state : CampaignState
        State after all steps read so far.
    sampler : dict
        Description of the last sampler recorded.
    last_change : int
        Number of the step that recorded it, 0 if it is the sampler of the header.

    """

    def __init__(self, folder: Path):
        self._folder = folder
        self.header: dict = {}
        self.last_change = 0

    def __call__(self, record: dict) -> None:
        try:
            if not self.header:
                self._begin(record)
                return
            self.state.apply(record)
        except (KeyError, ValueError, TypeError) as exc:
            number = self.state.n_steps + 2 if self.header else 1
            what = f"no {exc}" if isinstance(exc, KeyError) else exc
            raise CampaignFileError(
                f"The campaign in {str(self._folder)!r} cannot be read: line {number} of its"
                f" journal is invalid ({what}). Restore the folder from a backup."
            ) from exc
        if record["kind"] == "sampler":
            self.sampler, self.last_change = record["sampler"], self.state.n_steps - 1

    def _begin(self, header: dict) -> None:
        if header["format"] != _FORMAT:
            raise ValueError(
                f"'format' is {header['format']!r:.40}; this version reads {_FORMAT} only"
            )
        seed, n_pool = header["seed"], header["pool"]["n_samples"]
        if type(seed) is not int or not 0 <= seed < 2**32:
            raise ValueError(f"'seed' is {seed!r:.40}")
        if type(n_pool) is not int or n_pool < 1:
            raise ValueError(f"'n_samples' is {n_pool!r:.40}")
        for name, types in (
            ("sampler", dict),
            ("software", dict),
            ("features", (dict, type(None))),
        ):
            if not isinstance(header[name], types):
                raise TypeError(f"'{name}' is a {type(header[name]).__name__}")
        check_cold_start(header["cold_start"])
        self.state = CampaignState(n_pool)
        self.sampler = header["sampler"]
        self.header = header


def time_of_day() -> str:
    """Return the current time in UTC, in ISO format with seconds."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def read_campaign(folder: Path) -> CampaignReader:
    """Read the header and the state of a campaign, without its pool and without locking it."""
    reader = CampaignReader(folder)
    read_journal(folder, reader)
    return reader


def _check_pool(then: dict | None, now: dict | None, name: str) -> None:
    lines = differences(then, now, name)
    if lines:
        raise CampaignFileError(
            f"'{name}' differs from that of the campaign, whose indices would refer to other"
            f" samples: {'; '.join(lines[:5])}. Pass the {name} that the campaign was started"
            " with."
        )


def _as_json(sampler: BaseSampler) -> dict:
    """Describe a sampler by values that are the same after writing and reading JSON."""
    text = json.dumps(describe(sampler))
    return json.loads(text, parse_constant=str)  # infinity and NaN are not valid JSON


def _software() -> dict[str, str]:
    packages = {"torch": "torch", "skorch": "skorch", "sklearn": "scikit-learn", "numpy": "numpy"}
    versions = {name: version(package) for name, package in packages.items()}
    return {"python": platform.python_version(), "skautoal": __version__, **versions}
