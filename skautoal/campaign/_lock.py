"""A lock on a folder: one process holds it, and it ends with that process however it dies."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from ..exceptions import CampaignLockedError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt

# Windows locks bytes, and what is locked cannot be read: far behind the holder's name.
_LOCKED_BYTE = 2**30


class FolderLock:
    """Held from construction to :meth:`release`, or to the end of the process.

    The operating system keeps the lock, so a killed process leaves nothing stale behind.

    Parameters
    ----------
    path : Path
        The lock file; made if it is not there, never removed.

    Raises
    ------
    CampaignLockedError
        If it is held already; the message says by whom.

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
                f"The campaign in {str(path.parent)!r} is open{holder}. Close it there"
                " (campaign.close()) or end that process; two writers would lose labels."
            ) from exc
        except BaseException:
            self._file.close()
            raise
        self._sign()

    def _sign(self) -> None:
        """Say who holds the lock; for messages only, so a full disk does not matter."""
        text = json.dumps({"pid": self._pid, "host": socket.gethostname()})
        try:
            self._file.truncate(0)
            self._file.write(text.encode())
        except OSError:
            pass

    def check_held(self) -> None:
        """Refuse a forked child: it would share the lock, not hold one of its own."""
        if os.getpid() != self._pid:
            raise CampaignLockedError(
                f"This campaign belongs to process {self._pid}; this is a copy of it in process"
                f" {os.getpid()}. Ask and tell in the process that opened it."
            )

    def release(self) -> None:
        """Let others have it; harmless when done twice."""
        self._file.close()


def _take(file) -> None:
    if fcntl is not None:
        # Not lockf: that would let a second campaign of the same process in.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    file.seek(_LOCKED_BYTE)
    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)


def _holder(file) -> str:
    """`` in process 12 on host 'a'``, or nothing if the file does not say."""
    try:
        file.seek(0)
        holder = json.loads(file.read(1000))
        return f" in process {int(holder['pid'])} on host {str(holder['host'])!r:.80}"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return " already"
