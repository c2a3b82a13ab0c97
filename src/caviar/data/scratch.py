"""Folders for what is too large for memory: they go with the process that made them, however it ends.

They lie in the user's cache, because a system's folder for temporary files may be memory itself. Each holds a lock that
the kernel frees when its process ends; who makes the next one removes those that nobody holds.
"""

import contextlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path

from filelock import FileLock, Timeout

from caviar.errors import BadData
from caviar.files import cache_folder

_LOCK = "lock"


class Scratch:
    """A folder that is removed when nothing refers to it any more."""

    def __init__(self, purpose: str) -> None:
        """A new folder.

        Args:
            purpose: a word for its name.

        Raises:
            BadData: it cannot be made.
        """
        base = cache_folder() / "scratch"
        try:
            base.mkdir(parents=True, exist_ok=True)
            with FileLock(base / _LOCK):  # nobody sweeps a folder that is being made
                _sweep(base)
                self.folder = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=base))
                lock = FileLock(self.folder / _LOCK)
                lock.acquire(timeout=0)
        except OSError as error:
            raise BadData(
                f"A table that does not fit into memory needs a folder for its rows, but {base} cannot be written "
                f"({error}). Set XDG_CACHE_HOME to a folder with room."
            ) from None
        self._end = weakref.finalize(self, _end, self.folder, lock, os.getpid())

    def free(self) -> int:
        """Bytes that are free on its disk."""
        return shutil.disk_usage(self.folder).free

    def close(self) -> None:
        """Remove it now."""
        self._end()


def _end(folder: Path, lock: FileLock, owner: int) -> None:
    if os.getpid() == owner:  # a fork has the folder of its parent, which still needs it
        _remove(folder, lock)


def _remove(folder: Path, lock: FileLock) -> None:
    lock.release()
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(base: Path) -> None:
    """Remove folders whose process has ended."""
    for folder in (path for path in base.iterdir() if path.is_dir()):
        lock = FileLock(folder / _LOCK)
        with contextlib.suppress(Timeout, OSError):
            lock.acquire(timeout=0)
            _remove(folder, lock)
