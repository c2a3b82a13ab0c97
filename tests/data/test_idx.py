"""Pairs of idx files, packed or not, in every type of the format."""

import bz2
import gzip
import struct

import numpy as np
import pytest

from caviar.data.idx import read_idx
from caviar.data.read import read
from caviar.data.split import split
from caviar.errors import BadData

CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}
IMAGES = np.random.default_rng(0).integers(0, 128, (30, 4, 3))
LABELS = np.arange(30) % 10


def idx(array, dtype="u1"):
    head = bytes([0, 0, CODES[dtype], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(dtype).tobytes()


@pytest.fixture
def pair(tmp_path):
    def save(images="train-images-idx3-ubyte", labels="train-labels-idx1-ubyte", x=IMAGES, y=LABELS, dtype="u1"):
        packed = {".gz": gzip.compress, "bz2": bz2.compress}
        for name, array, kind in ((images, x, dtype), (labels, y, "u1")):
            (tmp_path / name).write_bytes(packed.get(name[-3:], bytes)(idx(array, kind)))
        return tmp_path / images

    return save


@pytest.mark.parametrize(
    "names",
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte.gz"),
        ("Train-Images-idx3-ubyte.bz2", "Train-labels-idx1-ubyte"),
        ("images.idx", "labels.idx"),
        ("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters-train-labels-idx1-ubyte.gz"),
    ],
)
def test_naming_the_images_finds_the_labels(pair, names):
    table = read(pair(*names))
    np.testing.assert_array_equal(table.features["image"].to_numpy(), IMAGES[..., None])
    assert table.image_shape == (4, 3, 1)
    assert table.target.to_list() == LABELS.tolist()
    assert table.notes[0] == f"Labels are those of '{names[1]}'."


@pytest.mark.parametrize("dtype", CODES)
def test_every_type_of_the_format(pair, dtype):
    made = read_idx(pair(dtype=dtype), None, None)
    np.testing.assert_array_equal(made.frame["image"].to_numpy(), IMAGES[..., None])


def test_train_and_test_fit_together(pair):
    train = read(pair(), target="digit")
    test = read(pair("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"), target="digit")
    assert split(train, test=test).n_test == 30


def test_rows_of_numbers_and_images_without_labels(pair, tmp_path):
    made = read_idx(pair(x=IMAGES.reshape(30, 12)), None, [f"c{i}" for i in range(12)])
    assert made.frame.columns[-2:] == ["c11", "y"]
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert read(pair().with_name("train-images-idx3-ubyte"), target=False).target is None
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(BadData, match="must lie beside it, but there is no 'train-labels-idx1-ubyte'"):
        read(tmp_path / "train-images-idx3-ubyte")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0", "must be an idx file.* Its first bytes are 00 00"),
        (b"x,y\n1,2", "must be an idx file.* 78 2c 79 0a"),
        (idx(IMAGES)[:9], "must have 16 bytes by its own first line, but it has 9"),
        (idx(IMAGES)[:-1], "must have 376 bytes by its own first line, but it has 375"),
        (idx(IMAGES) + b"1", "must have 376 bytes by its own first line, but it has more"),
        (b"\0\0\x0e\x03" + b"\xff" * 12, "would unpack to"),
        (idx(LABELS), "must name the file of images, but"),
        (idx(IMAGES[:20]), r"one label for each of the 20 rows .* its shape is \(30,\)"),
    ],
)
def test_what_is_no_pair_is_refused(pair, data, words):
    path = pair()
    path.write_bytes(data)
    with pytest.raises(BadData, match=words):
        read(path)
