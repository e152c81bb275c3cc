"""Lock a folder for one process, until that process releases the lock or ends."""

from __future__ import annotations

import json
import os
import socket
from io import FileIO
from pathlib import Path

from ..exceptions import CampaignLockedError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt

# Windows locks a range of bytes, which no other process can read. The locked byte is far
# beyond the text that names the holder, so that the text stays readable.
_LOCKED_BYTE = 2**30


class FolderLock:
    """Exclusive lock, held from construction to :meth:`release` or the end of the process.

    The operating system keeps the lock, so a killed process leaves no stale lock behind.

    Parameters
    ----------
    path : Path
        Lock file. It is created if it does not exist and is never removed.

    Raises
    ------
    CampaignLockedError
        If the lock is held already. The message names the process that holds it.

    """

    def __init__(self, path: Path):
        self._pid = os.getpid()
        self._file = open(path, "a+b", buffering=0)
        try:
            _take(self._file)
        except (BlockingIOError, PermissionError) as exc:
            holder = _holder(self._file)
            self._file.close()
            raise CampaignLockedError(
                f"The campaign in {str(path.parent)!r} is open{holder}. Call close() on it"
                " there, or end that process."
            ) from exc
        except BaseException:
            self._file.close()
            raise
        self._sign()

    def _sign(self) -> None:
        """Write the process and the host into the lock file, for error messages."""
        text = json.dumps({"pid": self._pid, "host": socket.gethostname()})
        try:
            self._file.truncate(0)
            self._file.write(text.encode())
        except OSError:
            pass

    def check_held(self) -> None:
        """Raise an error in a forked child process, which shares the lock of its parent."""
        if os.getpid() != self._pid:
            raise CampaignLockedError(
                f"The campaign was opened by process {self._pid} and cannot be used in process"
                f" {os.getpid()}. Call ask and tell in the process that opened it."
            )

    def release(self) -> None:
        """Release the lock. A second call has no effect."""
        self._file.close()


def _take(file: FileIO) -> None:
    if fcntl is not None:
        # lockf locks belong to the process, so with lockf a second campaign object of the
        # same process could open the folder.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    file.seek(_LOCKED_BYTE)
    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)


def _holder(file: FileIO) -> str:
    """Return the end of the message: `` in process 12 on host 'a'``, or `` already``."""
    try:
        file.seek(0)
        holder = json.loads(file.read(1000))
        return f" in process {int(holder['pid'])} on host {str(holder['host'])!r:.80}"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return " already"
