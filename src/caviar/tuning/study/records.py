"""Records: what came of every generation, with its curves, in compact files beside the study.

    curves/generation-00012.safetensors          one generation: its points, outcomes and curves
    curves/generations-00000-00015.safetensors   sixteen of them, joined; sixteen such are joined again
    curves/unfinished-00013.jsonl                what is finished of a generation that is not

A file is there, whole and on the disk, before the first of its trials is in the study: what was judged is never judged
again, whatever ends the process. Every file says which search it belongs to and carries a checksum per generation. A
curve is read from its place in the file, without the others.
"""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import warnings
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from caviar.arrays import Numbers
from caviar.errors import BadRun
from caviar.files import write_atomically
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.spaces.space import Point
from caviar.tuning.study.journal import hold
from caviar.tuning.study.store import Begun, tupled
from caviar.tuning.trials import Outcome, Trial

FORMAT = 1
_JOINED = 16
"""Files that are joined to one."""

_NAME = re.compile(r"generations?-(\d{5,})(?:-(\d{5,}))?\.safetensors")


class Recalled(NamedTuple):
    """A generation that was judged before."""

    points: list[Point]
    outcomes: list[Outcome]
    """Without curves."""
    zooms: tuple[Zoom, ...]


class Curves:
    """The records of one search in a folder."""

    def __init__(self, folder: Path, search: str = "", *, checkpoints: Path | None = None) -> None:
        """Open the records, or start them.

        Args:
            folder: made with the first generation that is kept.
            search: what is searched, see `search.mark_of`; files of another search are refused. Only whoever gives it
                writes: it takes the folder for this process.
            checkpoints: where networks are kept while they train, a folder per generation; it is removed when the
                generation is kept.

        Raises:
            BadRun: the folder holds another search, or files of a later version, or another process writes to it.
        """
        self._folder, self._search, self._checkpoints = folder, search, checkpoints
        self._hold = _held(folder.absolute()) if search else None
        self._files = _files_in(folder)
        for path in list(self._files.values()):
            self._check(path)
        if search:
            self._tidy()

    def recall(self, generation: int) -> Recalled | None:
        """A generation that was judged before; None where it was not, or with a warning where its file is damaged."""
        path = self._file_of(generation)
        if path is None:
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                _check_sum(file, generation)
                table = _table(file, generation)
        except _DAMAGED as error:
            warnings.warn(
                f"Records must be files that caviar wrote, but {path} cannot be read ({error}). Its generation is "
                "judged again where the study does not hold it.",
                stacklevel=2,
            )
            return None
        return Recalled(
            table["points"], [outcome_of_plain(one) for one in table["outcomes"]], Begun.of(table["begun"]).zooms
        )

    def keep(self, generation: int, trials: Sequence[Trial], zooms: tuple[Zoom, ...]) -> list[Trial]:
        """Keep a generation.

        Returns:
            Its trials without their curves.

        Raises:
            BadRun: there is no room, or the folder cannot be written.
        """
        tensors = {f"{generation:05d}/{name}": array for name, array in _tensors(trials, zooms).items()}
        path = self._folder / f"generation-{generation:05d}.safetensors"
        self._write(path, tensors)
        self._files[generation, generation] = path
        self._unfinished(generation).unlink(missing_ok=True)
        self._forget_checkpoints(generation)
        self._join(generation)
        bare = [dataclasses.replace(trial.outcome, curves=None, score=None) for trial in trials]
        return [dataclasses.replace(trial, outcome=one) for trial, one in zip(trials, bare, strict=True)]

    def curves(self, trial_id: str) -> dict[str, Numbers]:
        """The curves of a trial, one value per epoch, by name; empty where none were kept.

        Args:
            trial_id: generation/index.
        """
        generation, index = (int(part) for part in trial_id.split("/"))
        path = self._file_of(generation) if generation >= 0 else None
        if path is None:
            return {}
        try:
            with safe_open(path, framework="numpy") as file:
                found = {}
                for name, lengths in _table(file, generation)["lengths"].items():
                    start = sum(lengths[:index])
                    if lengths[index]:
                        found[name] = file.get_slice(f"{generation:05d}/curve/{name}")[start : start + lengths[index]]
                return found
        except _DAMAGED as error:
            warnings.warn(f"The curves of trial {trial_id} cannot be read: {path} is damaged ({error}).", stacklevel=2)
            return {}

    def curve_of_all(self, generation: int, name: str) -> list[Numbers]:
        """One curve of every trial of a generation, in their order: empty arrays, or an empty list, where none is kept.

        Args:
            generation: counted from 0.
            name: of the curve.
        """
        path = self._file_of(generation)
        if path is None:
            return []
        try:
            with safe_open(path, framework="numpy") as file:
                table = json.loads(file.get_tensor(f"{generation:05d}/table").tobytes())
                lengths = table["lengths"].get(name)
                if lengths is None:
                    return []
                return np.split(file.get_tensor(f"{generation:05d}/curve/{name}"), np.cumsum(lengths)[:-1])
        except _DAMAGED as error:
            warnings.warn(
                f"The curves of generation {generation} cannot be read: {path} is damaged ({error}).", stacklevel=2
            )
            return []

    def note(self, generation: int, index: int, point: Point, outcome: Outcome) -> None:
        """Keep one finished point of a generation that is not finished: for judges whose points end one by one.

        Raises:
            BadRun: there is no room, or the folder cannot be written.
        """
        line = {"search": self._search, "index": index, "point": point, "outcome": plain_outcome(outcome)}
        path = self._unfinished(generation)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(b"\n" + _json(line))  # half a line of before is left behind
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _no_room(path, error) from None

    def noted(self, generation: int) -> dict[int, tuple[Point, Outcome]]:
        """What was finished of a generation that is not: (point, outcome) by index."""
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for line in self._unfinished(generation).read_bytes().splitlines():
                with contextlib.suppress(ValueError, KeyError, TypeError):  # half a line
                    one = json.loads(line)
                    if one["search"] == self._search:
                        found[one["index"]] = (tupled(one["point"]), outcome_of_plain(one["outcome"]))
        return found

    def _unfinished(self, generation: int) -> Path:
        return self._folder / f"unfinished-{generation:05d}.jsonl"

    def _file_of(self, generation: int) -> Path | None:
        """The smallest file that holds a generation."""
        if not self._search and any(not path.exists() for path in self._files.values()):
            self._files = _files_in(self._folder)  # whoever writes has joined some
        spans = [span for span in self._files if span[0] <= generation <= span[1]]
        return self._files[min(spans, key=lambda span: span[1] - span[0])] if spans else None

    def _write(self, path: Path, tensors: Mapping[str, np.ndarray]) -> None:
        about = {"format": str(FORMAT), "search": self._search, "sums": json.dumps(_sums(tensors))}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with write_atomically(path) as beside:
                save_file(dict(tensors), beside, metadata=about)
            _folder_to_disk(self._folder)
        except (OSError, SafetensorError) as error:
            raise _no_room(path, error) from None

    def _join(self, generation: int) -> None:
        """Join files when a power of sixteen is full; those that cannot be read stay as they are."""
        span = _JOINED
        while (generation + 1) % span == 0:
            first, last = generation + 1 - span, generation
            parts = sorted(s for s in self._files if first <= s[0] and s[1] <= last)
            tensors: dict[str, np.ndarray] = {}
            try:
                for part in parts:
                    tensors |= _all_tensors(self._files[part])
            except _DAMAGED:
                return
            path = self._folder / f"generations-{first:05d}-{last:05d}.safetensors"
            self._write(path, tensors)
            self._files[first, last] = path
            self._remove(parts)
            span *= _JOINED

    def _remove(self, spans: Iterable[tuple[int, int]]) -> None:
        for span in spans:
            self._files.pop(span).unlink(missing_ok=True)

    def _check(self, path: Path) -> None:
        """Make sure that a file belongs to this search.

        Raises:
            BadRun: it does not, or is of a later version.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                about = file.metadata()
                made, search = int(about["format"]), about["search"]
        except _DAMAGED:
            return  # told when it is asked for
        if made > FORMAT:
            raise BadRun(f"Records must have format {FORMAT}, but {path} has {made}: it is of a later caviar. Update.")
        if self._search and search and search != self._search:
            raise BadRun(
                f"A folder of records must hold one search, but {path} is of another: other space, metric, seed, data "
                "or start. Give another folder."
            )

    def _tidy(self) -> None:
        """Remove what a kill left: parts of what was joined, checkpoints and lines of what is finished."""
        for span in list(self._files):
            parts = [s for s in self._files if s != span and span[0] <= s[0] and s[1] <= span[1]]
            if span in self._files and parts and _sound(self._files[span]):
                self._remove(parts)
        for first, last in list(self._files):
            if first == last:
                self._forget_checkpoints(first)
                self._unfinished(first).unlink(missing_ok=True)

    def _forget_checkpoints(self, generation: int) -> None:
        if self._checkpoints is not None:
            shutil.rmtree(self._checkpoints / f"generation-{generation:05d}", ignore_errors=True)


_DAMAGED = (SafetensorError, OSError, KeyError, ValueError, TypeError, IndexError)


def _held(folder: Path) -> object:
    """Take a folder for this process."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return hold(folder)
    except OSError as error:
        raise _no_room(folder, error) from None


def _files_in(folder: Path) -> dict[tuple[int, int], Path]:
    """Files of records by the generations that they hold: first and last."""
    found = {}
    for path in sorted(folder.glob("generation*.safetensors")):
        if match := _NAME.fullmatch(path.name):
            found[int(match[1]), int(match[2] or match[1])] = path
    return found


def _tensors(trials: Sequence[Trial], zooms: tuple[Zoom, ...]) -> dict[str, np.ndarray]:
    """A generation as arrays: the curves of all trials one after the other, and a table in JSON, as bytes."""
    names = dict.fromkeys(name for trial in trials for name in trial.outcome.curves or {})
    none = np.zeros(0, np.float32)
    curves = {name: [np.asarray((trial.outcome.curves or {}).get(name, none)) for trial in trials] for name in names}
    table = {
        "begun": Begun(len(trials), zooms).plain(),
        "points": [trial.values for trial in trials],
        "outcomes": [plain_outcome(trial.outcome) for trial in trials],
        "lengths": {name: [len(curve) for curve in each] for name, each in curves.items()},
    }
    arrays: dict[str, np.ndarray] = {"table": np.frombuffer(_json(table), np.uint8)}
    for name, each in curves.items():
        arrays[f"curve/{name}"] = np.concatenate([curve for curve in each if len(curve)] or [none])
    return arrays


def _table(file: Any, generation: int) -> dict[str, Any]:
    """The table of a generation in an open file."""
    table = json.loads(file.get_tensor(f"{generation:05d}/table").tobytes())
    return table | {"points": [tupled(point) for point in table["points"]]}


def _check_sum(file: Any, generation: int) -> None:
    """Make sure that a generation is as it was written.

    Raises:
        ValueError: it is not.
    """
    own = f"{generation:05d}"
    arrays = {name: file.get_tensor(name) for name in file.keys() if name.startswith(f"{own}/")}  # noqa: SIM118
    if _sums(arrays).get(own) != json.loads(file.metadata()["sums"])[own]:
        raise ValueError("its sum is another")


def _all_tensors(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, checked against their sums."""
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if _sums(arrays) != json.loads(file.metadata()["sums"]):
            raise ValueError("its sums are others")
    return arrays


def _sound(path: Path) -> bool:
    try:
        _all_tensors(path)
    except _DAMAGED:
        return False
    return True


def _sums(tensors: Mapping[str, np.ndarray]) -> dict[str, int]:
    """A checksum per generation."""
    sums: dict[str, int] = {}
    for name in sorted(tensors):
        own = name.split("/")[0]
        sums[own] = zlib.crc32(np.ascontiguousarray(tensors[name]).tobytes(), sums.get(own, 0))
    return sums


def _json(content: Any) -> bytes:
    """As JSON; floats are exact, and a number of NumPy's is a plain one."""
    return json.dumps(content, default=lambda number: number.item()).encode()


def plain_outcome(outcome: Outcome) -> dict[str, Any]:
    """An outcome without its arrays, as plain values; numbers are exact."""
    return {
        "state": outcome.state,
        "values": list(outcome.values),
        "criterion": outcome.criterion,
        "noise": outcome.noise,
        "rungs": {str(step): value for step, value in outcome.rungs.items()},
        "facts": dict(outcome.facts),
    }


def outcome_of_plain(plain: Mapping[str, Any]) -> Outcome:
    """The outcome of which these are the plain values."""
    return Outcome(
        state=plain["state"],
        values=tuple(plain["values"]),
        criterion=plain["criterion"],
        noise=plain["noise"],
        rungs={int(step): value for step, value in plain["rungs"].items()},
        facts=plain["facts"],
    )


def _folder_to_disk(folder: Path) -> None:
    """Let a new name in a folder survive a loss of power, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _no_room(path: Path, error: Exception) -> BadRun:
    told = (isinstance(error, OSError) and error.strerror) or str(error)
    return BadRun(
        f"Records of a search need room in a folder that can be written, but {path} cannot be ({told}). Make room, and "
        "repeat the call: it goes on with the next generation."
    )
