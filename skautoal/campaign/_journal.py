"""Append-only journal of a campaign: one line per step, protected by a hash chain.

Each line consists of a digest and a JSON text. The digest is the SHA-256 of the digest of
the previous line and of the text, so a change of any line invalidates all digests after it.
The file ``head.json`` stores the number of lines written and the last digest, which reveals
missing lines at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import NoReturn

from .._utils._files import write_whole
from .._utils._warnings import warn_caller
from ..exceptions import CampaignFileError, SkautoalWarning
from ._lock import FolderLock

_JOURNAL, _HEAD, _LOCK = "journal.jsonl", "head.json", "lock"
_ROOT = hashlib.sha256(b"skautoal-campaign-1").hexdigest()
_HEAD_FORMAT = "skautoal-campaign-head-1"
_HEAD_BYTES = 1000
#: Maximum size of a line in bytes. It bounds the memory for parsing a file from elsewhere.
MAX_LINE = 2**24


@dataclass
class _Tail:
    """End of the verified part of a journal.

    Attributes
    ----------
    n_lines : int
        Number of verified lines.
    digest : str
        Digest of the last of them.
    size : int
        Their size in bytes.
    file_size : int
        Size of the file, larger than ``size`` if an incomplete line follows.

    """

    n_lines: int = 0
    digest: str = _ROOT
    size: int = 0
    file_size: int = 0


class Journal:
    """Append-only record of steps, which one process at a time can write.

    Parameters
    ----------
    folder : Path
        Folder of the files.
    lock : FolderLock
        Lock that is held while the journal is open.
    tail : _Tail
        End of the part that has been read and verified.

    """

    def __init__(self, folder: Path, lock: FolderLock, tail: _Tail):
        self.folder = folder
        self._lock, self._tail = lock, tail
        self._broken = ""
        self._file = open(folder / _JOURNAL, "r+b", buffering=0)

    @classmethod
    def create(cls, folder: Path, header: dict) -> Journal:
        """Create a journal with its first line, atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder / _LOCK)
        try:
            for name in (_JOURNAL, _HEAD):
                if (folder / name).exists():
                    raise FileExistsError(
                        f"'folder' {str(folder)!r} contains a campaign already ({name}). Open it"
                        " with LabelingCampaign.load, or choose another folder."
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
        """Lock and read a journal, and call ``on_record`` with each record."""
        if not (folder / _JOURNAL).is_file():
            raise FileNotFoundError(
                f"There is no campaign in {str(folder)!r}: the file {_JOURNAL} is missing. Start"
                " one with LabelingCampaign(folder, sampler, X)."
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
        """Number of lines on disk."""
        return self._tail.n_lines

    def append(self, record: dict) -> None:
        """Append a record. After this returns, a crash or a power failure cannot lose it.

        Raises
        ------
        OSError
            If the record could not be written, for example because the disk is full. The
            journal is unchanged.
        CampaignFileError
            If the file was changed by another program.

        """
        self.check_usable()
        tail = self._tail
        line, digest = _line(record, tail.digest)
        if os.fstat(self._file.fileno()).st_size != tail.file_size:
            raise CampaignFileError(
                f"{self._path} was changed by another program while the campaign was open."
                " The step was not saved. Open the campaign again with LabelingCampaign.load."
            )
        try:
            self._file.truncate(tail.size)  # removes an incomplete line found when reading
            self._file.seek(tail.size)
            _write_all(self._file, line)
            os.fsync(self._file.fileno())
            # Writing the head makes the step final. If it fails, the line is taken back.
            _write_head(self.folder, tail.n_lines + 1, digest)
        except BaseException as exc:
            self._undo(digest, len(line))
            if isinstance(exc, OSError):
                raise OSError(
                    exc.errno,
                    f"the step was not saved; the campaign is unchanged ({exc.strerror})",
                    self._path,
                ) from exc
            raise
        self._advance(digest, len(line))

    def records(self) -> Iterator[dict]:
        """Iterate over all records, read from the file."""
        self.check_usable()
        with open(self._path, "rb") as file:
            digest = _ROOT
            for number in range(self._tail.n_lines):
                record, digest = _parse(file.readline(MAX_LINE + 1), digest, number, self._path)
                yield record

    def close(self) -> None:
        """Close the file and release the lock. A second call has no effect."""
        self._file.close()
        self._lock.release()

    @property
    def _path(self) -> str:
        return str(self.folder / _JOURNAL)

    def check_usable(self) -> None:
        """Raise an error if the journal is closed, belongs to another process or is broken."""
        if self._file.closed:
            raise ValueError("The campaign is closed. Open it with LabelingCampaign.load.")
        self._lock.check_held()
        if self._broken:
            raise CampaignFileError(self._broken)

    def _advance(self, digest: str, size: int) -> None:
        end = self._tail.size + size
        self._tail = _Tail(self._tail.n_lines + 1, digest, end, end)

    def _undo(self, digest: str, size: int) -> None:
        """Remove a line whose step was not completed."""
        try:
            head = _read_head(self.folder)
            if head is not None and head[1] == digest:
                # The interrupt came after the head was written, so the step is final.
                self._advance(digest, size)
                return
            self._file.truncate(self._tail.size)
            self._tail.file_size = self._tail.size
        except (OSError, CampaignFileError) as exc:
            self._broken = (
                f"An incomplete step could not be removed from {self._path} ({exc}). Open the"
                " campaign again with LabelingCampaign.load when the disk works."
            )


def read_journal(folder: Path, on_record: Callable[[dict], None]) -> _Tail:
    """Read and verify a journal line by line, in memory independent of its length.

    Parameters
    ----------
    folder : Path
        Folder of the journal.
    on_record : callable
        Function called with each record.

    Returns
    -------
    tail : _Tail
        End of the verified part.

    Raises
    ------
    CampaignFileError
        If a completely written line is missing or damaged.

    Warns
    -----
    SkautoalWarning
        If the last line is incomplete, or if ``head.json`` is missing.

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
                # A crash while writing leaves an incomplete line at the end of the file,
                # after the lines that the head counts. Any other bad line is damage.
                unfinished = not line.endswith(b"\n") or (head is not None and not file.read(1))
                if 0 < tail.n_lines >= n_known and unfinished and len(line) <= MAX_LINE:
                    break
                raise
            on_record(record)
            tail.n_lines, tail.digest = tail.n_lines + 1, digest
            tail.size += len(line)
            if head is not None and tail.n_lines == n_known and digest != head[1]:
                raise CampaignFileError(
                    f"{path} and {_HEAD} do not belong together: their digests differ. Restore"
                    " both from the same backup."
                )
    if tail.n_lines < max(n_known, 1):
        raise CampaignFileError(
            f"{path} is truncated: it has {tail.n_lines} of the {n_known} lines written. Restore"
            f" it from a backup. To continue with the remaining lines, delete {_HEAD}."
        )
    if head is None:
        warn_caller(
            f"{folder / _HEAD} is missing, so steps missing at the end of {_JOURNAL} cannot be"
            f" detected. {tail.n_lines} lines were read.",
            SkautoalWarning,
        )
    if tail.size < tail.file_size:
        warn_caller(
            f"The last step in {path} was interrupted while it was being written. It is"
            " ignored; repeat the step if necessary.",
            SkautoalWarning,
        )
    return tail


def _line(record: dict, previous: str) -> tuple[bytes, str]:
    text = json.dumps(record, allow_nan=False, separators=(",", ":")).encode()
    digest = hashlib.sha256(previous.encode() + text).hexdigest()
    line = digest.encode() + b" " + text + b"\n"
    if len(line) > MAX_LINE:
        raise ValueError(
            f"The step takes {len(line)} bytes; the maximum is {MAX_LINE}. Ask for or tell fewer"
            " samples at a time."
        )
    return line, digest


def _parse(line: bytes, previous: str, number: int, path: str | Path) -> tuple[dict, str]:
    """Return the record of a line and its digest, both verified."""
    where = f"{path}, line {number + 1},"
    digest, text = line[:64], line[65:-1]
    if len(line) > MAX_LINE or line[64:65] != b" " or not line.endswith(b"\n"):
        raise CampaignFileError(f"{where} is incomplete or not a line of a campaign.")
    expected = hashlib.sha256(previous.encode() + text).hexdigest()
    if digest != expected.encode():
        raise CampaignFileError(
            f"{where} is damaged: its checksum is wrong. No file was changed. Restore the file"
            " from a backup, or remove that line and all lines after it."
        )
    try:
        record = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise CampaignFileError(f"{where} is not JSON ({exc!s:.100}).") from exc
    if not isinstance(record, dict):
        raise CampaignFileError(f"{where} is not a record of a campaign.")
    return record, expected


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _write_all(file: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:  # one write to an unbuffered file may store a part only
        view = view[file.write(view) :]


def _write_head(folder: Path, n_lines: int, digest: str) -> None:
    write_whole(folder / _HEAD, json.dumps([_HEAD_FORMAT, n_lines, digest]))


def _read_head(folder: Path) -> tuple[int, str] | None:
    """Return the number of lines written and the digest of the last; None without a head."""
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
            f"{path} is damaged ({exc!s:.100}). Restore it from a backup. If you delete it, the"
            f" campaign opens, but steps missing at the end of {_JOURNAL} are not detected."
        ) from exc


def _sync_folder(folder: Path) -> None:
    """Write the folder's list of names to disk, so that new files survive a power failure."""
    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError:  # folders cannot be opened on Windows
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
