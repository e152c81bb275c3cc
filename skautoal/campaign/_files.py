"""A campaign on disk: what it is, said once, and the steps since, in a journal."""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import sklearn
import skorch
import torch

from .._fingerprint import describe
from .._version import __version__
from ..exceptions import CampaignFileError, SkautoalWarning
from ._cold_start import check_cold_start
from ._journal import Journal, read_journal
from ._pool import differences, fingerprint
from ._state import CampaignState

_FORMAT = 1


class CampaignFiles:
    """The journal of a campaign with the header that says what it is about.

    Parameters
    ----------
    journal : Journal
        Open.
    header : dict
        Its first line, checked.
    last_change : int
        Step from which on the sampler is configured as it is now.

    """

    def __init__(self, journal: Journal, header: dict, last_change: int = 0):
        self._journal = journal
        self.seed: int = header["seed"]
        self.cold_start: str = header["cold_start"]
        self.last_change = last_change

    @classmethod
    def create(
        cls, folder: Path, sampler, X, features, cold_start: str, seed: int
    ) -> CampaignFiles:
        """Start a campaign in a folder that holds none."""
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
    def open(cls, folder: Path, sampler, X, features) -> tuple[CampaignFiles, CampaignState]:
        """Open a campaign, check that it is about ``X``, and add up its steps."""
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
        """Point out, and write down, that the sampler is configured otherwise than before."""
        lines = differences(reader.sampler, now, "sampler")
        if not lines:
            return
        warnings.warn(
            "The sampler is not the one this campaign was asked with so far; it goes on with"
            f" the new one. {'; '.join(lines[:10])}",
            SkautoalWarning,
            stacklevel=5,
        )
        step = {"kind": "sampler", "sampler": now, "time": time_of_day()}
        self.last_change = reader.state.n_steps
        self.write(step)
        reader.state.apply(step)

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._journal.folder

    def write(self, step: dict) -> None:
        """Write a step; when this returns it is safe."""
        self._journal.append(step)

    def steps(self) -> Iterator[dict]:
        """All steps so far, from the file."""
        records = self._journal.records()
        next(records)
        return records

    def check_usable(self, n_steps: int) -> None:
        """Refuse a closed campaign, and one that was interrupted while it took a step."""
        self._journal.check_usable()
        if self._journal.n_lines != n_steps + 1:
            raise CampaignFileError(
                "An interrupt came while a step was taken, which is in the journal but not in"
                " this object. Nothing is lost; load the campaign again."
            )

    def close(self) -> None:
        """Let others open it."""
        self._journal.close()


class CampaignReader:
    """Takes the records of a journal one by one: the header, then steps.

    Parameters
    ----------
    folder : Path
        For messages.

    Attributes
    ----------
    header : dict
        The first record.
    state : CampaignState
        The sum of the others.
    sampler : dict
        Description of the sampler in force at the end.
    last_change : int
        Number of the step that brought it, 0 for that of the header.

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
                f" journal makes no sense ({what})."
            ) from exc
        if record["kind"] == "sampler":
            self.sampler, self.last_change = record["sampler"], self.state.n_steps - 1

    def _begin(self, header: dict) -> None:
        if header["format"] != _FORMAT:
            raise ValueError(f"format {header['format']!r:.40}; this version reads {_FORMAT}")
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
    """Now, in UTC, as journals write it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def read_campaign(folder: Path) -> CampaignReader:
    """Header and state of a campaign, without its pool, a lock, or a change to any file."""
    reader = CampaignReader(folder)
    read_journal(folder, reader)
    return reader


def _check_pool(then: dict | None, now: dict | None, name: str) -> None:
    lines = differences(then, now, name)
    if lines:
        raise CampaignFileError(
            f"'{name}' is not that of this campaign: its indices would mean other samples."
            f" {'; '.join(lines[:5])}. Give what the campaign was started with."
        )


def _as_json(sampler) -> dict:
    """Description of a sampler as a file gives it back."""
    text = json.dumps(describe(sampler))
    return json.loads(text, parse_constant=str)  # a parameter may be infinite


def _software() -> dict[str, str]:
    modules = (torch, skorch, sklearn, np)
    versions = {module.__name__: str(module.__version__) for module in modules}
    return {"python": platform.python_version(), "skautoal": __version__, **versions}
