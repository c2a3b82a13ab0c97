"""What `diagnosis.py` trained, kept in a folder: it goes on where it was, and thresholds are judged anew in seconds.

The folder is this benchmark's own cache, outside of the repository: pickles, which only who wrote them should open.
Splits are not pickled but made again: a subject names its split by the words under which `splits` holds it.
"""

import hashlib
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from caviar.data.split import Split
from caviar.files import write_atomically
from caviar.network.config import Config
from caviar.training.metrics import metric_for
from caviar.training.scores import Memory, RowPlan, Score
from caviar.training.workbench import Workbench

T = TypeVar("T")


class InMemory:
    """Scores that are known as long as a bench lives, so that what it trains is what it counts."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Config, RowPlan], Score] = {}

    def recall(self, split: Split, config: Config, on: RowPlan) -> Score | None:
        """The score of a config on a split by this plan, if it is known."""
        return self._known.get((split.fingerprint, config, on))

    def keep(self, split: Split, scores: Sequence[Score]) -> None:
        """Store scores."""
        self._known.update({(split.fingerprint, score.config, score.on): score for score in scores})


def bench_for(split: Split, memory: Memory | None = None) -> Workbench:
    """A workbench that is silent; without a memory of its own it knows nothing yet."""
    return Workbench(metric_for(split.task, None), memory or InMemory(), lambda *_: None, lambda _: None)


class Kept(InMemory):
    """Values by name in a folder, and the scores of networks.

    Attributes:
        folder: where they are.
        splits: by name, those that pickles mean.
    """

    def __init__(self, folder: Path, split_named: Callable[[str], Split]) -> None:
        super().__init__()
        self.folder = folder
        self._named = split_named
        self._names: dict[int, str] = {}
        self._splits: dict[str, Split] = {}
        for path in sorted((folder / "scores").glob("*.pickle")):
            self._known.update(self._load(path))

    def split(self, name: str) -> Split:
        """The split of this name, made once."""
        if name not in self._splits:
            self._splits[name] = self._named(name)
            self._names[id(self._splits[name])] = name
        return self._splits[name]

    def path(self, kind: str, name: str) -> Path:
        """The file of a value."""
        mark = hashlib.sha256(name.encode()).hexdigest()[:8]
        plain = "".join(c if c.isalnum() else "-" for c in name)[:80]
        return self.folder / kind / f"{plain}-{mark}.pickle"

    def value(self, kind: str, name: str, make: Callable[[], T], *, again: bool = False) -> T:
        """The value kept under this name, or what `make` gives, which is then kept."""
        path = self.path(kind, name)
        if path.exists() and not again:
            return self._load(path)
        value = make()
        self._dump(path, value)
        return value

    def bench(self, split: Split) -> Workbench:
        """A workbench that recalls what was judged before."""
        return bench_for(split, self)

    def keep(self, split: Split, scores: Sequence[Score]) -> None:
        """Store scores, in memory and in a file of their own."""
        fresh = {(split.fingerprint, score.config, score.on): score for score in scores}
        super().keep(split, scores)
        mark = hashlib.sha256(repr(list(fresh)).encode()).hexdigest()[:24]
        self._dump(self.folder / "scores" / f"{mark}.pickle", fresh)

    def _dump(self, path: Path, value: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        names = self._names

        class Pickler(pickle.Pickler):
            def persistent_id(self, obj: Any) -> str | None:
                return names.get(id(obj)) if isinstance(obj, Split) else None

        with write_atomically(path) as part, Path(part).open("wb") as file:
            Pickler(file).dump(value)

    def _load(self, path: Path) -> Any:
        split = self.split

        class Unpickler(pickle.Unpickler):
            def persistent_load(self, pid: str) -> Split:
                return split(pid)

        with path.open("rb") as file:
            return Unpickler(file).load()
