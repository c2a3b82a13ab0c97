import gc
import os
from pathlib import Path

import numpy as np
import pytest

from caviar.data import rows_on_disk as module
from caviar.data.rows_on_disk import rows_on_disk
from caviar.data.scratch import Scratch
from caviar.errors import BadData


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("rows", [1, 10, 1000, 4097])
@pytest.mark.parametrize("part", [1, 64, 1 << 12, 1 << 20])
@pytest.mark.parametrize("batch", [7, 5000])
def test_every_row_comes_to_its_place(rows, part, batch, monkeypatch):
    monkeypatch.setattr(module, "_PART", part * 3 * 4 // 4)
    rng = np.random.default_rng(rows)
    table, places = rng.normal(size=(rows, 3)).astype(np.float32), rng.permutation(rows)
    written = rows_on_disk(((table[i : i + batch], places[i : i + batch]) for i in range(0, rows, batch)), rows, 3)
    wanted = np.empty_like(table)
    wanted[places] = table
    assert isinstance(written, np.memmap)
    np.testing.assert_array_equal(written, wanted)
    with pytest.raises(ValueError, match="read-only"):
        written[0] = 0


def test_the_file_goes_with_the_matrix(tmp_path):
    written = rows_on_disk([(np.ones((4, 2), np.float32), np.arange(4))], 4, 2)
    (folder,) = (path for path in (tmp_path / "caviar" / "scratch").iterdir() if path.is_dir())
    assert (folder / "rows.npy").stat().st_size > 4 * 2 * 4
    del written
    gc.collect()
    assert not folder.exists()


def test_no_room(monkeypatch):
    monkeypatch.setattr(Scratch, "free", lambda _: 10)
    with pytest.raises(BadData, match=r"need 32 bytes on disk, but .* has 10 bytes free .* Set XDG_CACHE_HOME"):
        rows_on_disk([], 4, 2)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room is not reserved on this system")
def test_room_is_taken_before_the_first_row(monkeypatch):
    """So that a disk that fills up meanwhile is a line, and no end of the process."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(BadData, match=r"need 32 bytes on disk, .* \(No space left on device\)"):
        rows_on_disk(iter([]), 4, 2)
    monkeypatch.undo()
    written = rows_on_disk([(np.ones((5000, 2), np.float32), np.arange(5000))], 5000, 2)
    assert Path(written.filename).stat().st_blocks * 512 >= 5000 * 8
