"""A table becomes train, dev and test rows, prepared for a network; the test rows stay sealed."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Numbers, Whole
from caviar.data.column_types import ColumnType
from caviar.data.explain import explain_classes, explain_sizes
from caviar.data.fingerprint import fingerprint
from caviar.data.images import Shape, size_in_words
from caviar.data.prepare import Preparation, fit_preparation
from caviar.data.scaling import Scale
from caviar.data.sizes import Share, Sizes, set_sizes, with_room_for_classes
from caviar.data.strata import choose_rows, fold_numbers
from caviar.data.table import Table
from caviar.data.target import Label, TargetCoding, fit_classes, fit_quantity
from caviar.data.task import Task, check_task, infer_task
from caviar.data.transformed import Transformed, of_transformer
from caviar.data.weights import scaled_weights, weights_of, without_weights
from caviar.errors import BadData

FEWEST_ROWS = 20
"""A table to learn from has at least so many rows."""


class TestOpenedAgain(UserWarning):
    """The test set was opened a second time: what is chosen by it, it can no longer judge."""

    __test__ = False  # pytest collects what begins with Test


SetName = Literal["train", "dev", "test"]


class Part(NamedTuple):
    """Rows of one set, not prepared."""

    frame: pl.DataFrame
    """Feature columns as `Table.features` has them."""
    y: np.ndarray
    """int32 codes, or float32 standardised target."""


class _Sealed:
    """The test rows, and how often they were looked at: the one thing about a split that changes."""

    def __init__(self, frame: pl.DataFrame, y: np.ndarray) -> None:
        self.frame = frame
        self.y = y
        self.opened = 0


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
    """Whether the dev rows are a table of their own, which may be of another kind than the train rows."""
    scale: Scale
    """How columns of numbers are normalised."""
    types: Mapping[str, ColumnType]
    """What every feature column is taken for (`Table.types`)."""
    seed: int
    explanation: tuple[str, ...]
    """Sentences: the task, the sizes and the preparation, with reasons."""
    _about: tuple[str, ...]  # the sentences of `explanation` before the preparation's
    _train: pl.DataFrame
    _dev: pl.DataFrame
    _sealed: _Sealed

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
    def fingerprint(self) -> str:
        """SHA-256 in hex of prepared rows, target, sizes, seed and the sealed rows."""
        about = f"{self.target.to_json()} {self.n_train} {self.n_dev} {self.n_test} {self.seed}"
        weight = () if self.weight is None else (self.weight,)
        return fingerprint(about, self.x, self.y, *weight, self._sealed.frame, self._sealed.y)

    @property
    def times_opened(self) -> int:
        """How often the test set was opened, by this split or one `rescaled` from it."""
        return self._sealed.opened

    def open_test(self) -> tuple[Numbers, np.ndarray]:
        """The test rows, for one unbiased estimate at the end.

        Returns:
            x float32 (n_test, width), prepared with train statistics, and y (n_test,) as in `y`.

        Raises:
            BadData: there is no test set.

        Warns:
            TestOpenedAgain: it has been opened before.
        """
        (x,), y = open_together([self])
        return x, y

    def raw(self) -> dict[SetName, Part]:
        """The rows of every set as they were read, for checks that compare the sets.

        The test rows are among them, and this does not count as opening them: nothing may be chosen by it.
        """
        train, dev = self.y[: self.n_train], self.y[self.n_train :]
        sealed = self._sealed
        return {"train": Part(self._train, train), "dev": Part(self._dev, dev), "test": Part(sealed.frame, sealed.y)}

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
        preparation = fit_preparation(self._train, scale, self.types)
        return replace(
            self,
            preparation=preparation,
            scale=scale,
            x=_prepared(preparation, self._train, self._dev),
            explanation=(*self._about, *preparation.words()),
        )

    def folds(self, k: int = 5) -> Whole:
        """Fold number of every train and dev row, for cross-validation.

        Args:
            k: number of folds, in [2, rows].

        Returns:
            int32 (rows,) in [0, k), in the order of `x`: a function of the split's seed and k. The sizes of
            the folds, and their rows of each class, differ by one at most.

        Raises:
            BadData: k is outside its range.
        """
        if not isinstance(k, Integral) or isinstance(k, bool) or not 2 <= k <= self.rows:
            raise BadData(f"The number of folds must be in [2, {self.rows:,}], got {k!r}. 5 is usual.")
        return fold_numbers(self.y if self.classes else None, self.rows, int(k), self.seed)

    def __repr__(self) -> str:
        sets = f"{self.n_train:,} train, {self.n_dev:,} dev and {self.n_test:,} test rows"
        inputs = f"{self.width} inputs" + (f" ({size_in_words(self.image_shape)})" if self.image_shape else "")
        return f"Split({self.name!r}: {self.task}, {sets}, {inputs}, {self.outputs} outputs)"


def split(
    table: Table,
    dev: Share | Table = None,
    test: Share | Table = None,
    *,
    weight: str | None = None,
    scale: Scale = "standard",
    resolution: float = 0.01,
    task: Task | None = None,
    seed: int = 0,
    transformer: Any = None,
) -> Split:
    """Divide a table into train, dev and test, and prepare the rows for a network.

    Args:
        table: with a target.
        dev: rows to choose by. None: by the rule (`sizes.set_sizes`); a share in (0, 1), a number of rows,
            a table of its own, or 0 for none.
        test: rows to judge by at the end, the same; they are sealed.
        weight: the feature column that says how much each row counts in training, 0 or more; only ratios matter. It is
            not learned from.
        scale: of columns of numbers (`prepare.fit_preparation`).
        resolution: difference between the errors of two networks that dev must tell apart, in (0, 1).
        task: None: by the target (`task.infer_task`).
        seed: of the choice of rows, not negative; the same seed chooses the same rows on every platform.
        transformer: one of scikit-learn's that you have fitted, on rows of train only: it prepares all rows, in place
            of `scale` and `Table.types`. Networks on it cannot be saved as plain data.

    Returns:
        The split. With classes every set has its share of each (`strata.allot`).

    Raises:
        BadData: no target, sizes that do not fit, a given table that does not match, or no useful column.
    """
    if table.target is None:
        raise BadData(f"A split needs a target, but '{table.name}' was read without one. Read it with target=COLUMN.")
    _check_learnable(table.target, table.name)
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        raise BadData(f"seed must be a whole number, 0 or more, got {seed!r}. Each seed chooses other rows.")
    if task is None:
        task, why = infer_task(table.target)
    else:
        check_task(table.target, task)
        why = f"{task.capitalize()}, as asked."
    given = (isinstance(dev, Table), isinstance(test, Table))
    own = set_sizes(
        table.rows,
        None if isinstance(dev, Table) else dev,
        None if isinstance(test, Table) else test,
        resolution=resolution,
        given=given,
    )
    if not any(given) and not own.dev and not own.test:
        raise BadData(
            "A network must be judged by rows it was not trained on, but dev and test are both 0. Leave one out."
        )
    coding = fit_classes(table.target) if task == "classification" else None
    codes = None if coding is None else coding.encode(table.target)
    if codes is not None:
        own = with_room_for_classes(own, np.bincount(codes), by_rule=(dev is None, test is None))
    at_train, at_dev, at_test = choose_rows(codes, own, int(seed), table.rows)
    if coding is None:
        coding = fit_quantity(table.target[at_train])
    features = without_weights(table.features, weight)
    train = features[at_train]
    if transformer is None:
        preparation = fit_preparation(train, scale, table.types)
    else:
        preparation, scale = of_transformer(transformer, train), None
    dev_part, test_part = (
        _given(part, name, table, coding, preparation)
        if isinstance(part, Table)
        else Part(table.features[at], coding.encode(table.target[at]))
        for part, name, at in ((dev, "dev", at_dev), (test, "test", at_test))
    )
    sets = Sizes(own.train, len(dev_part.y), len(test_part.y))
    names = (dev.name if isinstance(dev, Table) else None, test.name if isinstance(test, Table) else None)
    about = [
        why,
        *explain_sizes(own, sets, names, classes=codes is not None, resolution=resolution, shape=table.image_shape),
    ]
    if codes is not None and coding.classes is not None:
        shares = np.stack(
            [np.bincount(codes[at], minlength=len(coding.classes)) for at in (at_train, at_dev, at_test)],
            axis=1,
        )
        about += explain_classes(coding.classes, shares, (own.dev > 0, own.test > 0))
    return Split(
        name=table.name,
        task=task,
        preparation=preparation,
        target=coding,
        x=_prepared(preparation, train, dev_part.frame),
        y=_frozen(np.concatenate([coding.encode(table.target[at_train]), dev_part.y])),
        weight=_weights(weight, table.features, at_train, dev_part.frame),
        n_train=own.train,
        dev_given=isinstance(dev, Table),
        scale=scale,
        types=table.types,
        seed=int(seed),
        explanation=(*about, *preparation.words()),
        _about=tuple(about),
        _train=train,
        _dev=dev_part.frame,
        _sealed=_Sealed(test_part.frame, _frozen(test_part.y)),
    )


def _check_learnable(target: pl.Series, label: str) -> None:
    """A target to learn from has enough rows, which are not all the same."""
    if len(target) < FEWEST_ROWS:
        raise BadData(f"Training needs at least {FEWEST_ROWS} rows, but '{label}' has {len(target)}. Collect more.")
    if target.n_unique() == 1:
        raise BadData(
            f"The target must vary, but '{target.name}' in '{label}' is {target[0]!r} in every row. Choose "
            "another column, or add rows with other values."
        )


def open_together(splits: Sequence[Split]) -> tuple[list[Numbers], np.ndarray]:
    """Open the test set once for splits of the same rows that differ in scale only (`Split.rescaled`).

    Args:
        splits: at least one; all with the same sealed rows.

    Returns:
        x of each, float32 (n_test, width), prepared as that split prepares rows, and y (n_test,).

    Raises:
        BadData: there is no test set, or the splits do not share one.

    Warns:
        TestOpenedAgain: it has been opened before.
    """
    first = splits[0]
    sealed = first._sealed
    if any(other._sealed is not sealed for other in splits):
        raise BadData(
            "Splits that are opened together must share their test rows, but these do not. Make the "
            "others with rescaled()."
        )
    if not first.n_test:
        raise BadData(
            f"A test set must have rows, but '{first.name}' was split without one. Judge by the dev "
            "rows, or split with test=None."
        )
    sealed.opened += 1
    if sealed.opened > 1:
        warnings.warn(
            f"The test set of '{first.name}' has been opened {sealed.opened} times. An estimate is unbiased "
            "only as long as nothing is chosen by it: choose by the dev rows.",
            TestOpenedAgain,
            stacklevel=2,
        )
    return [other.preparation.features(sealed.frame) for other in splits], sealed.y


def _given(part: Table, name: str, table: Table, coding: TargetCoding, preparation: Preparation | Transformed) -> Part:
    """A set that is a table of its own: refused here, not at the end, when it does not match."""
    if part.target is None or part.target.name != coding.name:
        came = "has no target" if part.target is None else f"has the target '{part.target.name}'"
        raise BadData(
            f"The {name} table must have the target '{coding.name}', as '{table.name}' has, but "
            f"'{part.name}' {came}. Read it with target='{coding.name}'."
        )
    if not part.rows:
        raise BadData(f"The {name} table must have rows, but '{part.name}' has none. For no {name} set give 0.")
    try:
        preparation.features(part.features)
        return Part(part.features, coding.encode(part.target))
    except BadData as error:
        raise BadData(f"The {name} table '{part.name}' must match '{table.name}'. {error}") from None


def _weights(column: str | None, own: pl.DataFrame, at_train: Whole, dev: pl.DataFrame) -> Numbers | None:
    if column is None:
        return None
    return _frozen(scaled_weights(weights_of(own, column)[at_train], weights_of(dev, column), column))


def _prepared(preparation: Preparation | Transformed, train: pl.DataFrame, dev: pl.DataFrame) -> Numbers:
    return _frozen(np.concatenate([preparation.features(train), preparation.features(dev)]))


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
