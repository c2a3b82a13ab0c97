"""`ColumnType`: what a column is taken for, and the words by which a person says so.

A type comes from the cells (`infer`), from the owner of a DataFrame (categories, ordered or not), or from `types`, in
Python or in a TOML file.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, Literal, cast, get_args

from caviar.data.scaling import SCALES, Scale
from caviar.data.words import listed
from caviar.errors import BadData, nearest

TypeWord = Literal[
    "number",
    "boolean",
    "category",
    "ordered",
    "date",
    "text",
    "images",
    "identifier",
    "constant",
    "empty",
    "drop",
]

USELESS: tuple[TypeWord, ...] = ("identifier", "constant", "empty", "drop")
"""What a network learns nothing from: such columns are left out."""

ASKED = ("number", *SCALES, "unscaled", "category", "ordered", "boolean", "date", "text", "drop")
"""What a person may say of a column, beside the list of its levels in their order."""

Asked = str | Sequence[str | int | float | bool]
_EXAMPLE = 'zip = "category", grade = ["low", "mid", "high"]'


@dataclass(frozen=True)
class ColumnType:
    """What a column is taken for.

    Attributes:
        word: the type.
        reason: why it is so, as the end of a sentence; "" where it is plain.
        levels: of an ordered column, from low to high, as they are written.
        scale: of a column of numbers, "table": the one of the whole table.
        asked: whether a person said so, or the owner of the DataFrame.
    """

    word: TypeWord
    reason: str = ""
    levels: tuple[str, ...] = ()
    scale: Scale | Literal["table"] = "table"
    asked: bool = False


def asked_types(types: Mapping[str, Asked] | None, columns: Sequence[str], target: str | None) -> dict[str, ColumnType]:
    """What a person said of some columns, checked.

    Args:
        types: by column: one of `ASKED`, or the levels of an ordered column from low to high.
        columns: names of the feature columns.
        target: the column to predict.

    Returns:
        The types of those columns.

    Raises:
        BadData: an unknown column or word, levels that are no list, or the target.
    """
    if types is None:
        return {}
    if not isinstance(types, Mapping):
        raise BadData(
            f"types must be a mapping from columns to types, got {type(types).__name__}. Write "
            "types={'zip': 'category', 'grade': ['low', 'mid', 'high']}."
        )
    found = {}
    for name, asked in types.items():
        if name == target:
            raise BadData(
                f"types are for feature columns, but '{name}' is the target. Say --task (in Python task=...)."
            )
        if name not in columns:
            raise BadData(f"types name a column '{name}', but the table has none. {nearest(str(name), columns)}")
        found[name] = _one(name, asked)
    return found


def as_json(types: Mapping[str, Asked] | None) -> dict[str, str | list[str]] | None:
    """What `asked_types` has accepted, as words and lists of them."""
    if types is None:
        return None
    return {name: asked if isinstance(asked, str) else [str(level) for level in asked] for name, asked in types.items()}


def types_from_toml(path: str | Path) -> dict[str, Any]:
    """The types of a TOML file: lines such as `zip = "category"`, at the top or under [types].

    Raises:
        BadData: there is no such file, it is no TOML, or [types] does not stand alone.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadData(
            f"--types must name a TOML file, but there is no {path}. Write one with lines such as {_EXAMPLE}."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadData(
            f'--types must be a TOML file, but {path} cannot be read: {error}. A line looks like zip = "category"; a '
            'name with blanks stands in quotes, "lot area" = "log".'
        ) from None
    only = content.get("types")
    if not isinstance(only, dict):
        return content
    if others := [name for name in content if name != "types"]:
        raise BadData(
            f"[types] must stand alone in a TOML file of types, but {path} also holds {listed(others)}. Put every "
            "column under [types], or all of them at the top without it."
        )
    return only


def _one(name: str, asked: Any) -> ColumnType:
    if isinstance(asked, str):
        return _of_word(name, asked)
    if (
        isinstance(asked, bytes | bytearray)
        or not isinstance(asked, Sequence)
        or not all(isinstance(level, str | Real) for level in asked)
    ):
        raise BadData(
            f"The type of '{name}' must be a word or a list of levels, got {asked!r}. Words: {', '.join(ASKED)}."
        )
    levels = tuple(str(level).strip() for level in asked)
    if len(levels) < 2 or len(set(levels)) < len(levels):
        raise BadData(
            f"The levels of '{name}' must be two or more different ones from low to high, got {listed(asked)}. Name "
            "each once."
        )
    return ColumnType("ordered", "as asked", levels, asked=True)


def _of_word(name: str, word: str) -> ColumnType:
    if word not in ASKED:
        raise BadData(
            f"The type of '{name}' must be one of {', '.join(ASKED)}, or a list of levels from low to high, got "
            f"'{word}'. {nearest(word, ASKED)}"
        )
    if word == "unscaled":
        return ColumnType("number", "as asked", scale=None, asked=True)
    if word in SCALES:
        return ColumnType("number", "as asked", scale=word, asked=True)
    assert word in get_args(TypeWord)  # `ASKED` beyond the scales
    return ColumnType(cast(TypeWord, word), "as asked", asked=True)
