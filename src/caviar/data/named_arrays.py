"""Which of the arrays in a file are the features and the target, by their names (.npz, HDF5).

Names may say which set they belong to (x_train, test_set_y): the parts are told apart, and X and y come from the same.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from caviar.data.matrices import Columns, from_arrays
from caviar.data.words import listed
from caviar.errors import BadData, nearest

_FEATURES = ("x", "data", "features", "images", "inputs")
_TARGETS = ("y", "target", "targets", "labels", "label")
_CLASSES = ("listclasses", "classes", "classnames", "targetnames", "labelnames")
_SETS = re.compile(r"training|train|testing|test|validation|valid|val|dev|set")

Shape = tuple[int, ...]


class _Role(NamedTuple):
    """What a name says."""

    base: str
    """Letters and digits of the name without the set: `x` for `train_set_x`."""
    part: str
    """First letters of `train`, `test`, …, of the name or its group; "" when it names no set."""


def columns_of_arrays(
    shapes: Mapping[str, Shape],
    load: Callable[[str], np.ndarray],
    label: str,
    *,
    target: str | None,
    names: Sequence[str] | None,
    with_target: bool,
) -> Columns:
    """Columns of the arrays of a file.

    Features are the array called X, x, data, features, images or inputs, else the only one of two axes and more. The
    target is called y, target, targets, labels or label. Where names carry sets (x_train, x_test), the train
    rows are read, and the column of the target is called as if they did not: so train and test files match.

    Args:
        shapes: of all arrays, by name.
        load: the array of a name; only what is needed is loaded.
        label: of the file, for messages.
        target: name of the array that is the target; None: found.
        names: of the columns.
        with_target: False leaves out the target.

    Returns:
        The columns, and sentences about which arrays they are and which were left out.

    Raises:
        BadData: no feature array, or no array of the target's name.
    """
    roles = {name: _role(name) for name in shapes}
    y = _target(roles, target, None)
    x = _features(shapes, roles, y, label)
    if target is None and roles[x].part:
        y = _target(roles, None, roles[x].part) or y
    if target is not None and y is None and (_target(roles, None, None) or len(shapes[x]) > 2):
        raise BadData(f"{label} has no array '{target}' (it has {_shown(shapes)}). {nearest(target, shapes)}")
    called = target or ("y" if y is None else roles[y].base if roles[y].part else y.rpartition("/")[2])
    left = [name for name in shapes if name not in (x, y)]
    labels, named = None, ()
    if y is not None and with_target:
        labels = load(y)
        if (listing := next((n for n in left if roles[n].base in _CLASSES), None)) is not None:
            labels, named = _with_names(labels, load(listing), listing)
            left = [name for name in left if name != listing or not named]
    columns = from_arrays(load(x), labels, names=names, target=called)
    answer = f", the target '{y}'" if labels is not None and y != called else ""
    notes = (f"Features are the array '{x}' {shapes[x]}{answer}" + (f", left out: {listed(left)}." if left else "."),)
    return columns._replace(notes=(*notes, *named, *columns.notes))


def _role(name: str) -> _Role:
    last = name.rpartition("/")[2].lower()
    sets = [word for word in _SETS.findall(name.lower()) if word != "set"]
    return _Role(re.sub(r"[^a-z0-9]", "", _SETS.sub("", last)), sets[0][:4] if sets else "")


def _target(roles: Mapping[str, _Role], target: str | None, part: str | None) -> str | None:
    """The array that is the target; `part`: only of this set."""
    if target is not None:
        if target in roles:
            return target
        if (base := _role(target).base) not in _TARGETS:
            return None
        return _first(roles, (base,), part)
    return _first(roles, _TARGETS, part)


def _first(roles: Mapping[str, _Role], bases: Sequence[str], part: str | None) -> str | None:
    """The first name that means one of `bases`: of no set before the train set before others."""
    order = {"": 0, "trai": 1}
    found = [name for name in roles if roles[name].base in bases and part in (None, roles[name].part)]
    return min(found, key=lambda n: (order.get(roles[n].part, 2), bases.index(roles[n].base)), default=None)


def _features(shapes: Mapping[str, Shape], roles: Mapping[str, _Role], y: str | None, label: str) -> str:
    others = {name: role for name, role in roles.items() if name != y}
    if (x := _first(others, _FEATURES, None)) is not None:
        return x
    tall = [name for name in others if len(shapes[name]) >= 2]
    if len(tall) != 1:
        raise BadData(
            f"{label} must have one array of features, called X, x, data, features, images or inputs, but it has "
            f"{_shown(shapes) or 'none'}. Save it with X=..., y=... as names."
        )
    return tall[0]


def _with_names(labels: np.ndarray, names: np.ndarray, listing: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Codes 0, 1, … become the names of the classes, when there is one for each."""
    words = [n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in names.reshape(-1).tolist()]
    codes = labels.reshape(-1)
    fits = (
        codes.dtype.kind in "iu"
        and len(codes) > 0
        and len(set(words)) == len(words) <= 10_000
        and 0 <= codes.min() <= codes.max() < len(words)
    )
    if not fits:
        return labels, ()
    called = ", ".join(f"{code} is '{word}'" for code, word in enumerate(words[:4]))
    sentence = f"Classes are named by the array '{listing}': {called}{', …' if len(words) > 4 else ''}."
    return np.asarray(words)[labels], (sentence,)


def _shown(shapes: Mapping[str, Shape]) -> str:
    return listed([f"{name} {shape}" for name, shape in shapes.items()], 8).replace("'", "")
