"""Files that are malformed or meant to harm, and what must come of each: one clear line, or a sensible table.

`make(folder)` writes them and lists the cases. Run as a script, it reads every case once, in this process, and prints
one JSON object for each: how it ended, the seconds, and the peak of the memory so far; before and after, all files.
"""

import gzip
import io
import json
import lzma
import os
import signal
import struct
import sys
import time
import traceback
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import polars as pl
from PIL import Image

SECONDS = 90
"""That one case may take."""

ANY = "table or error"
"""A damaged file that may still hold its numbers."""


class Case(NamedTuple):
    """One input, and how reading (and then splitting) it must end."""

    name: str
    source: Any
    outcome: str
    """`table`: a split; `ANY`; otherwise words of the error's line."""
    target: str | bool | None = "y"


def rows(number: int = 30, cell: Callable[[int], str] = str) -> list[str]:
    """Lines x,w,y."""
    return [f"{cell(i)},w{i % 3},{'ab'[i % 2]}" for i in range(number)]


def text(*lines: str, head: str = "x,w,y", end: str = "\n") -> bytes:
    """A text file."""
    return (end.join([head, *lines]) + end).encode()


def make(folder: Path) -> list[Case]:
    """Write all files.

    Args:
        folder: empty.

    Returns:
        The cases, each with a name of its own.
    """
    cases = []
    for group in (delimited, packed, lines_of_json, columnar, archives, hdf5, idx, pictures, objects):
        below = folder / group.__name__
        below.mkdir()
        cases += [case._replace(name=f"{group.__name__}: {case.name}") for case in group(below)]
    return cases


def _written(folder: Path, files: dict[str, tuple[str, bytes, str]], ending: str) -> Iterator[Case]:
    for name, (given, data, outcome) in files.items():
        path = folder / f"{given or name.replace(' ', '-').replace('/', '-')}{ending}"
        path.write_bytes(data)
        yield Case(name, path, outcome)


def delimited(folder: Path) -> Iterator[Case]:
    """CSV and TSV."""
    good, wide = rows(), 10_000
    head = ",".join(f"c{i}" for i in range(wide - 1)) + ",y"
    cells = "\n".join(",".join(str((i * j) % 7) for j in range(wide - 1)) + f",{'ab'[i % 2]}" for i in range(40))
    long = "z" * 5_000_000
    tables: dict[str, bytes] = {
        "crlf": text(*good, end="\r\n"),
        "cr only": text(*good, end="\r"),
        "mixed line ends": text(*good[:10]) + text(*good[11:20], head=good[10], end="\r\n"),
        "no line end": text(*good)[:-1],
        "bom": b"\xef\xbb\xbf" + text(*good),
        "two boms": b"\xef\xbb\xbf\xef\xbb\xbf" + text(*good),
        "utf-16 with bom": text(*good).decode().encode("utf-16"),
        "utf-32 with bom": text(*good).decode().encode("utf-32"),
        "utf-16 without bom": text(*good).decode().encode("utf-16-be"),
        "mixed encodings": text(*good) + "Zoë,w1,a\n".encode() + "Zoë,w1,a\n".encode("latin-1"),
        "latin-1 in names": text(*good, head="größe,w,y").decode().encode("latin-1"),
        "broken utf-8": text(*good) + b"1,\xc3\x28,a\n",
        "emoji": text(*rows(30, lambda i: "🙂" * (i % 3 + 1))),
        "right to left": text(*rows(30, lambda i: "\u202eabc" + str(i))),
        "formulas": text(*rows(30, lambda _: "=cmd|' /C calc'!A0")),
        "numbers beyond float": text(*rows(30, lambda i: "1e999" if i == 3 else "-1e999" if i == 4 else str(i))),
        "all infinite": text(*rows(30, lambda _: "1e999")),
        "tiny numbers": text(*rows(30, lambda i: f"1e-{300 + i}")),
        "long integers": text(*rows(30, lambda i: "9" * (15 + i))),
        "a million digits": text(*rows(30, lambda i: "1" * 1_000_000 if i == 5 else str(i))),
        "hexadecimal": text(*rows(30, hex)),
        "thousands": text(*[f'"{i},{i:03d}",w,{"ab"[i % 2]}' for i in range(1, 31)]),
        "decimal commas": text(*[f"{i},{i:02d};w;{'ab'[i % 2]}" for i in range(30)], head="x;w;y"),
        "accounting": text(*rows(30, lambda i: f"({i}.50)")),
        "missing marks": text(*rows(30, lambda i: ("?", "NA", "n/a", "NULL", "None", "nan", "-", "")[i % 8])),
        "only marks beside one": text(*rows(30, lambda _: "?"), "1,w,a"),
        "blank lines between": text(*[line + "\n" for line in good]),
        "leading blank lines": b"\n\n \n" + text(*good),
        "trailing delimiters": text(*[f"{line}," for line in good], head="x,w,y,"),
        "empty rows below": text(*good, *[",,"] * 500),
        "ctrl-z at the end": text(*good) + b"\x1a",
        "sep line of Excel": b"sep=;\n" + text(*good).replace(b",", b";"),
        "tabs in csv": text(*good).replace(b",", b"\t"),
        "quotes inside cells": text(*rows(30, lambda i: f'{i}" pipe')),
        "quoted line breaks": text(*rows(30, lambda i: f'"a\nb{i}"')),
        "quoted delimiters": text(*rows(30, lambda i: f'"{i},{i}"')),
        "doubled quotes": text(*rows(30, lambda i: f'"say ""{i}"""')),
        "quoted header": text(*good, head='"x","w","y"'),
        "ten thousand columns": f"{head}\n{cells}\n".encode(),
        "a cell of 5 MB": text(*rows(29), f"{long},w,a"),
        "a name of 5 MB": text(*good, head=f"{long},w,y"),
        "names that are numbers": text(*good, head="1,2,y"),
        "names like code": text(*good, head="__class__,{0.x},y"),
        "a column without name": text(*good, head=",w,y"),
        "one class of one row": text(*good, "5,w,c"),
        "dates that do not exist": text(*rows(30, lambda i: f"2024-02-{i + 1:02d}")),
        "year 0": text(*rows(30, lambda i: f"0000-01-{i + 1:02d}")),
        "years beyond": text(*rows(30, lambda i: f"9999-12-{i + 1:02d}")),
        "constant columns": text(*["1,w,a", "1,w,b"] * 15, "2,w,a"),
        "control characters in one cell": text(*good, "\x01,w,a"),
        "pipes": text(*good).replace(b",", b"|"),
        "200,000 rows of one digit": b"x,y\n" + b"1,0\n2,1\n" * 100_000,
    }
    errors: dict[str, tuple[bytes, str]] = {
        "empty": (b"", "but it is empty"),
        "only blanks": (b" \n\t\n  \n", "but it is empty"),
        "only a bom": (b"\xef\xbb\xbf", "but it is empty"),
        "header only": (b"x,w,y\n", "has only the line of names"),
        "one column": (b"y\n" + b"a\nb\n" * 15, "Add columns"),
        "one cell": (b"1", "has only the line of names"),
        "only delimiters": (b",,,\n,,,\n", "no column has one"),
        "ragged rows": (text(*good, "1,2", "1,2,3,4"), "must have 3 cells"),
        "an unclosed quote": (text(*good, '"a,w,b'), "Quotes must be around whole cells"),
        "a quote over a million lines": (text('"' + "a,b,c\n" * 1_000_000), "Quotes must be around whole cells"),
        "text after a quote": (text(*good, '"a"b,w,a', '"c'), "Quotes must be around whole cells"),
        "NUL bytes": (text(*good, "1,\0,a"), "has a NUL byte"),
        "all NUL": (bytes(100_000), "control characters"),
        "random bytes": (np.random.default_rng(0).bytes(100_000), "control characters"),
        "a parquet file": (b"PAR1" + bytes(100), "those of a parquet file"),
        "a zip": (b"PK\x03\x04" + bytes(100), "those of a zip"),
        "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "those of a picture"),
        "utf-16 cut off": (text(*good).decode().encode("utf-16")[:-1], "begins as UTF-16"),
        "names twice": (text(*good, head="x,x,y"), "more than once"),
        "names twice but for blanks": (text(*good, head="x, x,y"), "more than once"),
        "a missing target": (text(*good, "1,w,"), "must be known in every row"),
        "an infinite target": (text(*[f"{i},w,{i}" for i in range(30)], "1,w,1e999"), "must be finite"),
        "a constant target": (text(*["1,w,a"] * 30), "must vary"),
        "no target": (text(*good, head="x,w,z"), "has no column 'y'"),
        "nineteen rows": (text(*rows(19)), "at least 20 rows"),
        "commas that may be both": (text(*[f"1,{i:03d}\t{i % 2}" for i in range(30)], head="x\ty"), "may be"),
        "a target of dates": (text(*[f"{i},w,2024-01-{i:02d}" for i in range(1, 31)]), "A class must have"),
        "json in csv": (b'[{"x": 1, "y": 2}]\n', "Quotes must be around whole cells"),
        "all classes once": (text(*[f"{i},w,k{i}" for i in range(30)]), "A class must have several rows"),
    }
    yield from _written(folder, {k: ("", v, "table") for k, v in tables.items() if k != "latin-1 in names"}, ".csv")
    yield from _written(folder, {"latin-1 in names": ("", tables["latin-1 in names"], "table")}, ".TSV")
    yield from _written(folder, {k: ("", *v) for k, v in errors.items()}, ".csv")


def packed(folder: Path) -> Iterator[Case]:
    """Packed text."""
    good = text(*rows())
    squeezed = gzip.compress(good)
    bomb = _gz_bomb(1 << 30)
    yield from _written(
        folder,
        {
            "gz": ("", squeezed, "table"),
            "gz in two parts": ("", squeezed + gzip.compress(text(*rows()[1:], head=rows()[0])), "table"),
            "gz cut off": ("", squeezed[:-20], "cannot be unpacked"),
            "gz with another checksum": ("", squeezed[:-8] + bytes(4) + squeezed[-4:], "cannot be unpacked"),
            "gz damaged": ("", squeezed[:40] + bytes(20) + squeezed[60:], "cannot be unpacked"),
            "gz of nothing": ("", gzip.compress(b""), "but it is empty"),
            "gz with rubbish behind": ("", squeezed + b"rubbish", "cannot be unpacked"),
            "no gz": ("", good, "cannot be unpacked"),
            "empty gz": ("", b"", "but it is empty"),
            "gz of gz": ("", gzip.compress(squeezed), "those of a gzip file"),
            "gz bomb": ("", bomb, "made to fill the memory"),
        },
        ".csv.gz",
    )
    packed_xz = lzma.compress(good)
    yield from _written(
        folder,
        {
            "xz": ("", packed_xz, "table"),
            "xz cut off": ("", packed_xz[:-10], "cannot be unpacked"),
            "xz bomb": ("", lzma.compress(bytes(300 << 20), preset=0), "made to fill the memory"),
        },
        ".csv.xz",
    )
    yield from _written(folder, {"no bz2": ("", good, "cannot be unpacked")}, ".csv.bz2")
    yield from _written(folder, {"zst": ("", b"\x28\xb5\x2f\xfd" + bytes(50), "Unpack it first")}, ".csv.zst")
    yield from _written(folder, {"tar": ("", squeezed, "Unpack it first")}, ".tar.gz")
    yield from _written(folder, {"json lines bomb": ("", bomb, "made to fill the memory")}, ".jsonl.gz")


def _gz_bomb(size: int) -> bytes:
    """A gz file of `size` zeros, made of one packed megabyte again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b"1,w,a\n" * (1 << 18)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block * (size // (6 << 18))


def lines_of_json(folder: Path) -> Iterator[Case]:
    """JSON lines."""
    good = [json.dumps({"x": i, "w": f"w{i % 3}", "y": "ab"[i % 2]}) for i in range(30)]
    nested = [json.dumps({"x": {"a": i, "b": {"c": str(i)}}, "y": "ab"[i % 2]}) for i in range(30)]
    deep = '{"x": ' * 40_000 + "1" + "}" * 40_000
    files = {
        "good": ("\n".join(good), "table"),
        "crlf and bom": ("\ufeff" + "\r\n".join(good) + "\r\n\r\n", "table"),
        "nested objects": ("\n".join(nested), "table"),
        "an object or null": ("\n".join([*nested, '{"x": null, "y": "a"}']), "table"),
        "NaN and Infinity": ("\n".join([*good, '{"x": NaN, "y": "a"}', '{"x": -Infinity, "y": "b"}']), "table"),
        "mixed types": ("\n".join([*good, '{"x": "many", "w": 7, "y": "a"}', '{"x": true, "y": "b"}']), "table"),
        "other names in every line": ("\n".join(f'{{"x{i}": 1, "y": {i % 2}}}' for i in range(300)), "table"),
        "names without end": ("\n".join(f'{{"x{i}": 1, "y": 1}}' for i in range(100_000)), "must have the same names"),
        "empty objects": ("\n".join([*good, "{}"]), "must be known in every row"),
        "numbers beyond float": ("\n".join([*good, '{"x": 1e999, "y": "a"}']), "table"),
        "integers beyond 64 bits": ("\n".join([*good, f'{{"x": {"9" * 400}, "y": "a"}}']), "table"),
        "10,000 digits": ("\n".join([*good, f'{{"x": {"9" * 10_000}, "y": "a"}}']), "more digits than"),
        "a name twice in a line": ("\n".join(['{"x": 1, "x": 2, "y": "a"}', '{"x": 3, "y": "b"}'] * 15), "table"),
        "lists": ("\n".join(json.dumps({"x": [1, 2], "y": i % 2}) for i in range(30)), "is of lists"),
        "lists and numbers": ("\n".join([*good, '{"x": [1], "y": "a"}']), "is of lists"),
        "a list per line": ("[1, 2]\n[3, 4]", "must be a JSON object"),
        "numbers": ("1\n2\n3", "must be a JSON object"),
        "one long list": (json.dumps([{"x": 1}, {"x": 2}]), "must be a JSON object"),
        "a document of many lines": (json.dumps({"x": [1, 2]}, indent=2), "A JSON document of many lines"),
        "cut off": ("\n".join(good)[:-5], "may be cut off"),
        "single quotes": ("{'x': 1}\n{'x': 2}", "must be one JSON object"),
        "40,000 deep": (deep, "nested too deep"),
        "lists 100,000 deep": ('{"x": ' + "[" * 100_000, "must be one JSON object"),
        "empty": ("", "no bytes"),
        "blank lines": ("\n\n\n", "but it is empty"),
        "csv": (text(*rows()).decode(), "must be one JSON object"),
        "NUL": ("\n".join([*good, '{"x": "\0", "y": "a"}']), "NUL byte"),
        "surrogates": ("\n".join([*good, '{"x": 1, "w": "\\ud800", "y": "a"}']), "table"),
    }
    yield from _written(folder, {k: ("", v.encode(), outcome) for k, (v, outcome) in files.items()}, ".jsonl")


def _frame() -> pl.DataFrame:
    return pl.DataFrame({"x": range(60), "w": ["u", "v", "w"] * 20, "y": ["a", "b"] * 30})


def columnar(folder: Path) -> Iterator[Case]:
    """Parquet and Arrow."""
    frame = _frame()
    long = pl.DataFrame({"x": np.zeros(20_000_000, np.int8), "y": np.zeros(20_000_000, np.int8)})

    def written(write: Callable[..., Any], data: pl.DataFrame, **more: Any) -> bytes:
        stream = io.BytesIO()
        write(data, stream, **more)
        return stream.getvalue()

    parquet = written(pl.DataFrame.write_parquet, frame)
    words = pl.DataFrame({"x": [f"{i}" + "a" * 30_000_000 for i in range(12)]})
    cannot = "must be a parquet file"
    yield from _written(
        folder,
        {
            "good": ("", parquet, "table"),
            "a name with a pattern": ("f[1]*", parquet, "table"),
            "cut off": ("", parquet[:-40], cannot),
            "end only": ("", b"PAR1" + parquet[-60:], cannot),
            "zeros inside": ("", parquet[:40] + bytes(len(parquet) - 80) + parquet[-40:], cannot),
            "a footer of 4 GB": ("", parquet[:-8] + b"\xff\xff\xff\x7fPAR1", cannot),
            "two marks": ("", b"PAR1PAR1", cannot),
            "empty": ("", b"", "no bytes"),
            "csv": ("", text(*rows()), cannot),
            "no rows": ("", written(pl.DataFrame.write_parquet, frame[:0]), "must have rows"),
            "no columns": ("", written(pl.DataFrame.write_parquet, frame[:, :0]), "must have rows"),
            "lists": (
                "",
                written(pl.DataFrame.write_parquet, frame.with_columns(pl.concat_list("x", "x").alias("l"))),
                "'l' holds",
            ),
            "binary": (
                "",
                written(pl.DataFrame.write_parquet, frame.with_columns(pl.lit(b"\xff").alias("l"))),
                "'l' holds",
            ),
            "long words in few bytes": ("", written(pl.DataFrame.write_parquet, words), "made to fill the memory"),
            "20 million rows": ("", written(pl.DataFrame.write_parquet, long), "made to fill the memory"),
        },
        ".parquet",
    )
    arrow = written(pl.DataFrame.write_ipc, frame)
    cannot = "must be an Arrow file"
    yield from _written(
        folder,
        {
            "arrow": ("", arrow, "table"),
            "arrow stream": ("", written(pl.DataFrame.write_ipc_stream, frame), "table"),
            "arrow cut off": ("", arrow[:-40], cannot),
            "arrow begin only": ("", arrow[:200], cannot),
            "arrow footer of 2 GB": ("", arrow[:-10] + b"\xff\xff\xff\x7fARROW1", cannot),
            "feather 1": ("", b"FEA1" + bytes(100), "Feather's version 2"),
            "arrow of zeros": ("", bytes(1000), cannot),
            "arrow bomb": ("", written(pl.DataFrame.write_ipc, long, compression="zstd"), "made to fill the memory"),
        },
        ".arrow",
    )


def archives(folder: Path) -> Iterator[Case]:
    """Arrays in .npz files."""
    x, y = np.arange(90.0).reshape(30, 3), np.arange(30) % 2

    def saved(**arrays: Any) -> bytes:
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        return stream.getvalue()

    def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as file:
            for name, data in members.items():
                file.writestr(name, data)
        return stream.getvalue()

    def npy(header: str, body: bytes = b"") -> bytes:
        return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + body

    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(folder / "harm"),)

    good = saved(X=x, y=y)
    huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 3), }\n"
    cannot = "must be a file that numpy.savez wrote"
    yield from (
        case._replace(target=None)
        for case in _written(
            folder,
            {
                "good": ("", good, "table"),
                "objects": ("", saved(X=np.array([[Harm(), 1]], object), y=y), "Python objects"),
                "objects as y": ("", saved(X=x, y=np.array([Harm()] * 30, object)), "Python objects"),
                "cut off": ("", good[:-30], cannot),
                "damaged": ("", good[:200] + bytes(100) + good[300:], cannot),
                "no zip": ("", b"hello", cannot),
                "no arrays": ("", zipped({"X.txt": b"1"}), "must have one array of features"),
                "an array that is none": ("", zipped({"X.npy": b"hello"}), cannot),
                "a claim of 24 TB": ("", zipped({"X.npy": npy(huge % 10**12)}), cannot),
                "a negative shape": ("", zipped({"X.npy": npy(huge % -5, bytes(240))}), "must"),
                "a header that is code": ("", zipped({"X.npy": npy("__import__('os').mkdir('harm')\n")}), cannot),
                "a header of brackets": ("", zipped({"X.npy": npy("(" * 60_000)}), cannot),
                "a bomb": ("", zipped({"X.npy": npy(huge % (13 << 20), bytes(312 << 20))}), "made to fill the memory"),
                "path traversal": ("", zipped({"../../X.npy": b"hello"}), cannot),
                "rows that do not fit": ("", saved(X=x, y=y[:5]), "same number of rows"),
                "no axes": ("", saved(X=np.float64(3), y=y), "X must have two axes"),
                "complex": ("", saved(X=x * 1j, y=y), "real numbers"),
                "structured": ("", saved(X=np.zeros((30, 3), [("a", "f8")]), y=y), "must"),
                "dates": (
                    "",
                    saved(X=np.zeros((30, 3), "M8[D]") + np.arange(3), y=y),
                    "must be a column to learn from",
                ),
                "images of no height": ("", saved(X=np.zeros((30, 0, 3, 1)), y=y), "axis of length 0"),
                "other keys": ("", saved(a=x, b=x), "must have one array of features"),
                "sparse": ("", saved(format=b"csr", shape=[3, 3], data=y, indices=y, indptr=y), "sparse matrix"),
                "one-hot labels": ("", saved(X=x, y=np.eye(30)), "One-hot labels"),
                "not a number at all": ("", saved(X=x * np.nan, y=y), "every cell is missing"),
            },
            ".npz",
        )
    )


def hdf5(folder: Path) -> Iterator[Case]:
    """HDF5 files."""
    x, y = np.arange(90.0).reshape(30, 3), np.arange(30) % 2
    cats = np.zeros((30, 4, 4, 3), np.uint8) + np.arange(30, dtype=np.uint8)[:, None, None, None]

    def saved(name: str, fill: Callable[[Any], Any]) -> Path:
        with h5py.File(folder / f"{name}.h5", "w") as file:
            fill(file)
        return folder / f"{name}.h5"

    def holding(name: str, **arrays: Any) -> Path:
        def fill(file: Any) -> None:
            for key, array in arrays.items():
                file[key.replace("__", "/")] = array

        return saved(name, fill)

    def damaged(name: str, change: Callable[[bytes], bytes]) -> Path:
        path = holding(name, X=x, y=y)
        path.write_bytes(change(path.read_bytes()))
        return path

    def linked(name: str, key: str, link: Any) -> Path:
        return saved(name, lambda file: file.__setitem__(key, link))

    names = np.array([b"non-cat", b"cat"])
    cannot, none = "must be an HDF5 file", "must have one array of features"
    yield from (
        Case(name, path, outcome, target=None)
        for name, path, outcome in (
            ("the course's", holding("course", train_set_x=cats, train_set_y=y, list_classes=names), "table"),
            ("groups", holding("groups", a__b__X=x, a__b__y=y), "table"),
            ("wrong keys", holding("wrong", a=x, b=x, c=y), none),
            ("no arrays", saved("none", lambda file: file.create_group("g")), none),
            ("only labels", holding("labels", y=y), none),
            ("rows that do not fit", holding("unequal", X=x, y=y[:4]), "same number of rows"),
            ("an empty space", holding("space", X=h5py.Empty("f8")), none),
            ("compound", holding("compound", X=np.zeros((30, 3), [("a", "f8")]), y=y), "'X' holds"),
            (
                "a claim of 8 TB",
                saved("claim", lambda file: file.create_dataset("X", (10**9, 1000), "f8", chunks=(1000, 1000))),
                "made to fill the memory",
            ),
            ("a link to a system file", linked("link", "X", h5py.ExternalLink("/etc/passwd", "X")), none),
            (
                "bytes of a system file",
                saved(
                    "outside", lambda file: file.create_dataset("X", (9, 3), "u1", external=[("/etc/passwd", 0, 27)])
                ),
                "points to other files",
            ),
            ("a link to itself", linked("loop", "X", h5py.SoftLink("/X")), none),
            ("a group that holds itself", linked("cycle", "g/g", h5py.SoftLink("/g")), none),
            ("of pandas", holding("pandas", df__axis0=x[0], df__block0_values=x), "pandas wrote it"),
            ("5,000 arrays", holding("many", **{f"a{i}": y[:2] for i in range(5000)}), none),
            (
                "references",
                saved("refs", lambda file: file.create_dataset("X", (30, 3), h5py.ref_dtype)),
                "'X' holds",
            ),
            ("cut off", damaged("cut", lambda data: data[: len(data) // 2]), cannot),
            ("zeros inside", damaged("zeros", lambda data: data[:600] + bytes(600) + data[1200:]), cannot),
            ("the first bytes only", damaged("first", lambda data: data[:8]), cannot),
            ("csv", damaged("csv", lambda _: text(*rows())), cannot),
            ("empty", damaged("empty", lambda _: b""), "no bytes"),
        )
    )
    random = np.random.default_rng(0)
    for number in range(20):
        at = random.integers(0, 2048, 8)

        def flipped(data: bytes, at: np.ndarray = at) -> bytes:
            changed = np.frombuffer(data, np.uint8).copy()
            changed[at % len(data)] ^= 0xFF
            return changed.tobytes()

        yield Case(f"flipped bytes {number}", damaged(f"flip{number}", flipped), ANY, target=None)


def idx(folder: Path) -> Iterator[Case]:
    """Pairs of idx files."""
    head = b"\0\0\x08\x03" + struct.pack(">3I", 30, 2, 2)
    images, labels = head + bytes(range(120)), b"\0\0\x08\x01" + struct.pack(">I", 30) + bytes([0, 1] * 15)
    few = b"\0\0\x08\x01" + struct.pack(">I", 5) + bytes(5)
    none = b"\0\0\x08\x03" + struct.pack(">3I", 0, 2, 2)
    packed = gzip.compress
    cases = {
        "good": (packed(images), packed(labels), "table"),
        "no labels": (packed(images), None, "must lie beside it"),
        "gz cut off": (packed(images)[:-9], packed(labels), "cannot be unpacked"),
        "too short": (packed(images[:-1]), packed(labels), "cut off or damaged"),
        "too long": (packed(images + b"1"), packed(labels), "cut off or damaged"),
        "fewer labels": (packed(images), packed(few), "one label for each"),
        "a claim of 10^29 bytes": (packed(b"\0\0\x0e\x03" + b"\xff" * 12), packed(labels), "made to fill the memory"),
        "a claim of 200 MB": (packed(head[:4] + struct.pack(">3I", 200, 1000, 1000)), packed(labels), "cut off"),
        "another type": (packed(b"\0\0\x07\x03" + images[4:]), packed(labels), "must be an idx file"),
        "200 axes": (packed(b"\0\0\x08\xc8" + images[4:]), packed(labels), "must be an idx file"),
        "csv": (packed(text(*rows())), packed(labels), "must be an idx file"),
        "labels that are images": (packed(images), packed(images), "one label for each"),
        "a bomb": (_gz_bomb(1 << 30), packed(labels), "must be an idx file"),
        "nothing": (packed(b""), packed(labels), "must be an idx file"),
        "no rows": (packed(none), packed(few[:4] + bytes(4)), "must have rows"),
    }
    for number, (name, (x, y, outcome)) in enumerate(cases.items()):
        below = folder / str(number)
        below.mkdir()
        (below / "train-images-idx3-ubyte.gz").write_bytes(x)
        if y is not None:
            (below / "train-labels-idx1-ubyte.gz").write_bytes(y)
        yield Case(name, below / "train-images-idx3-ubyte.gz", outcome, target=None)


def _png(width: int, height: int, body: bytes = b"") -> bytes:
    """A grey picture that says it has this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def pictures(folder: Path) -> Iterator[Case]:
    """Folders of pictures."""

    def pets(name: str, more: dict[str, bytes] | None = None) -> Path:
        root = folder / name
        for kind in ("cat", "dog"):
            (root / kind).mkdir(parents=True)
            for i in range(20):
                Image.fromarray(np.full((5, 5), 5 * i, np.uint8)).save(root / kind / f"{i}.png")
        for path, data in (more or {}).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        return root

    def one(name: str, data: bytes) -> Path:
        return pets(name, {"cat/no.png": data})

    def linked(name: str, path: str, to: str) -> Path:
        (pets(name) / path).symlink_to(to)
        return folder / name

    def labels(name: str, *lines: str) -> Path:
        return pets(name, {"labels.csv": "\n".join(lines).encode()})

    stream = io.BytesIO()
    Image.new("L", (5, 5)).save(stream, "PNG")
    names = [f"{kind}/{i}.png,{kind}" for kind in ("cat", "dog") for i in range(20)]
    absent = [f"n{name}" for name in names]
    files = [name.partition(",")[0] for name in names]
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(harm) (w) file\n"
    sets = folder / "sets"
    sets.mkdir()
    for part in ("train", "test"):
        pets(part).rename(sets / part)
    yield from (
        Case(name, source, outcome, target=None)
        for name, source, outcome in (
            ("good", pets("good"), "table"),
            ("one that is none", one("one", b"no picture"), "table"),
            ("many that are none", pets("many", {f"cat/no{i}.png": b"no" for i in range(9)}), "At most 5%"),
            ("an empty picture", one("empty", b""), "table"),
            ("cut off", one("cut", stream.getvalue()[:-30]), "table"),
            ("a program as picture", one("eps", script), "table"),
            ("a program by its ending", pets("eps2", {"cat/no.eps": script}), "table"),
            ("svg", one("svg", b"<svg><image href='file:///etc/passwd'/></svg>"), "table"),
            ("10^9 pixels", one("bomb", _png(40_000, 30_000)), "table"),
            ("49 million pixels", one("large", _png(7_000, 7_000, bytes(7001 * 7000))), "table"),
            ("2^31 pixels wide", one("wide", _png(2**31 - 1, 1)), "table"),
            ("no pixels", one("zero", _png(0, 0)), "table"),
            ("one long line", one("line", _png(1_000_000, 1, bytes(1_000_001))), "table"),
            ("a link to a file outside", linked("link", "cat/x.png", "/etc/passwd"), "table"),
            ("a link to a folder outside", linked("out", "etc", "/etc"), "table"),
            ("a link to the folder itself", linked("loop", "cat/loop", ".."), "table"),
            ("a dangling link", linked("dangling", "cat/x.png", "nowhere"), "table"),
            ("a folder called like a picture", pets("named", {"cat/x.png/y.txt": b"1"}), "table"),
            ("hidden files", pets("hidden", {"cat/._0.png": b"1", "__MACOSX/cat/0.png": b"1"}), "table"),
            ("one class", folder / "good" / "cat", "one sub-folder for each class"),
            ("sets instead of classes", sets, "but 'test', 'train' are sets"),
            ("a folder that is not there", folder / "nothing", "DATA must be"),
            ("labels", labels("labels", "file,label", *names), "table"),
            ("labels outside", labels("escape", "file,label", *names, *["../../../etc/passwd,cat"] * 9), "do not"),
            ("labels of other pictures", labels("gone", "file,label", *absent), "table"),
            ("labels with an unclosed quote", labels("quote", "file,label", *names, '"'), "Quotes must be"),
            ("labels that are empty", labels("blank", ""), "but it is empty"),
            ("labels without labels", labels("only", "file", *files), "only file names"),
            (
                "labels with a missing one",
                labels("missing", "file,label", *names[:-1], "dog/19.png,"),
                "known in every",
            ),
        )
    )


def objects(folder: Path) -> Iterator[Case]:
    """Other things than files."""
    from scipy import sparse

    fifo, loop = folder / "pipe.csv", folder / "loop.csv"
    os.mkfifo(fifo)
    loop.symlink_to(loop)
    (folder / "nothing").mkdir()
    (folder / "folder.csv").mkdir()
    x, y = np.arange(90.0).reshape(30, 3), np.arange(30) % 2
    wide = sparse.coo_array(([1.0], ([0], [0])), shape=(30, 10**9))
    tall = sparse.coo_array(([1.0], ([0], [0])), shape=(10**9, 1000))
    yield from (
        Case(name, source, outcome, target=None if isinstance(source, tuple) else "y")
        for name, source, outcome in (
            ("an empty folder", folder / "nothing", "has none"),
            ("a folder called .csv", folder / "folder.csv", "has none"),
            ("a pipe", fifo, "must be a plain file"),
            ("a device", "/dev/zero", "must end in"),
            ("a link to itself", loop, "leads nowhere"),
            ("a path of 10,000 letters", "a" * 10_000 + ".csv", "cannot be read"),
            ("a path with NUL", "a\0b.csv", "There is no file"),
            ("an empty path", "", "must"),
            ("an address", "https://example.com/f.csv", "There is no"),
            ("a pickle", folder / "f.pkl", "There is no file"),
            ("none", None, "takes a path"),
            ("a dictionary", {"x": [1]}, "takes a path"),
            ("a sparse matrix", (sparse.random_array((30, 5), density=0.5, rng=0).tocsr(), y), "table"),
            ("a sparse matrix of 10^9 columns", (wide, y), "at most 10,000 columns"),
            ("a sparse matrix of 10^9 rows", (tall, y), "when its zeros are filled in"),
            ("rows of other lengths", ([[1, 2], [3]], [0, 1]), "Rows must be of one length"),
            ("objects", (np.array([[{}, object()]] * 30), y), "'x0' holds"),
            ("nothing but NaN", (x * np.nan, y), "every cell is missing"),
            ("no columns", (x[:, :0], y), "There must be columns"),
            ("an array of no rows", (x[:0], y[:0]), "must have rows"),
            ("a frame of lists", pl.DataFrame({"x": [[1]] * 30, "y": y}), "'x' holds"),
            ("a frame of objects", pl.DataFrame({"x": [object()] * 30, "y": y}), "'x' holds"),
        )
    )


def ending(case: Case) -> str:
    """How reading and splitting a case ends: `table`, the error's line, or a traceback."""
    import caviar

    def late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        table = caviar.read(case.source, target=case.target)
        table.describe()
        caviar.split(table)
    except caviar.CaviarError as error:
        return f"CaviarError: {error}"
    except BaseException:
        return traceback.format_exc()
    finally:
        signal.alarm(0)
    return "table"


def main(folder: Path) -> None:
    """Read every case; one JSON object for each."""
    cases = make(folder)
    print(json.dumps({"files": _files(folder)}))
    warnings.simplefilter("error")
    for case in cases:
        began = time.monotonic()
        print(json.dumps({"begins": case.name}), flush=True)
        done = {"case": case.name, "outcome": case.outcome, "ending": ending(case), "seconds": time.monotonic() - began}
        print(json.dumps(done | {"peak": _peak()}), flush=True)
    print(json.dumps({"files": _files(folder)}))


def _peak() -> int:
    """The most bytes that this process has held so far.

    Linux counts into `ru_maxrss` what the process that started this one held; its own status does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:")).split()[1]) << 10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
