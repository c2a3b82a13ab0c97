"""The form in which two cells count as the same label: 1, 1.0 and "1" are one level.

And the refusal of cells that are of another kind than the train rows had.
"""

import polars as pl

from caviar.errors import BadData


def text_form(cells: pl.Series) -> pl.Series:
    """Cells as text, the same for one value whatever type the reader gave its column.

    Args:
        cells: of any type of a `Table`.

    Returns:
        String cells: numbers in their shortest form (007, +7 and 7.0 are 7), true and false in small
        letters, no surrounding blanks; null where a cell is missing.
    """
    if cells.dtype.is_float():
        cells = cells.fill_nan(None)
    text = cells.cast(pl.String).str.strip_chars()
    whole, number = text.cast(pl.Int64, strict=False), text.cast(pl.Float64, strict=False)
    short = number.cast(pl.String).str.replace(r"\.0$", "").str.replace(r"^-0$", "0")
    form = pl.coalesce(whole.cast(pl.String), pl.when(number.is_finite()).then(short), text)
    plain = pl.select(form.alias(cells.name)).to_series()
    return plain.str.replace(r"^(?i:true)$", "true").str.replace(r"^(?i:false)$", "false")


def commonest_first(cells: pl.Series) -> pl.DataFrame:
    """Different cells and how many rows have each, as columns `cell` and `rows`; ties in the order of the cells."""
    return cells.alias("cell").value_counts(name="rows").sort(["rows", "cell"], descending=[True, False])


def holds_values(cells: pl.Series) -> bool:
    """Whether every cell is one number, text, true/false, date or time: no list, bytes or other object."""
    dtype = cells.dtype
    text = dtype in (pl.String, pl.Boolean, pl.Null) or isinstance(dtype, pl.Categorical | pl.Enum)
    return text or dtype.is_numeric() or dtype.is_temporal()


def example_of(cells: pl.Series) -> str:
    """The first known cell as it is shown, or the type where there is none."""
    known = cells.drop_nulls()
    return str(known[0]) if len(known) else str(cells.dtype)


def other_kind(cells: pl.Series, what: str, came: str) -> BadData:
    """The error for cells that are not `what` the train rows were; `came`: an example, or their type."""
    return BadData(
        f"Column '{cells.name}' must hold {what}, as in the train rows, but it holds {came}. Correct the "
        "column, or check that it is the same one."
    )
