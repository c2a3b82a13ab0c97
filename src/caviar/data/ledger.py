r"""Which test rows were opened before: a file in the user's data folder that remembers it over runs, seeds and splits.

    ledger.jsonl       one line per opening: when, by what, which rows (their fingerprint, how many)
    rows/ID.npy        the rows of one test set as numbers of 64 bits (`row_hashes`), sorted

A row is known again whatever set it is in. Of a large test set only the rows whose number is divisible by a power of
two are kept, about 65,536 of them at most (512 KiB): shares are then estimates. No cell of any row is stored.
The folder is `$CAVIAR_LEDGER`, or the user's data folder: `$XDG_DATA_HOME/caviar`, on macOS `~/Library/Application
Support/caviar`, on Windows `%LOCALAPPDATA%\caviar`. A folder that cannot be written is said once and stops nothing.
"""

import json
import os
import sys
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from caviar.arrays import Whole
from caviar.data.row_hashes import set_fingerprint
from caviar.files import write_atomically

FORMAT = 1
MOST_KEPT = 1 << 16
"""About so many rows of one test set are kept at most."""
_WAIT = 20.0  # seconds for another process to write its line


class LedgerUnusable(UserWarning):
    """Openings of test sets cannot be remembered over runs."""


@dataclass(frozen=True)
class Opening:
    """One look at a test set, and what was known of its rows."""

    opened: str
    """When, in UTC, as ISO 8601 writes it."""
    by: str
    """What opened it."""
    data: str
    """Name of the table."""
    rows: int
    test: str
    """Fingerprint of the set of rows."""
    times: int
    """How many openings held some of these rows, this one included."""
    seen: float
    """Share of its rows, in [0, 1], that were opened before."""
    before: tuple[str, ...] = ()
    """The last few of the earlier openings: when and by what."""
    remembered: bool = True
    """Whether the ledger could be read and written; else only what this process has opened counts."""

    def to_json(self) -> dict[str, Any]:
        """Plain words, numbers and lists."""
        return asdict(self) | {"before": list(self.before)}


def ledger_folder() -> Path:
    """Where openings are remembered; it need not exist."""
    if own := os.environ.get("CAVIAR_LEDGER"):
        return Path(own)
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "caviar"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "caviar"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "caviar"


def record_opening(hashes: Whole, data: str, by: str, run: str | None = None) -> Opening:
    """Note that test rows are opened, and tell what was known of them.

    Args:
        hashes: uint64 (rows,) of the test rows.
        data: name of their table.
        by: what opens them, in words.
        run: the same word when an interrupted run goes on: its second opening of the same rows is the first again.

    Warns:
        LedgerUnusable: the folder cannot be written, or another process keeps it locked; once for each folder.
    """
    rows = np.unique(hashes)
    test = set_fingerprint(rows)
    opened = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"format": FORMAT, "opened": opened, "by": by, "run": run, "data": data, "rows": len(hashes), "test": test}
    folder = ledger_folder()
    try:
        (folder / "rows").mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "ledger.lock", timeout=_WAIT):
            earlier = list(_lines(folder / "ledger.jsonl"))
            again = next((e for e in earlier if run and (e["run"], e["test"]) == (run, test)), None)
            earlier = earlier[: earlier.index(again)] if again else earlier
            known = [e for e, shared in zip(earlier, _shared(folder, earlier, rows), strict=True) if shared]
            seen = _share_seen(folder, known, rows)
            if again is None:
                _keep(folder, test, rows)
                _append(folder / "ledger.jsonl", line)
            else:
                line = again
    except (OSError, Timeout) as error:
        _say_once(folder, error)
        return Opening(opened, by, data, len(hashes), test, times=1, seen=0.0, remembered=False)
    before = tuple(f"{e['opened']} by {e['by']}" for e in known[-3:])
    return Opening(line["opened"], line["by"], data, len(hashes), test, len(known) + 1, seen, before)


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    """The openings in a ledger; a line that was torn by a crash or a full disk, or is junk, is passed over."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.splitlines():
        try:
            entry = json.loads(line)
            entry = {name: entry[name] for name in ("opened", "by", "run", "data", "rows", "test")}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(entry["test"], str) and entry["test"].isalnum():
            yield entry


def _append(path: Path, line: dict[str, Any]) -> None:
    """Add one line, on the disk when this returns. A torn line before it is ended first, its own is cut off again."""
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        torn = False
        if end:
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
        try:
            file.write((b"\n" if torn else b"") + json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, end)
            raise


def _keep(folder: Path, test: str, rows: Whole) -> None:
    """Store the numbers of a test set, where they are not stored or are damaged."""
    path = folder / "rows" / f"{test}.npy"
    if _load(folder, test) is None:
        level = _level(len(rows))
        with write_atomically(path) as beside, beside.open("wb") as file:
            np.save(file, np.r_[np.uint64(level), _at(rows, level)], allow_pickle=False)


def _load(folder: Path, test: str) -> tuple[int, Whole] | None:
    """Level and numbers of a test set; None where they are gone or damaged."""
    try:
        with (folder / "rows" / f"{test}.npy").open("rb") as file:
            stored = np.lib.format.read_array(file, allow_pickle=False)
    except Exception:  # a damaged heading makes NumPy raise anything, MemoryError included
        return None
    if stored.dtype != np.uint64 or stored.ndim != 1 or not len(stored) or stored[0] > 63:
        return None
    return int(stored[0]), stored[1:]


def _shared(folder: Path, earlier: list[dict[str, Any]], rows: Whole) -> list[bool]:
    """Whether each earlier opening held one of these rows."""
    known = {set_fingerprint(rows): True}
    for entry in earlier:
        test = entry["test"]
        if test not in known:
            stored = _load(folder, test)
            known[test] = stored is not None and bool(np.isin(_at(rows, stored[0]), stored[1]).any())
    return [known[entry["test"]] for entry in earlier]


def _share_seen(folder: Path, earlier: list[dict[str, Any]], rows: Whole) -> float:
    """Share of the rows that earlier openings held, told by the rows that the coarsest of them has kept.

    An opening of the very same set has held them all, whatever became of its file.
    """
    if set_fingerprint(rows) in {e["test"] for e in earlier}:
        return 1.0
    kept = [stored for test in {e["test"] for e in earlier} if (stored := _load(folder, test)) is not None]
    level = max((level for level, _ in kept), default=0)
    own = _at(rows, level)
    if not kept or not len(own):
        return 0.0
    return float(np.isin(own, np.concatenate([stored for _, stored in kept])).mean())


def _level(rows: int) -> int:
    """The power of two by which the numbers that are kept can be divided."""
    return max(0, (rows - 1) // MOST_KEPT).bit_length()


def _at(rows: Whole, level: int) -> Whole:
    return rows[rows & np.uint64((1 << level) - 1) == 0]


_said: set[Path] = set()


def _say_once(folder: Path, error: Exception) -> None:
    if folder in _said:
        return
    _said.add(folder)
    reason = "another process keeps it locked" if isinstance(error, Timeout) else getattr(error, "strerror", None)
    warnings.warn(
        f"That test rows were opened should be remembered in {folder}, but this cannot be written ({reason or error}). "
        "The work goes on; name another folder in the environment variable CAVIAR_LEDGER.",
        LedgerUnusable,
        stacklevel=2,
    )
