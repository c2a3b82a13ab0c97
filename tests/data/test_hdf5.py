"""Arrays of HDF5 files, and the layout of the course's files."""

import sys

import h5py
import numpy as np
import pytest

from caviar.data.hdf5 import read_hdf5
from caviar.data.read import read
from caviar.data.split import split
from caviar.errors import BadData

X, Y = np.arange(12.0).reshape(4, 3), np.array([0, 1, 0, 1])
CATS = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 3), np.uint8)


@pytest.fixture
def saved(tmp_path):
    def save(name="f.h5", **arrays):
        with h5py.File(tmp_path / name, "w") as file:
            for key, array in arrays.items():
                file[key.replace("__", "/")] = array
        return tmp_path / name

    return save


def course(saved, part, rows):
    arrays = {f"{part}_set_x": CATS[:rows], f"{part}_set_y": np.arange(rows) % 2}
    return saved(f"{part}_catvnoncat.h5", **arrays, list_classes=np.array([b"non-cat", b"cat"]))


def test_the_course_files_are_read_and_fit_together(saved):
    train = read(course(saved, "train", 60))
    test = read(course(saved, "test", 24))
    assert train.image_shape == test.image_shape == (4, 4, 3)
    np.testing.assert_array_equal(train.features["image"].to_numpy(), CATS)
    assert train.target.to_list()[:2] == ["non-cat", "cat"]
    rows = split(train, test=test)
    assert (rows.n_train + rows.n_dev, rows.n_test) == (60, 24)
    assert rows.classes == ("cat", "non-cat")
    (x, y) = rows.open_test()
    assert (x.shape, y.tolist()) == ((24, 48), [1, 0] * 12)
    assert read(course(saved, "test", 24), target=False).target is None


@pytest.mark.parametrize("text", [np.array(["a", "b", "a", "b"], object), np.array([b"a", b"b", b"a", b"b"])])
def test_numbers_and_text_of_any_layout(saved, text):
    made = read_hdf5(saved(X=X, y=text), None, None)
    assert made.frame["y"].to_list() == ["a", "b", "a", "b"]
    np.testing.assert_array_equal(made.frame.drop("y").to_numpy(), X)
    made = read_hdf5(saved(group__data=X.astype(">f4"), group__y=Y), None, ["a", "b", "c"])
    assert made.frame.columns == ["a", "b", "c", "y"]
    assert made.frame["c"].to_list() == X[:, 2].tolist()


def test_nothing_outside_the_file_is_read(tmp_path, saved):
    secret = saved("secret.h5", X=X)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["X"] = h5py.ExternalLink(str(secret), "X")
    with pytest.raises(BadData, match="must have one array of features"):
        read_hdf5(tmp_path / "f.h5", None, None)
    (tmp_path / "raw").write_bytes(bytes(96))
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file.create_dataset("X", (4, 3), "f8", external=[(str(tmp_path / "raw"), 0, 96)])
    with pytest.raises(BadData, match="'X' points to other files"):
        read_hdf5(tmp_path / "g.h5", None, None)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        layout = h5py.VirtualLayout((4, 3), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "X", (4, 3))
        file.create_virtual_dataset("X", layout)
    with pytest.raises(BadData, match="'X' points to other files"):
        read_hdf5(tmp_path / "v.h5", None, None)


def test_an_array_that_claims_to_be_huge_is_refused(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("X", (10**9, 1000), "f8", chunks=(1000, 1000))
    with pytest.raises(BadData, match=r"'f.h5' would unpack to 8.0 TB"):
        read_hdf5(tmp_path / "f.h5", None, None)


def test_what_holds_no_plain_arrays(tmp_path, saved):
    with pytest.raises(BadData, match=r"'X' holds \[\('a', '<f8'\)\]"):
        read_hdf5(saved(X=np.zeros((4, 3), [("a", "f8")])), None, None)
    with pytest.raises(BadData, match=r"pandas wrote it as a frame.* frame.to_parquet"):
        read_hdf5(saved(df__axis0=X[0], df__block0_values=X), None, None)
    with pytest.raises(BadData, match=r"it has a \(4, 3\), b \(4, 3\)"):
        read_hdf5(saved(a=X, b=X), None, None)
    for data in (b"", b"hello", b"\x89HDF\r\n\x1a\n" + bytes(90)):
        (tmp_path / "f.h5").write_bytes(data)
        with pytest.raises(BadData, match="must be an HDF5 file, but it cannot be read"):
            read_hdf5(tmp_path / "f.h5", None, None)


def test_without_h5py_the_extra_is_named(saved, monkeypatch):
    path = saved(X=X)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(BadData, match=r'needs h5py, which is not there: pip install "caviar\[images\]"'):
        read_hdf5(path, None, None)
