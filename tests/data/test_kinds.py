"""Which reader a file needs, by its name."""

from pathlib import Path

import pytest

from caviar.data.kinds import ENDINGS, endings_in_words, kind_of, stem_of


@pytest.mark.parametrize(
    ("name", "kind", "stem"),
    [
        *((f"f{ending}", kind, "f") for ending, kind in ENDINGS.items()),
        ("f.v2.CSV.GZ", "text", "f.v2"),
        ("f.jsonl.xz", "json lines", "f"),
        ("train-images-idx3-ubyte", "idx", "train-images-idx3-ubyte"),
        ("t10k-images.idx3-ubyte.gz", "idx", "t10k-images"),
        ("images.idx.gz", "idx", "images"),
        ("f.parquet.gz", None, "f"),
        ("f.npz.gz", None, "f"),
        ("f.gz", None, "f"),
        ("f", None, "f"),
        ("idx", None, "idx"),
        (".csv", None, ".csv"),
    ],
)
def test_names(name, kind, stem):
    assert (kind_of(Path(name)), stem_of(Path(name))) == (kind, stem)


def test_every_kind_is_said():
    for ending in (".csv", ".jsonl", ".parquet", ".arrow", ".npz", ".h5", "idx"):
        assert ending in endings_in_words()
