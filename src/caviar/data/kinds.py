"""The name of a file says which reader it needs."""

import re
from pathlib import Path
from typing import Literal

Kind = Literal["text", "json lines", "parquet", "arrow", "npz", "hdf5", "idx"]

ENDINGS: dict[str, Kind] = {
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".npz": "npz",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
}
PACKED = (".gz", ".bz2", ".xz")
"""Endings of packed files; text, JSON lines and idx files are read from them."""

_IDX = re.compile(r"[-.]idx\d?([-.]ubyte)?$|[-.]ubyte$")


def kind_of(path: Path) -> Kind | None:
    """The reader for a file, by its name in any case of letters; None when there is none."""
    name = path.name.lower()
    bare = without_packing(name)
    if _IDX.search(bare):
        return "idx"
    kind = ENDINGS.get(Path(bare).suffix)
    return kind if bare == name or kind in ("text", "json lines") else None


def without_packing(name: str) -> str:
    """`f.csv` for `f.csv.gz`."""
    return next((name[: -len(ending)] for ending in PACKED if name.lower().endswith(ending)), name)


def stem_of(path: Path) -> str:
    """The name of a table that was read from a file: `houses` for `houses.csv.gz`."""
    return Path(without_packing(path.name)).stem


def endings_in_words() -> str:
    """`.csv, … or .h5, or be the images of a pair of idx files`: the usual ending of each kind."""
    *some, last = (ending for ending in ENDINGS if ending not in (".ndjson", ".feather", ".ipc", ".hdf5"))
    return f"{', '.join(some)} or {last}, or be the images of a pair of idx files"
