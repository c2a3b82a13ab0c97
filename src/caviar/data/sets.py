"""The value that everything after reading works on: prepared rows of train and dev, and sealed test rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain
from numbers import Integral
from typing import Literal

import numpy as np

from caviar.arrays import Numbers, Whole
from caviar.data.column_types import ColumnType
from caviar.data.fingerprint import fingerprint
from caviar.data.groups import place
from caviar.data.images import Shape, size_in_words
from caviar.data.ledger import Opening
from caviar.data.prepare import Preparation, fit_preparation
from caviar.data.roles import Roles
from caviar.data.rows_on_disk import rows_on_disk
from caviar.data.scaling import Scale
from caviar.data.sealed import Part, Sealed, open_together
from caviar.data.stored import Stored, in_memory
from caviar.data.strata import fold_numbers, shuffled
from caviar.data.subsets import Nested, nested_by_class, nested_by_time
from caviar.data.target import Label, TargetCoding
from caviar.data.task import Task
from caviar.data.times import blocks_of_time
from caviar.data.transformed import Transformed
from caviar.errors import BadData

SHOWN = 100_000
"""Rows of a table on disk by which it is checked."""

SetName = Literal["train", "dev", "test", "bridge"]


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Rows to train on and to choose by, and a test set to open once. `split` builds it."""

    name: str
    task: Task
    preparation: Preparation | Transformed
    """Fitted on the train rows, or a transformer of the user's own."""
    target: TargetCoding
    x: Numbers
    """float32 (n_train + n_dev, width), train rows first, each set in random order; read-only."""
    y: np.ndarray
    """int32 codes or float32 standardised target of the same rows; read-only."""
    weight: Numbers | None
    """float32 (rows,) of mean 1 over the train rows: how much a row counts in training; None: all alike. Losses and
    errors are measured without."""
    n_train: int
    dev_given: bool
    """Whether dev rows may be of another kind than train rows: given, later in time, or of one source. Then networks
    are chosen by them however few they are, and never by train rows out of fold."""
    roles: Roles
    """Columns that are not learned from."""
    scale: Scale
    """How columns of numbers are normalised."""
    types: Mapping[str, ColumnType]
    """What every feature column is taken for, by the train rows (`infer.column_types`)."""
    seed: int
    explanation: tuple[str, ...]
    """Sentences: the task, the sizes and the preparation, with reasons."""
    _about: tuple[str, ...]  # the sentences of `explanation` before the preparation's
    _train: Part
    _dev: Part
    _bridge: Part
    _sealed: Sealed
    _together: Whole | None  # of train and dev rows: those with one number are in one fold
    _times: Whole | None  # of train and dev rows: folds are stretches of it

    @property
    def rows(self) -> int:
        """Rows of train and dev together: those of `x`."""
        return len(self.x)

    @property
    def n_dev(self) -> int:
        """Rows to choose by."""
        return len(self.x) - self.n_train

    @property
    def n_test(self) -> int:
        """Rows that are sealed."""
        return len(self._sealed.y)

    @property
    def n_bridge(self) -> int:
        """Rows of the kind that is trained on, but held out (`bridge`)."""
        return len(self._bridge.y)

    @property
    def sizes(self) -> dict[SetName, int]:
        """Rows of train, dev and test, and of a bridge where there is one."""
        sizes: dict[SetName, int] = {"train": self.n_train, "dev": self.n_dev, "test": self.n_test}
        if self.n_bridge:
            sizes["bridge"] = self.n_bridge
        return sizes

    @property
    def width(self) -> int:
        """Inputs of a network."""
        return self.x.shape[1]

    @property
    def image_shape(self) -> Shape | None:
        """Height, width and channels when `x` holds images, None otherwise (`Preparation.image_shape`).

        Rows of `x` are images in the order (channels, height, width).
        """
        return self.preparation.image_shape

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """Labels in the order of their codes; None for regression."""
        return self.target.classes

    @property
    def outputs(self) -> int:
        """Number of classes, or 1."""
        return 1 if self.classes is None else len(self.classes)

    @property
    def x_train(self) -> Numbers:
        """float32 (n_train, width)."""
        return self.x[: self.n_train]

    @property
    def y_train(self) -> np.ndarray:
        """(n_train,)."""
        return self.y[: self.n_train]

    @property
    def x_dev(self) -> Numbers:
        """float32 (n_dev, width)."""
        return self.x[self.n_train :]

    @property
    def y_dev(self) -> np.ndarray:
        """(n_dev,)."""
        return self.y[self.n_train :]

    @cached_property
    def x_bridge(self) -> Numbers:
        """float32 (n_bridge, width): like train rows, but never trained on; read-only."""
        return frozen(self.preparation.features(self._bridge.frame))

    @property
    def y_bridge(self) -> np.ndarray:
        """(n_bridge,)."""
        return self._bridge.y

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex of prepared rows, target, sizes, seed, the sealed rows, and what decides the folds."""
        about = f"{self.target.to_json()} {self.n_train} {self.n_dev} {self.n_test} {self.seed}"
        more: list[np.ndarray] = [] if self.weight is None else [self.weight]
        more += [part for part in (self._together, self._times) if part is not None]
        if self.n_bridge:
            more += [self.x_bridge, self.y_bridge]
        return fingerprint(about, self.x, self.y, *more, self._sealed.part.frame, self._sealed.y)

    @property
    def times_opened(self) -> int:
        """How often the test set was opened, by this split or one `rescaled` from it."""
        return len(self._sealed.openings)

    @property
    def openings(self) -> tuple[Opening, ...]:
        """When and by what it was, and what the ledger knew of its rows."""
        return tuple(self._sealed.openings)

    def open_test(self, *, by: str = "Python", run: str | None = None) -> tuple[Numbers, np.ndarray]:
        """The test rows, for one unbiased estimate at the end; see `open_together`.

        Returns:
            x float32 (n_test, width), prepared with train statistics, and y (n_test,) as in `y`.

        Raises:
            BadData: there is no test set.

        Warns:
            TestOpenedAgain: it has been opened before.
        """
        (x,), y = open_together([self], by=by, run=run)
        return x, y

    def raw(self) -> dict[SetName, Part]:
        """The rows of every set as they were read, for checks that compare the sets; a bridge where there is one.

        The test rows are among them, and this does not count as opening them: nothing may be chosen by it. Of train
        rows on disk they are `SHOWN`, chosen at random.
        """
        sets = self.sets()
        sets["train"] = _shown(self._train, self.seed)
        return sets

    def sets(self) -> dict[SetName, Part]:
        """As `raw`, with all train rows, wherever they are: for writing them."""
        sets: dict[SetName, Part] = {"train": self._train, "dev": self._dev, "test": self._sealed.part}
        if self.n_bridge:
            sets["bridge"] = self._bridge
        return sets

    def rescaled(self, scale: Scale) -> "Split":
        """The same rows, prepared with another scale; the sealed test set is the same one.

        Raises:
            BadData: the rows are prepared by a transformer of the user's own.
        """
        if isinstance(self.preparation, Transformed):
            raise BadData(
                "Rows can be scaled in another way where caviar prepares them, but these are prepared by a transformer "
                "of your own. Split with another transformer."
            )
        preparation = fit_preparation(self._train.frame, scale, self.types)
        return replace(
            self,
            preparation=preparation,
            scale=scale,
            x=prepared(preparation, self._train, self._dev),
            explanation=(*self._about, *preparation.words()),
        )

    def with_train(self, rows: Whole) -> "Split":
        """The same split with some of its train rows only; dev, bridge and sealed rows stay.

        Args:
            rows: numbers of train rows, each in [0, n_train), in the order in which they are to stand.
        """
        kept = np.concatenate([rows, np.arange(self.n_train, self.rows)])

        def of_kept(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else frozen(values[kept])

        return replace(
            self,
            x=frozen(np.asarray(self.x[kept])),
            y=frozen(self.y[kept]),
            weight=of_kept(self.weight),
            n_train=len(rows),
            _train=self._train.rows(rows),
            _together=of_kept(self._together),
            _times=of_kept(self._times),
        )

    def to_train_on(self) -> "Split":
        """The same split for another process that only trains: without rows as they were read, and without sealed ones.

        Its networks have the same bits, and its fingerprint is the same.
        """
        none = self._dev.rows(np.arange(0))
        preparation = self.preparation
        if isinstance(preparation, Transformed):
            preparation = replace(preparation, transformer=None)
        few = replace(self, preparation=preparation, _train=none, _dev=none, _bridge=none, _sealed=Sealed(none))
        vars(few)["fingerprint"] = self.fingerprint  # where cached_property keeps it
        return few

    def folds(self, k: int = 5) -> Whole:
        """Fold number of every train and dev row, for cross-validation.

        Args:
            k: number of folds, in [2, rows].

        Returns:
            int32 (rows,) in [0, k), in the order of `x`: a function of the split's seed and k. The sizes of
            the folds, and their rows of each class, differ by one at most. Rows that stay together, such as those of
            a group, are in one fold, and then sizes are as near to that as they can. After a split by time folds are
            stretches of time.

        Raises:
            BadData: k is outside its range, or above the number of groups or times.
        """
        if not isinstance(k, Integral) or isinstance(k, bool) or not 2 <= k <= self.rows:
            raise BadData(f"The number of folds must be in [2, {self.rows:,}], got {k!r}. 5 is usual.")
        codes = self.y if self.classes else None
        if self._times is not None:
            return blocks_of_time(self._times, int(k))
        return fold_rows(codes, self._together, self.rows, int(k), self.seed)

    def subset(self, share: float, seed: int) -> Whole:
        """Some of the train rows, to see what fewer of them are worth.

        Args:
            share: of the train rows, in (0, 1]; the nearest number of rows, at least one.
            seed: another one chooses other rows.

        Returns:
            int64 (rows,) numbers of train rows, rising: a function of the split's seed and this one. A subset lies
            inside every larger one of the same seed. Each has its share of every class; rows that stay together are
            chosen together, and then sizes and classes are as near to that as they can. After a split by time they are
            the latest rows, whatever the seed: what a shorter history would be. Rows from all over it would be
            neighbours in time of those left out, and a tenth of them worth nearly all.
        """
        return self._nested(seed).first(share)

    @cached_property
    def _nested(self) -> Callable[[int], Nested]:
        """The order of the train rows from which `subset` takes the first; the last few are remembered."""

        @lru_cache(maxsize=8)
        def order(seed: int) -> Nested:
            if self._times is not None:
                return nested_by_time(self._times[: self.n_train])
            stream = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, 5, seed])))
            codes = self.y_train if self.classes else None
            together = None if self._together is None else self._together[: self.n_train]
            return nested_by_class(codes, together, self.n_train, stream)

        return order

    def __repr__(self) -> str:
        sets = f"{self.n_train:,} train, {self.n_dev:,} dev and {self.n_test:,} test rows"
        if self.n_bridge:
            sets += f", {self.n_bridge:,} in a bridge"
        inputs = f"{self.width} inputs" + (f" ({size_in_words(self.image_shape)})" if self.image_shape else "")
        return f"Split({self.name!r}: {self.task}, {sets}, {inputs}, {self.outputs} outputs)"


def fold_rows(codes: Whole | None, together: Whole | None, rows: int, k: int, seed: int) -> Whole:
    """Fold of every row, int32 in [0, k): by class, and whole groups where rows stay together.

    Raises:
        BadData: there are fewer than k groups.
    """
    if together is None:
        return fold_numbers(codes, rows, k, seed)
    if (groups := len(np.unique(together))) < k:
        raise BadData(f"The number of folds must be at most that of groups, {groups:,}, got {k}. Ask for fewer folds.")
    counts = np.array([rows]) if codes is None else np.bincount(codes)
    quota = np.repeat(counts[:, None] / k, k, axis=1)
    return place(together, codes, quota, seed, stream=1).astype(np.int32)


def prepared(preparation: Preparation | Transformed, train: Part, dev: Part) -> Numbers:
    """The matrix of train and dev rows, read-only; on disk where the train rows are."""
    if isinstance(train.frame, Stored):
        held_out = in_memory(dev.frame)
        batches = chain(train.frame.batches(), [(held_out, train.frame.height + np.arange(held_out.height))])
        made = ((preparation.features(frame), places) for frame, places in batches if frame.height)
        return rows_on_disk(made, train.frame.height + held_out.height, preparation.width)
    return frozen(np.concatenate([preparation.features(part.frame) for part in (train, dev)]))


def _shown(part: Part, seed: int) -> Part:
    """The rows of a set, or a sample in memory of rows on disk."""
    if not isinstance(part.frame, Stored) or part.frame.height <= SHOWN:
        return part
    return part.rows(np.sort(shuffled(part.frame.height, seed, stream=4)[:SHOWN]))


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, read-only."""
    array.flags.writeable = False
    return array
