"""Why a split has the sets it has, in sentences a person is glad to read."""

from collections.abc import Sequence

import numpy as np

from caviar.arrays import Whole
from caviar.data.images import Shape, counted
from caviar.data.roles import Roles
from caviar.data.sizes import Sizes, resolution_of, rows_needed
from caviar.data.target import Label
from caviar.data.words import count, has, listed


def explain_sizes(
    own: Sizes,
    sets: Sizes,
    given: tuple[str | None, str | None],
    *,
    classes: bool,
    resolution: float,
    shape: Shape | None = None,
    bridge: int = 0,
) -> list[str]:
    """Sizes of the sets, and what they can tell.

    Args:
        own: rows of the split table in train, dev and test.
        sets: rows of train, dev and test, given tables included.
        given: names of the tables given for dev and test, None where there was none.
        classes: whether errors are counted or measured.
        resolution: the difference that was to be told apart.
        shape: of the images, when the rows are images.
        bridge: rows of the train-dev bridge.
    """
    parts = [f"{own.train:,} to train"]
    if bridge:
        parts.append(f"{bridge:,} of their kind kept apart (bridge)")
    if own.dev:
        parts.append(f"{own.dev:,} to choose (dev)")
    if own.test:
        parts.append(f"{own.test:,} to judge at the end (test)")
    said = [f"{counted(sum(own) + bridge, shape)}: {', '.join(parts)}."]
    for part, name, rows in zip(("dev", "test"), given, sets[1:], strict=True):
        if name is not None:
            said.append(f"The {part} set is the table '{name}', {count(rows, 'row')}, as given.")
    if not sets.dev:
        said.append("No dev set: to choose between networks use folds of the train rows; the test set judges once.")
    elif classes:
        said.append(_resolution(sets.dev, resolution))
    else:
        share = 1.96 / (2 * sets.dev) ** 0.5
        said.append(f"An RMSE over {count(sets.dev, 'dev row')} is known to about ±{share:.1%}, more with outliers.")
    if not sets.test:
        said.append("No test set: the final figure will be the dev figure, which flatters what was chosen by it.")
    return said


def _resolution(dev: int, wanted: float) -> str:
    reached = resolution_of(dev)
    tell = "tells" if dev == 1 else "tell"
    sentence = (
        f"{count(dev, 'dev row')} {tell} two networks apart, both judged on them (paired), when their errors differ by "
        f"about {reached:.3f}"
    )
    if rows_needed(wanted) <= dev:
        return f"{sentence}."
    return f"{sentence}; a difference of {wanted:g} would take {rows_needed(wanted):,} dev rows."


def explain_roles(roles: Roles, wanted: np.ndarray | None, marked: Whole | None) -> list[str]:
    """What the columns of sets and sources have decided."""
    said = []
    if marked is not None:
        named = roles.by if roles.by is not None else "folds"
        said.append(f"The sets are those that '{named}' names; it is not learned from.")
    if wanted is not None and roles.source is not None:
        said.append(
            f"Dev and test rows are chosen among the {count(int(wanted.sum()), 'row')} of the wanted source by "
            f"'{roles.source}'; the {count(int((~wanted).sum()), 'other')} train. It is not learned from."
        )
    return said


def explain_classes(
    labels: Sequence[Label], shares: Whole, in_sets: tuple[bool, bool], *, by_chance: bool = True
) -> list[str]:
    """How the classes are divided.

    Args:
        labels: of the classes.
        shares: (classes, 3) rows in train, dev and test.
        in_sets: whether dev, and test, took rows of the table.
        by_chance: whether rows were chosen so that classes are divided alike; otherwise only what is missing is said.
    """
    parts = ["train", *(name for name, used in zip(("dev", "test"), in_sets, strict=True) if used)]
    if len(parts) == 1:
        return []
    sets = len(parts)
    rows = shares.sum(axis=1)
    few = [label for label, n in zip(labels, rows, strict=True) if n < sets]
    absent = {
        name: [labels[i] for i in range(len(labels)) if (rows[i] >= sets or not by_chance) and not shares[i, place]]
        for place, name in enumerate(("train", "dev", "test"))
        if name in parts
    }
    unlearned = [
        f"No train row is {listed(gone)}: a network cannot learn what it has not seen."
        for name, gone in absent.items()
        if gone and name == "train"
    ]
    if not by_chance:
        missing = [f"No {name} row is {listed(gone)}." for name, gone in absent.items() if gone and name != "train"]
        return unlearned + missing
    said = [
        "Every class has its share of each set."
        if not few
        else f"Every class with {sets} rows or more has its share of each set."
    ]
    if few:
        said.append(
            f"{listed(few)} {has(len(few))} fewer: these rows are all in train, where they can be learned "
            "but not judged."
        )
    due = np.outer(rows, shares.sum(axis=0)) / rows.sum()
    far = np.abs(shares - due)[rows >= sets] > 2 + 0.1 * due[rows >= sets]
    if far.any() or any(absent.values()):
        said[0] = "Classes are divided as evenly as the sets allow."
    if any(absent.values()):
        said += unlearned + [
            f"The {name} set has no row of {listed(gone)}: it is too small, or their rows must be elsewhere."
            for name, gone in absent.items()
            if gone and name != "train"
        ]
    return said
