"""Whatever comes in ends as a table or as one clear line: no traceback, no hang, bounded memory, nothing written.

All cases of `hostile` are read in one process of their own: its peak of memory bounds that of each case.
"""

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import hostile

FEWEST = 120
MOST_MEMORY = 2 << 30


@pytest.fixture(scope="module")
def read_all(tmp_path_factory):
    """The lines that the script prints, its words on stderr, and the folder with the files and what was around them."""
    folder = tmp_path_factory.mktemp("hostile")
    files, home = folder / "files", folder / "home"
    files.mkdir()
    home.mkdir()
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, hostile.__file__, str(files)],
        capture_output=True,
        text=True,
        cwd=home,
        env=environment,
        timeout=600,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    last = lines[-1].get("begins") if lines else "making the files"
    assert done.returncode == 0, f"the process ended in {last!r}: {done.stderr[-2000:]}"
    return lines, done.stderr, folder


def ends(lines):
    """The lines that tell how a case ended, by its name."""
    return {line["case"]: line for line in lines if "case" in line}


def test_each_ends_as_it_must(read_all):
    done = ends(read_all[0])
    assert len(done) == sum("begins" in line for line in read_all[0]) >= FEWEST  # names are all different
    wrong = {name: line["ending"] for name, line in done.items() if not _as_it_must(line)}
    assert not wrong


def _as_it_must(line):
    kind, _, message = line["ending"].partition(": ")
    if line["ending"] == "table":
        return line["outcome"] in ("table", hostile.ANY)
    one_line = kind == "CaviarError" and "\n" not in message and message.rstrip().endswith((".", "?", "…", ")"))
    return one_line and len(message) < 900 and (line["outcome"] in message or line["outcome"] == hostile.ANY)


def test_none_hangs_none_fills_the_memory_and_none_speaks_beside_its_line(read_all):
    lines, stderr, _ = read_all
    done = ends(lines)
    assert max(line["seconds"] for line in done.values()) < hostile.SECONDS
    assert max(line["peak"] for line in done.values()) < MOST_MEMORY
    assert stderr == ""


def test_nothing_is_written_but_scaled_pictures(read_all):
    lines, _, folder = read_all
    before, after = (line["files"] for line in lines if "files" in line)
    assert before == after
    assert list((folder / "home").rglob("*")) == []
    kept = [path for path in (folder / "cache").rglob("*") if path.is_file()]
    assert kept
    assert {path.suffix for path in kept} == {".npz"}


def test_the_files_are_as_harmful_as_they_claim(read_all):
    files = read_all[2] / "files"
    bomb = (files / "packed" / "gz-bomb.csv.gz").read_bytes()
    unpacked, unpacker = 0, zlib.decompressobj(31)
    while bomb:
        unpacked += len(unpacker.decompress(bomb, 1 << 24))
        bomb = unpacker.unconsumed_tail
    assert unpacked > 1_000_000_000
    assert np.load(files / "archives" / "objects.npz", allow_pickle=True)["X"] is not None  # it does run
    assert (files / "archives" / "harm").is_dir()
    (files / "archives" / "harm").rmdir()
    with pytest.raises(UnicodeDecodeError):
        (files / "delimited" / "mixed-encodings.csv").read_text(encoding="utf-8")
    assert (
        pl.scan_parquet(files / "columnar" / "20-million-rows.parquet").select(pl.len()).collect().item() == 20_000_000
    )
