import gc
import os
import subprocess
import sys

import pytest

from caviar.data.scratch import Scratch
from caviar.errors import BadData


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_folder_goes_when_nothing_refers_to_it():
    one, other = Scratch("rows"), Scratch("rows")
    (one.folder / "cells").write_text("1")
    gone, kept = one.folder, other.folder
    assert gone.name.startswith("rows-")
    del one
    gc.collect()
    assert (gone.exists(), kept.exists()) == (False, True)
    other.close()
    assert not kept.exists()


def test_what_a_killed_process_left_is_removed_by_the_next():
    program = (
        "import os, signal; from caviar.data.scratch import Scratch; s = Scratch('rows');"
        "print(s.folder, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    left = done.stdout.strip()
    mine = Scratch("table")
    assert left
    folders = {str(path) for path in mine.folder.parent.iterdir() if path.is_dir()}
    assert folders == {str(mine.folder)}


def test_what_a_living_process_has_is_left_alone():
    program = (
        "import sys; from caviar.data.scratch import Scratch; s = Scratch('rows'); print(s.folder, flush=True);"
        "sys.stdin.read(); print(s.folder.exists())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        folder = other.stdout.readline().strip()
        mine = Scratch("rows")
        assert folder in {str(path) for path in mine.folder.parent.iterdir()}
        assert other.communicate("")[0].strip() == "True"


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(BadData, match=r"needs a folder for its rows, but .* cannot be written"):
        Scratch("rows")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_a_fork_leaves_the_folder_to_its_parent():
    program = (
        "import os, gc; from caviar.data.scratch import Scratch; s = Scratch('rows'); pid = os.fork()\n"
        "if pid == 0:\n    del s; gc.collect(); raise SystemExit\n"
        "os.waitpid(pid, 0); print(s.folder.exists())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
