"""The journal of a campaign: one line a step, appended, checked, never rewritten.

A line is the SHA-256 of the line before it and of its own text, then the text, JSON. A
change anywhere breaks the chain from there on. ``head.json`` says how many lines were
acknowledged, so lines that went missing at the end are noticed too.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .._files import write_whole
from ..exceptions import CampaignFileError, SkautoalWarning
from ._lock import FolderLock

_JOURNAL, _HEAD, _LOCK = "journal.jsonl", "head.json", "lock"
_ROOT = hashlib.sha256(b"skautoal-campaign-1").hexdigest()
_HEAD_FORMAT = "skautoal-campaign-head-1"
_HEAD_BYTES = 1000
#: Bytes of a line. JSON grows in memory, so what a stranger's file says is bounded first.
MAX_LINE = 2**24


@dataclass
class _Tail:
    """Where the good part of a journal ends."""

    n_lines: int = 0
    digest: str = _ROOT
    size: int = 0
    file_size: int = 0


class Journal:
    """Append-only record of steps, open for writing in one process at a time.

    Parameters
    ----------
    folder : Path
        Where the files are.
    lock : FolderLock
        Held as long as the journal is open.
    tail : _Tail
        What has been read of it.

    """

    def __init__(self, folder: Path, lock: FolderLock, tail: _Tail):
        self.folder = folder
        self._lock, self._tail = lock, tail
        self._broken = ""
        self._file = open(folder / _JOURNAL, "r+b", buffering=0)

    @classmethod
    def create(cls, folder: Path, header: dict) -> Journal:
        """Start a journal with its first line; a kill at any moment leaves all or nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder / _LOCK)
        try:
            for name in (_JOURNAL, _HEAD):
                if (folder / name).exists():
                    raise FileExistsError(
                        f"'folder' {str(folder)!r} holds a campaign already ({name}). Go on with"
                        " LabelingCampaign.load, or choose another folder."
                    )
            line, digest = _line(header, _ROOT)
            write_whole(folder / _JOURNAL, line.decode())
            _write_head(folder, 1, digest)
            _sync_folder(folder)
            return cls(folder, lock, _Tail(1, digest, len(line), len(line)))
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, folder: Path, on_record: Callable[[dict], None]) -> Journal:
        """Lock and read a journal; every record goes to ``on_record``."""
        if not (folder / _JOURNAL).is_file():
            raise FileNotFoundError(
                f"There is no campaign in {str(folder)!r}: no file {_JOURNAL}. Start one with"
                " LabelingCampaign(folder, sampler, X)."
            )
        lock = FolderLock(folder / _LOCK)
        try:
            for leftover in folder.glob(f".{Path(_HEAD).stem}-*.tmp"):  # of a killed process
                leftover.unlink()
            return cls(folder, lock, read_journal(folder, on_record))
        except BaseException:
            lock.release()
            raise

    @property
    def n_lines(self) -> int:
        """Lines that are safely on disk."""
        return self._tail.n_lines

    def append(self, record: dict) -> None:
        """Add a line; when this returns, it survives a kill and a loss of power.

        Raises
        ------
        OSError
            If it could not be written, for want of space, say. The journal is as it was.
        CampaignFileError
            If somebody else changed the file.

        """
        self.check_usable()
        tail = self._tail
        line, digest = _line(record, tail.digest)
        if os.fstat(self._file.fileno()).st_size != tail.file_size:
            raise CampaignFileError(
                f"{self._path} was changed by something else while the campaign was open."
                " Nothing was written. Load the campaign again."
            )
        try:
            self._file.truncate(tail.size)  # a torn line that was found when reading
            self._file.seek(tail.size)
            _write_all(self._file, line)
            os.fsync(self._file.fileno())
            _write_head(self.folder, tail.n_lines + 1, digest)
        except BaseException as exc:
            self._undo(digest, len(line))
            if isinstance(exc, OSError):
                raise OSError(
                    exc.errno,
                    f"the step was not saved and the campaign is as it was ({exc.strerror})",
                    self._path,
                ) from exc
            raise
        self._advance(digest, len(line))

    def records(self) -> Iterator[dict]:
        """All records again, from the file."""
        self.check_usable()
        with open(self._path, "rb") as file:
            digest = _ROOT
            for number in range(self._tail.n_lines):
                record, digest = _parse(file.readline(MAX_LINE + 1), digest, number, self._path)
                yield record

    def close(self) -> None:
        """Release the file and the lock; harmless when done twice."""
        self._file.close()
        self._lock.release()

    @property
    def _path(self) -> str:
        return str(self.folder / _JOURNAL)

    def check_usable(self) -> None:
        if self._file.closed:
            raise ValueError("The campaign is closed. Load it again to go on.")
        self._lock.check_held()
        if self._broken:
            raise CampaignFileError(self._broken)

    def _advance(self, digest: str, size: int) -> None:
        end = self._tail.size + size
        self._tail = _Tail(self._tail.n_lines + 1, digest, end, end)

    def _undo(self, digest: str, size: int) -> None:
        """Take a line back that was not acknowledged."""
        try:
            head = _read_head(self.folder)
            if head is not None and head[1] == digest:
                # An interrupt came after the step was final: it stays.
                self._advance(digest, size)
                return
            self._file.truncate(self._tail.size)
            self._tail.file_size = self._tail.size
        except (OSError, CampaignFileError) as exc:
            self._broken = (
                f"{self._path} could not be brought back to its last good state ({exc})."
                " Load the campaign again once the disk works."
            )


def read_journal(folder: Path, on_record: Callable[[dict], None]) -> _Tail:
    """Read and verify a journal line by line; memory does not grow with its length.

    Raises
    ------
    CampaignFileError
        If an acknowledged line is missing or damaged.

    Warns
    -----
    SkautoalWarning
        If a step was cut off while it was being written (it was never acknowledged).

    """
    head = _read_head(folder)
    n_known = 0 if head is None else head[0]
    path = folder / _JOURNAL
    tail = _Tail(file_size=path.stat().st_size)
    with open(path, "rb") as file:
        while line := file.readline(MAX_LINE + 1):
            try:
                record, digest = _parse(line, tail.digest, tail.n_lines, path)
            except CampaignFileError:
                unfinished = not line.endswith(b"\n") or (head is not None and not file.read(1))
                if 0 < tail.n_lines >= n_known and unfinished and len(line) <= MAX_LINE:
                    break
                raise
            on_record(record)
            tail.n_lines, tail.digest = tail.n_lines + 1, digest
            tail.size += len(line)
            if head is not None and tail.n_lines == n_known and digest != head[1]:
                raise CampaignFileError(
                    f"{path} is not the file that {_HEAD} was written for. Restore both from"
                    " the same backup."
                )
    if tail.n_lines < max(n_known, 1):
        raise CampaignFileError(
            f"{path} ends after {tail.n_lines} lines, but {n_known} were acknowledged: it was"
            " cut off. Restore it from a backup; to go on with what is left, delete"
            f" {_HEAD}."
        )
    if head is None:
        _warn(
            f"{folder / _HEAD} is missing, so steps lost at the end of {_JOURNAL} cannot be"
            f" noticed; {tail.n_lines} lines were read."
        )
    if tail.size < tail.file_size:
        _warn(
            f"The last step in {path} was cut off while it was being written. It was never"
            " acknowledged and is left out."
        )
    return tail


def _warn(message: str) -> None:
    warnings.warn(message, SkautoalWarning, stacklevel=5)


def _line(record: dict, previous: str) -> tuple[bytes, str]:
    text = json.dumps(record, allow_nan=False, separators=(",", ":")).encode()
    digest = hashlib.sha256(previous.encode() + text).hexdigest()
    line = digest.encode() + b" " + text + b"\n"
    if len(line) > MAX_LINE:
        raise ValueError(
            f"A step of {len(line)} bytes is more than the {MAX_LINE} that a campaign writes at"
            " once. Ask or tell in smaller parts."
        )
    return line, digest


def _parse(line: bytes, previous: str, number: int, path) -> tuple[dict, str]:
    """Record of a line and its digest."""
    where = f"{path}, line {number + 1},"
    digest, text = line[:64], line[65:-1]
    if len(line) > MAX_LINE or line[64:65] != b" " or not line.endswith(b"\n"):
        raise CampaignFileError(f"{where} is not a line of a campaign, or was cut off.")
    expected = hashlib.sha256(previous.encode() + text).hexdigest()
    if digest != expected.encode():
        raise CampaignFileError(
            f"{where} is damaged: its checksum does not fit. Nothing was changed; restore the"
            " file from a backup, or cut it before that line."
        )
    try:
        record = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise CampaignFileError(f"{where} is not JSON ({exc!s:.100}).") from exc
    if not isinstance(record, dict):
        raise CampaignFileError(f"{where} is not a record of a campaign.")
    return record, expected


def _refuse_constant(name: str):
    raise ValueError(f"{name} is not a number")


def _write_all(file, data: bytes) -> None:
    view = memoryview(data)
    while view:  # a raw write may be partial
        view = view[file.write(view) :]


def _write_head(folder: Path, n_lines: int, digest: str) -> None:
    write_whole(folder / _HEAD, json.dumps([_HEAD_FORMAT, n_lines, digest]))


def _read_head(folder: Path) -> tuple[int, str] | None:
    """Number of acknowledged lines and digest of the last; None if there is no head."""
    path = folder / _HEAD
    if not path.exists():
        return None
    try:
        if not path.is_file() or path.stat().st_size > _HEAD_BYTES:
            raise ValueError("not a small file")
        form, n_lines, digest = json.loads(path.read_bytes())
        if form != _HEAD_FORMAT or type(n_lines) is not int or n_lines < 1:
            raise ValueError("another format")
        return n_lines, str(digest)
    except (ValueError, TypeError, RecursionError) as exc:
        raise CampaignFileError(
            f"{path} is damaged ({exc!s:.100}). Restore it from a backup; or delete it, if you"
            f" accept that steps lost at the end of {_JOURNAL} go unnoticed."
        ) from exc


def _sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a loss of power, where the system can."""
    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
