import numpy as np
import polars as pl
import pytest

import caviar
from caviar.data.checks.columns import check_constant_feature, check_identifier_column, check_nearly_empty_column

RNG = np.random.default_rng(0)
ROWS = 2000
X = RNG.normal(size=ROWS)


def table(**columns):
    frame = pl.DataFrame({"x": X, **columns})
    return caviar.Table("t", frame, pl.Series("y", RNG.normal(size=ROWS)))


def only(checked, name, severity):
    (found,) = checked.checks
    assert (found.name, found.severity) == (name, severity)
    return found


def test_identifiers_that_were_left_out():
    found = only(check_identifier_column(table(order=range(ROWS), k=[f"k{i}" for i in range(ROWS)])), *IDENTIFIER)
    assert list(found.evidence["dropped"]) == ["order", "k"]
    assert found.evidence["examples"]["k"] == ["k0", "k1", "k2"]
    assert "Left out, because they tell rows apart and nothing else: 'order', 'k'" in found.meaning


IDENTIFIER = ("identifier_column", "info")


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (RNG.choice(90_000, ROWS, replace=False) + 10_000, True),  # five digits each
        (RNG.permutation(ROWS), True),  # without gaps
        (RNG.choice(100_000, ROWS, replace=False), False),  # of any length, as measures are
        (RNG.integers(10_000, 20_000, ROWS), False),  # some several times
        (RNG.choice(9_000, ROWS, replace=False) / 7, False),
    ],
)
def test_numbers_like_keys_are_kept_and_named(cells, kept):
    checked = check_identifier_column(table(number=cells))
    assert len(checked.checks) == kept
    if kept:
        assert only(checked, *IDENTIFIER).evidence["kept"] == ["number"]
        asked = caviar.Table("t", pl.DataFrame({"x": X, "number": cells}), None)
        assert check_identifier_column(caviar.read(asked.features, False, types={"number": "number"})).checks == ()


def test_constant_columns_and_nearly():
    nearly = [0] * (ROWS - 3) + [1, 2, 1]
    found = only(
        check_constant_feature(table(same=[4] * ROWS, nearly=nearly, rare=[0] * (ROWS - 5) + [1] * 5)),
        "constant_feature",
        "info",
    )
    assert found.evidence == {"columns": ["same"], "nearly": {"nearly": 3}, "rows": ROWS}
    assert "'same' has the same cell in all rows: left out." in found.meaning
    assert check_constant_feature(table(gaps=[4] * (ROWS - 9) + [None] * 9)).checks == ()


def test_columns_without_cells():
    found = only(
        check_nearly_empty_column(table(empty=[None] * ROWS, nearly=[1.0] * 99 + [None] * (ROWS - 99))),
        "nearly_empty_column",
        "warning",
    )
    assert found.evidence["empty"] == ["empty"]
    assert found.evidence["missing"] == {"nearly": 1 - 99 / ROWS}
    nearly = [1.0] * 99 + [None] * (ROWS - 99)
    only(check_nearly_empty_column(table(nearly=nearly)), "nearly_empty_column", "info")
    many = dict.fromkeys("abc", nearly)
    only(check_nearly_empty_column(table(**many)), "nearly_empty_column", "warning")
    assert check_nearly_empty_column(table(some=[1.0] * 100 + [None] * (ROWS - 100))).checks == ()
