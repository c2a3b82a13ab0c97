"""A file is either whole or not there."""

import os
import stat

import pytest

from caviar.files import write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_when_the_block_ends_and_not_before(tmp_path):
    target = tmp_path / "a.json"
    with write_atomically(target) as path:
        assert path.parent == tmp_path
        assert path != target
        path.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [None, "old"])
def test_an_exception_leaves_what_was_there(tmp_path, error, old):
    target = tmp_path / "a.json"
    if old is not None:
        target.write_text(old)

    def write():
        with write_atomically(target) as path:
            path.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert names(tmp_path) == ([] if old is None else ["a.json"])
    assert old is None or target.read_text() == old


def test_the_block_may_write_by_its_own_means(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old and longer")
    with write_atomically(target) as path:
        path.unlink()
        path.write_bytes(b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="permission bits of POSIX")
@pytest.mark.parametrize(("mask", "bits"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_of_any_new_file(tmp_path, mask, bits):
    before = os.umask(mask)
    try:
        with write_atomically(tmp_path / "a") as path:
            path.write_text("x")
        assert os.umask(mask) == mask, "the mask is as it was"
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == bits


def test_no_folder_no_file(tmp_path):
    with pytest.raises(FileNotFoundError), write_atomically(tmp_path / "none" / "a"):
        pass
    assert names(tmp_path) == []


def test_a_folder_in_the_way_stays(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="directory"), write_atomically(tmp_path / "a") as path:
        path.write_text("x")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").is_dir()
