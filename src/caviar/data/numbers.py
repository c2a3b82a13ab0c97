"""Text cells become numbers, whichever way decimals and thousands are written.

A comma may part decimals (1,5) or thousands (1,234,567). A file answers by its other cells; where it does
not, it is an error: a number wrong by a factor of a thousand is worse than none.
"""

from collections.abc import Iterable
from typing import Literal, assert_never

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.errors import BadData

Marks = Literal[
    "point", "decimal comma", "thousands comma", "thousands point", "thousands gap", "thousands gap, decimal comma"
]
"""How the numbers of a column are written: 1.5, 1.234,5, 1,234.5, 1.234 for a thousand and more, 1 234.5 or 1'234.5,
or 1 234,5.
"""

ENOUGH = 0.9
"""A text column is numeric when at least this share of its cells are numbers."""

_SIGN, _POWER = r"^[+-]?", r"([eE][+-]?\d+)?$"
_DECIMAL_COMMA = rf"{_SIGN}(\d*|[1-9]\d{{0,2}}(\.\d{{3}})+)(,\d+)?{_POWER}"
_THOUSANDS_COMMA = rf"{_SIGN}[1-9]\d{{0,2}}(,\d{{3}})+(\.\d*)?$"
_GAP = "[ \u00a0\u2009\u202f'\u2019]"
"""Blanks and apostrophes that part thousands, as French and Swiss programs write them."""
_GAPS = rf"{_SIGN}[1-9]\d{{0,2}}({_GAP}\d{{3}})+([.,]\d*)?$"
_THOUSANDS_POINT = rf"{_SIGN}[1-9]\d{{0,2}}(\.\d{{3}})+$"


def plain_numbers(cells: pl.Series) -> bool:
    """Whether cells are numbers already, of a type that NumPy has too."""
    return cells.dtype.is_float() or (cells.dtype.is_integer() and cells.dtype not in (pl.Int128, pl.UInt128))


def numbers_in(cells: pl.Series) -> Numbers:
    """Such cells as float64, NaN where null. By NumPy: Polars plans every call on a column, and tables may be wide."""
    return np.asarray(cells.to_numpy(), np.float64)


def parse(text: pl.Series, marks: Marks = "point") -> pl.Series:
    """Numbers of text cells.

    Args:
        text: String cells without surrounding blanks.
        marks: how decimals and thousands are marked.

    Returns:
        Int64 when every number is a whole one that fits, else Float64; null where a cell is no number.
        A number beyond the range of float64 is infinite.
    """
    match marks:
        case "point":
            plain = text
        case "decimal comma":
            point = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
            plain = _where(point, text.str.contains(_DECIMAL_COMMA))
        case "thousands comma":
            fits = text.str.contains(_THOUSANDS_COMMA) | ~text.str.contains(",", literal=True)
            plain = _where(text.str.replace_all(",", "", literal=True), fits)
        case "thousands point":
            fits = text.str.contains(_THOUSANDS_POINT) | ~text.str.contains(".", literal=True)
            plain = _where(text.str.replace_all(".", "", literal=True), fits)
        case "thousands gap" | "thousands gap, decimal comma":
            plain = pl.select(
                pl.when(text.str.contains(_GAPS)).then(text.str.replace_all(_GAP, "")).otherwise(text)
            ).to_series()
            if marks == "thousands gap, decimal comma":
                return parse(plain, "decimal comma")
        case _:
            assert_never(marks)
    whole = plain.cast(pl.Int64, strict=False)
    if whole.null_count() == text.null_count():
        return whole
    numbers = plain.str.replace("−", "-", literal=True).cast(pl.Float64, strict=False).fill_nan(None)
    return whole if whole.null_count() == numbers.null_count() else numbers


def marks_of(columns: Iterable[pl.Series], delimiter: str | None) -> dict[str, Marks]:
    """How each text column of one file writes its numbers: in the way that most of its cells fit.

    Args:
        columns: String columns, missing cells null; gone through twice where commas ask for it.
        delimiter: of the file, None where there was none.

    Returns:
        Marks by column name, for the columns of which at least `ENOUGH` cells are numbers.

    Raises:
        BadData: "1,234" could be 1.234 as well as 1234, and nothing in the file tells.
    """
    found: dict[str, Marks] = {}
    unclear: list[pl.Series] = []
    for column in columns:
        filled = column.drop_nulls()
        shares: dict[Marks, float] = {"point": _share(parse(filled))}
        if shares["point"] < 1:
            if filled.str.contains(",", literal=True).any():
                shares["decimal comma"] = _share(parse(filled, "decimal comma"))
                shares["thousands comma"] = _share(parse(filled, "thousands comma"))
            elif filled.str.contains(_THOUSANDS_POINT).any():
                shares["thousands point"] = _share(parse(filled, "thousands point"))
            if filled.str.contains(_GAPS).any():
                shares["thousands gap"] = _share(parse(filled, "thousands gap"))
                shares["thousands gap, decimal comma"] = _share(parse(filled, "thousands gap, decimal comma"))
        best = max(shares.values())
        ways: list[Marks] = [way for way, share in shares.items() if share == best]
        if best < ENOUGH:
            continue
        if ways == ["decimal comma", "thousands comma"]:
            unclear.append(column)
        else:
            found[column.name] = ways[0]
    if unclear or "decimal comma" in found.values():
        thousands = {
            column.name: bool(dotted.str.contains(_THOUSANDS_POINT).all())
            for column in columns
            if found.get(column.name) == "point"
            and len(dotted := column.filter(column.str.contains(r"\.").fill_null(False)))
        }
        known = set(found.values())
        points = not all(thousands.values())
        found |= {c.name: _by_the_rest(c, known, points, delimiter) for c in unclear}
        if "decimal comma" in found.values() and not points:
            found |= dict.fromkeys(thousands, "thousands point")
    return found


def _by_the_rest(column: pl.Series, known: set[Marks], points: bool, delimiter: str | None) -> Marks:
    """What 1,234 means in a column that does not tell; `points`: another one has decimal points."""
    decimal = bool(known & {"decimal comma", "thousands gap, decimal comma"})
    thousands = "thousands comma" in known or points
    if decimal != thousands:
        return "decimal comma" if decimal else "thousands comma"
    if not decimal and delimiter == ",":
        return "thousands comma"
    if not decimal and delimiter == ";":
        return "decimal comma"
    example = column.filter(column.str.contains(",", literal=True).fill_null(False))[0]
    raise BadData(
        f"Numbers must be written in one way only, but '{example}' in column '{column.name}' may be "
        f"{example.replace(',', '.')} or {example.replace(',', '')}. Write decimals with a point, and "
        "thousands without a mark."
    )


def _share(numbers: pl.Series) -> float:
    return numbers.count() / len(numbers) if len(numbers) else 0.0


def _where(text: pl.Series, fits: pl.Series) -> pl.Series:
    return pl.select(pl.when(fits).then(text)).to_series()
