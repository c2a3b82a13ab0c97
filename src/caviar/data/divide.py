"""Rows that were chosen become a `Split`: sets prepared alike, with sentences that say how and why."""

from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from caviar.arrays import Numbers, Whole
from caviar.data.bridge import hold_bridge
from caviar.data.choice import Wishes, choose
from caviar.data.explain import explain_classes, explain_roles, explain_sizes
from caviar.data.groups import rows_together
from caviar.data.infer import column_types
from caviar.data.prepare import Preparation, fit_preparation
from caviar.data.roles import Roles
from caviar.data.scaling import Scale
from caviar.data.sealed import Part, Sealed
from caviar.data.sets import SHOWN, Split, frozen, prepared
from caviar.data.sizes import Share, Sizes
from caviar.data.stored import in_memory, taken
from caviar.data.table import Table
from caviar.data.target import TargetCoding, fit_classes, fit_quantity
from caviar.data.task import Task, check_task, infer_task
from caviar.data.times import check_times
from caviar.data.transformed import Transformed, of_transformer
from caviar.data.weights import scaled_weights, weights_of
from caviar.errors import BadData

Duplicates = Literal["together", "anywhere"]

FEWEST_ROWS = 20
"""A table to learn from has at least so many rows."""


def divide(
    table: Table,
    dev: Share | Table,
    test: Share | Table,
    *,
    roles: Roles,
    marked: Whole | None = None,
    wanted: np.ndarray | None = None,
    bridge: float | bool = False,
    duplicates: Duplicates = "together",
    scale: Scale = "standard",
    resolution: float = 0.01,
    task: Task | None = None,
    seed: int = 0,
    transformer: Any = None,
) -> Split:
    """As `split`, with what its columns say already read.

    Args:
        table: with a target.
        dev: as in `split`.
        test: as in `split`.
        roles: of the columns that are not learned from, checked.
        marked: set of every row: 0 train, 1 dev, 2 test; None: no column names them.
        wanted: which rows may be held out; None: all.
        bridge: as `bridge.bridge_size` takes it.
        duplicates: as in `split`.
        scale: as in `split`.
        resolution: as in `split`.
        task: as in `split`.
        seed: as in `split`.
        transformer: as in `split`.
    """
    assert table.target is not None
    check_learnable(table.target, table.name)
    task, why = task_of(table.target, task)
    check_seed(seed)
    given = (isinstance(dev, Table), isinstance(test, Table))
    names = (dev.name if isinstance(dev, Table) else None, test.name if isinstance(test, Table) else None)
    coding = fit_classes(table.target) if task == "classification" else None
    codes = None if coding is None else coding.encode(table.target)
    features, beside = roles.apart(table.features)
    beside = in_memory(beside)
    if roles.weight is not None:
        weights_of(table.features, roles.weight)  # of the test rows as well: refused here
    times = None if roles.time is None else table.features[roles.time]
    if times is not None:
        check_times(times)
    group = None if roles.group is None else table.features[roles.group]
    together = rows_together(features, group, duplicates=_by_content(duplicates) and times is None)
    wishes = Wishes(codes, together.codes, times, marked, wanted)
    chosen = choose(
        table.rows,
        wishes,
        None if isinstance(dev, Table) else dev,
        None if isinstance(test, Table) else test,
        given=given,
        resolution=resolution,
        seed=int(seed),
    )
    held_out = dev.rows if isinstance(dev, Table) else len(chosen.dev)
    held_out = held_out or (test.rows if isinstance(test, Table) else len(chosen.test))
    at_train, at_bridge = hold_bridge(chosen.train, bridge, held_out, wishes, seed=int(seed))
    if coding is None:
        coding = fit_quantity(table.target[at_train])
    some = beside.width > 0  # a frame without columns has no rows to choose from
    frames = (taken(features, at_train), *(features[at] for at in (chosen.dev, chosen.test, at_bridge)))
    train, own_dev, own_test, held = (
        Part(frame, frozen(coding.encode(table.target[at])), table.target[at], beside[at] if some else beside)
        for frame, at in zip(frames, (at_train, chosen.dev, chosen.test, at_bridge), strict=True)
    )
    types = column_types(train.frame, table.given, at_train)
    if transformer is None:
        preparation = fit_preparation(train.frame, scale, types)
    else:
        shown = train.frame if isinstance(train.frame, pl.DataFrame) else train.frame[:SHOWN]
        preparation, scale = of_transformer(transformer, shown), None
    common = {"preparation": preparation, "roles": roles}
    dev_part = _given("dev", dev, table, coding, **common) if isinstance(dev, Table) else own_dev
    test_part = _given("test", test, table, coding, **common) if isinstance(test, Table) else own_test
    own = Sizes(len(at_train), len(own_dev.y), len(own_test.y))
    about = [
        why,
        *explain_sizes(
            own,
            Sizes(own.train, len(dev_part.y), len(test_part.y)),
            names,
            classes=codes is not None,
            resolution=resolution,
            shape=table.image_shape,
            bridge=len(at_bridge),
        ),
        *explain_roles(roles, wanted, marked),
        *together.said,
        *chosen.said,
    ]
    if codes is not None and coding.classes is not None:
        shares = np.stack(
            [np.bincount(codes[at], minlength=len(coding.classes)) for at in (at_train, chosen.dev, chosen.test)],
            axis=1,
        )
        by_chance = marked is None and times is None
        about += explain_classes(coding.classes, shares, (own.dev > 0, own.test > 0), by_chance=by_chance)
    rows = np.r_[at_train, chosen.dev]
    return Split(
        name=table.name,
        task=task,
        preparation=preparation,
        target=coding,
        x=prepared(preparation, train, dev_part),
        y=frozen(np.concatenate([train.y, dev_part.y])),
        weight=_weights(roles.weight, train, dev_part),
        n_train=own.train,
        dev_given=given[0] or (own.dev > 0 and _of_another_kind(times, wanted, marked)),
        roles=roles,
        scale=scale,
        types=types,
        seed=int(seed),
        explanation=(*about, *preparation.words()),
        _about=tuple(about),
        _train=train,
        _dev=dev_part,
        _bridge=held,
        _sealed=Sealed(test_part, passing=(roles.by, roles.source)),
        _together=_of_rows(together.codes, rows, len(dev_part.y) if given[0] else 0),
        _times=None if times is None or given[0] else frozen(times.to_physical().to_numpy()[rows].copy()),
    )


def check_learnable(target: pl.Series, label: str) -> None:
    """Refuse a target with too few rows to learn from, or with all rows the same.

    Raises:
        BadData: it is one.
    """
    if len(target) < FEWEST_ROWS:
        raise BadData(f"Training needs at least {FEWEST_ROWS} rows, but '{label}' has {len(target)}. Collect more.")
    if target.n_unique() == 1:
        raise BadData(
            f"The target must vary, but '{target.name}' in '{label}' is {target[0]!r} in every row. Choose "
            "another column, or add rows with other values."
        )


def task_of(target: pl.Series, task: Task | None) -> tuple[Task, str]:
    """The task, and why, in a sentence.

    Raises:
        BadData: the target does not allow it.
    """
    if task is None:
        return infer_task(target)
    check_task(target, task)
    return task, f"{task.capitalize()}, as asked."


def check_seed(seed: object) -> None:
    """Refuse what is no seed.

    Raises:
        BadData: it is none.
    """
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        raise BadData(f"seed must be a whole number, 0 or more, got {seed!r}. Each seed chooses other rows.")


def _by_content(duplicates: object) -> bool:
    if duplicates not in get_args(Duplicates):
        raise BadData(f"duplicates must be 'together' or 'anywhere', got {duplicates!r}.")
    return duplicates == "together"


def _given(
    name: str, part: Table, table: Table, coding: TargetCoding, *, preparation: Preparation | Transformed, roles: Roles
) -> Part:
    """A set that is a table of its own: refused here, not at the end, when it does not match."""
    if part.target is None or part.target.name != coding.name:
        came = "has no target" if part.target is None else f"has the target '{part.target.name}'"
        raise BadData(
            f"The {name} table must have the target '{coding.name}', as '{table.name}' has, but "
            f"'{part.name}' {came}. Read it with target='{coding.name}'."
        )
    if not part.rows:
        raise BadData(f"The {name} table must have rows, but '{part.name}' has none. For no {name} set give 0.")
    frame, beside = roles.apart(part.cells)
    try:
        preparation.features(frame)
        return Part(frame, frozen(coding.encode(part.target)), part.target, in_memory(beside))
    except BadData as error:
        raise BadData(f"The {name} table '{part.name}' must match '{table.name}'. {error}") from None


def _weights(column: str | None, train: Part, dev: Part) -> Numbers | None:
    if column is None:
        return None
    own, other = (weights_of(part.beside if part.beside.width else part.frame, column) for part in (train, dev))
    return frozen(scaled_weights(own, other, column))


def _of_rows(codes: Whole | None, rows: Whole, more: int) -> Whole | None:
    """Which train and dev rows stay together; `more` rows of a given dev table are each on their own."""
    if codes is None:
        return None
    return frozen(np.r_[codes[rows], int(codes.max()) + 1 + np.arange(more)])


def _of_another_kind(times: pl.Series | None, wanted: np.ndarray | None, marked: Whole | None) -> bool:
    """Whether dev rows may differ from train rows by how they were chosen."""
    return times is not None or wanted is not None or (marked is not None and bool((marked == 1).any()))
