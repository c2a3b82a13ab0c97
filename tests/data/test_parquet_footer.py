"""The footer's figure against what polars holds, and footers that are damaged."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import features

from caviar.data.columnar import read_parquet
from caviar.data.parquet_footer import unpacked_bytes
from caviar.errors import BadData


@pytest.mark.parametrize("rows", [1, 1000, 100_000])
@pytest.mark.parametrize("groups", [None, 64])
@pytest.mark.parametrize("packing", ["uncompressed", "zstd", "gzip", "snappy"])
def test_numbers_take_eight_bytes_each_however_they_are_packed(tmp_path, rows, groups, packing):
    if groups and rows > 1000:
        return
    frame = pl.select(x=pl.int_range(rows) * 0.1, y=pl.int_range(rows) * 0.7)  # no two alike: no dictionary helps
    frame.write_parquet(tmp_path / "f.parquet", compression=packing, row_group_size=groups, statistics="full")
    assert 16 * rows <= unpacked_bytes(tmp_path / "f.parquet") <= 16 * rows + 200 * (2 + 2 * rows // (groups or rows))


@given(features())
def test_every_type_has_a_footer_that_is_understood(tmp_path_factory, frame):
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    frame.write_parquet(path, metadata={"made": "up"})
    assert 0 < unpacked_bytes(path) < 100_000


def test_long_texts_in_few_bytes_are_refused_before_they_are_unpacked(tmp_path):
    path = tmp_path / "f.parquet"
    pl.DataFrame({"x": [f"{i}" + "a" * 30_000_000 for i in range(12)]}).write_parquet(path)
    with pytest.raises(BadData, match=r"'f.parquet' would unpack to 360 MB. It is damaged, or made to fill"):
        read_parquet(path)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_number_or_a_value_error(tmp_path_factory, footer):
    path = tmp_path_factory.getbasetemp() / "bad.parquet"
    path.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    try:
        assert isinstance(unpacked_bytes(path), int)
    except ValueError:
        return


def test_a_footer_that_is_longer_than_the_file(tmp_path):
    path = tmp_path / "f.parquet"
    path.write_bytes(b"PAR1" + b"\xff\xff\xff\x7fPAR1")
    with pytest.raises(ValueError, match="longer than the file"):
        unpacked_bytes(path)
