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


def bytes_in_words(number: int) -> str:
    """`812 bytes`, `3.4 MB`, `120 GB`: decimal, two digits at least."""
    if number < 1000:
        return count(number, "byte")
    size, unit = float(number), ""
    for unit in ("kB", "MB", "GB", "TB", "PB", "EB"):  # noqa: B007  (the last one is used below)
        size /= 1000
        if size < 999.5:
            break
    return f"{size:.1f} {unit}" if size < 9.95 else f"{size:,.0f} {unit}"
