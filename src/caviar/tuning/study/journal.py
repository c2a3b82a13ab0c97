"""The journal file of a study: Optuna's own, made safe against kills and full disks.

Optuna appends one line per operation under a lock that is a link beside the file. A kill inside an append leaves half a
line, after which the next append makes the file unreadable, and the lock, on which the next reader waits. A full disk
leaves half a line too. Whoever searches therefore holds the file by a lock of the kernel's, which ends with its
process; only the holder cuts half a line and removes a left lock. Readers, such as optuna-dashboard, need none of this:
half a last line is no line yet.
"""

import contextlib
import os
import time
import weakref
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from caviar.errors import BadRun

_BEGINS = b'{"op_code"'
_BLOCK = 1 << 16
_WRITING_SECONDS = 1.0
"""Nobody's append takes longer: a lock that is older was left behind."""

_held: weakref.WeakValueDictionary[Path, "_Hold"] = weakref.WeakValueDictionary()


class _Hold:
    """A file that this process alone writes, as long as somebody refers to this."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path.with_name(f".{path.name}.held"), thread_local=False)
        self._owner = path.with_name(f".{path.name}.pid")
        if not path.parent.is_dir():  # the lock would make it
            raise FileNotFoundError(f"there is no folder {path.parent}")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BadRun(
                f"A study and its curves must be written by one process at a time, but {path} is in use by "
                f"{self._other()}. Wait for it, or share a study on PostgreSQL, each process with its own folder."
            ) from None
        self._owner.write_text(str(os.getpid()), encoding="utf-8")

    def _other(self) -> str:
        try:
            return f"process {self._owner.read_text(encoding='utf-8')}"
        except OSError:
            return "another process"

    def __del__(self) -> None:
        self._lock.release(force=True)


def hold(path: Path) -> Any:
    """Take a study's file for this process; it is free again when nobody refers to what is returned.

    Raises:
        BadRun: another process holds it.
    """
    found = _held.get(path)
    if found is None:
        found = _held[path] = _Hold(path)
    return found


class Journal(JournalFileBackend):
    """A journal that this process alone appends to, in whole lines."""

    def __init__(self, path: Path) -> None:
        """Open it, or start it.

        Args:
            path: absolute: Optuna's lock is a link to it.

        Raises:
            BadRun: another process searches it.
        """
        self._hold = hold(path)
        mend(path)
        super().__init__(str(path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines, all or none of them.

        Raises:
            BadRun: there is no room, or the file cannot be written.
        """
        try:
            super().append_logs(logs)
        except OSError as error:
            with contextlib.suppress(OSError):
                mend(Path(self._file_path))
            raise BadRun(
                f"A study needs room in a file that can be written, but {self._file_path} cannot be "
                f"({error.strerror or error}). Make room, and repeat the call: it goes on with the next trial."
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_hold"}


def mend(path: Path) -> None:
    """Remove a lock that a killed process left, and cut a last line that was not written to its end.

    Only for the holder of the file. A file that is no journal is left as it is: Optuna's reader refuses it.
    """
    if path.exists() and not _is_journal(path):
        return
    _remove_left_lock(path.with_name(path.name + ".lock"))
    if not path.exists():
        return
    lock = JournalFileSymlinkLock(str(path))
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if _whole(file, size) == size:
            return
        lock.acquire()  # a dashboard may be in the middle of its note
        try:
            size = file.seek(0, os.SEEK_END)
            if (end := _whole(file, size)) < size:
                file.truncate(end)
                os.fsync(file.fileno())
        finally:
            lock.release()


def _is_journal(path: Path) -> bool:
    """Whether a file begins as a journal does, so far as it goes."""
    with path.open("rb") as file:
        head = file.read(len(_BEGINS))
    return head == _BEGINS[: len(head)]


def _whole(file: Any, size: int) -> int:
    """Bytes up to the end of the last whole line; only the tail is read."""
    start = size
    while start > 0:
        start = max(0, start - _BLOCK)
        file.seek(start)
        block = file.read(min(_BLOCK, size - start))
        if (at := block.rfind(b"\n")) >= 0:
            return start + at + 1
    return 0


def _remove_left_lock(lock: Path) -> None:
    """Remove a lock that nobody can still be holding; one that was just taken gets the time of an append."""
    with contextlib.suppress(FileNotFoundError):
        taken = lock.lstat().st_mtime
        while lock.lstat().st_mtime == taken and 0 <= time.time() - taken < _WRITING_SECONDS:
            time.sleep(0.02)
        if lock.lstat().st_mtime == taken:
            lock.unlink()
