"""Counts and lists of names, as they are written in sentences and messages."""

from collections.abc import Iterable


def count(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`, `3 classes`, `4 categories`."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}"


def listed(items: Iterable[object], most: int = 5) -> str:
    """`'a', 'b' and 3 more`: at most `most` items, quoted as Python writes them, long ones shortened."""
    known = list(items)
    shown = ", ".join(_short(item) for item in known[:most])
    return f"{shown} and {len(known) - most:,} more" if len(known) > most else shown


def has(number: int) -> str:
    """`has` after one thing, `have` after several."""
    return "has" if number == 1 else "have"


def _short(item: object, most: int = 40) -> str:
    text = repr(item)
    return text if len(text) <= most else f"{text[: most - 2]}…{text[-1]}"
