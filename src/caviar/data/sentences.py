"""What a preparation does to the columns, in sentences."""

from collections.abc import Iterator, Sequence

from caviar.data.category import Category
from caviar.data.dates import Dates
from caviar.data.encoders import Column, Dropped
from caviar.data.free_text import FreeText
from caviar.data.images import size_in_words
from caviar.data.numeric import Numeric
from caviar.data.ordered import Ordered
from caviar.data.pixels import Pixels
from caviar.data.scaling import FORMULAS
from caviar.data.words import count, has, listed

_MOST_ORDERS = 5


def sentences(columns: Sequence[Column]) -> list[str]:
    """Sentences: what is done to the columns, and which are dropped and why."""
    numeric = [c for c in columns if isinstance(c, Numeric)]
    return [
        *_about_numbers(numeric),
        *_about_dates([c for c in columns if isinstance(c, Dates)]),
        *_about_levels([c for c in columns if isinstance(c, Ordered)]),
        *_about_missing(columns),
        *_about_images([c for c in columns if isinstance(c, Pixels)]),
        *_about_categories([c for c in columns if isinstance(c, Category)]),
        *_about_text([c for c in columns if isinstance(c, FreeText)]),
        *_about_dropped([c for c in columns if isinstance(c, Dropped)]),
    ]


def _about_numbers(columns: Sequence[Numeric]) -> Iterator[str]:
    varied = [c for c in columns if c.spread > 0]
    for scale, formula in FORMULAS.items():
        if some := [c.column for c in varied if c.scale == scale and c.kind != "boolean"]:
            yield f"{count(len(some), 'column')} of numbers: {formula}."
    if flags := [c.column for c in varied if c.kind == "boolean"]:
        yield f"{count(len(flags), 'true/false column')} as 0 and 1: {listed(flags)}."
    if days := [c.column for c in varied if c.kind == "days"]:
        yield f"Dates count as days since 1970-01-01, durations as days: {listed(days)}."


def _about_dates(columns: Sequence[Dates]) -> Iterator[str]:
    for dates in columns:
        scaled = " and ".join(part for part in dates.parts if part in ("days", "year"))
        around = ", ".join(part for part in dates.parts if part not in ("days", "year"))
        circle = f"{around} as sine and cosine" if around else ""
        yield f"Dates '{dates.column}': {'; '.join(p for p in (scaled and f'{scaled} as numbers', circle) if p)}."


def _about_missing(columns: Sequence[Column]) -> Iterator[str]:
    filled = [c.column for c in columns if isinstance(c, Numeric | Dates | Ordered) and c.marked]
    if filled:
        yield (
            f"{len(filled)} of these {has(len(filled))} missing cells, which take the median of the train rows, and a "
            f"column of 0 and 1 that marks them ({listed(filled)})."
        )


def _about_images(columns: Sequence[Pixels]) -> Iterator[str]:
    for images in columns:
        yield (
            f"Images of {size_in_words(images.shape)}: {count(len(images.names), 'input')}, in every channel "
            f"{FORMULAS[images.scale]}."
        )
        if images.marked:
            yield "Missing pixels take the median of their channel in the train rows."
        if alike := [channel for channel, spread in enumerate(images.spreads) if not spread]:
            yield f"Channels that are the same everywhere become 0 (counted from 0): {listed(alike)}."


def _about_levels(columns: Sequence[Ordered]) -> Iterator[str]:
    if not columns:
        return
    yield (
        f"{count(len(columns), 'ordered column')} become{'s' * (len(columns) == 1)} "
        f"{count(sum(len(c.steps) for c in columns), 'column')} of 0 and 1, one per step."
    )
    orders = list(dict.fromkeys(c.levels for c in columns))
    for order in orders[:_MOST_ORDERS]:
        yield f"Order {' < '.join(order)}: {listed([c.column for c in columns if c.levels == order])}."
    if len(orders) > _MOST_ORDERS:
        yield f"{count(len(orders) - _MOST_ORDERS, 'more order')} of levels."


def _about_categories(columns: Sequence[Category]) -> Iterator[str]:
    if not columns:
        return
    yield (
        f"{count(len(columns), 'column')} of categories become{'s' * (len(columns) == 1)} "
        f"{count(sum(len(c.names) for c in columns), 'column')} of 0 and 1, one per value."
    )
    if rare := [c.column for c in columns if c.other]:
        yield f"Rare values share one column, called other: {listed(rare)}."


def _about_text(columns: Sequence[FreeText]) -> Iterator[str]:
    for text in columns:
        yield f"Free text '{text.column}': its words and pairs of words, hashed into {text.width} columns."


def _about_dropped(columns: Sequence[Dropped]) -> Iterator[str]:
    for reason in dict.fromkeys(c.reason for c in columns):
        yield f"Dropped {listed([c.column for c in columns if c.reason == reason])}: {reason}."
