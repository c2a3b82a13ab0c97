"""The form in which two cells count as the same label: 1, 1.0 and "1" are one level."""

import polars as pl


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
