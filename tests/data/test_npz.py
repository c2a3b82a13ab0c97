"""Arrays of .npz files: found by name, never unpickled, never believed to be huge."""

import zipfile

import numpy as np
import pytest
from scipy import sparse

from caviar.data.npz import read_npz
from caviar.errors import BadData

X = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 0, 1])
IMAGES = np.arange(4 * 2 * 3 * 2, dtype=np.uint8).reshape(4, 2, 3, 2)


@pytest.fixture
def saved(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "f.npz", **arrays)
        return tmp_path / "f.npz"

    return save


@pytest.mark.parametrize("x", ["X", "x", "data", "features"])
@pytest.mark.parametrize("y", ["y", "target", "labels"])
def test_npz_arrays_are_known_by_name(saved, x, y):
    made = read_npz(saved(**{x: X, y: Y, "weights": Y}), None, None)
    assert (made.frame.width, made.target) == (4, y)
    assert made.notes == (f"Features are the array '{x}' (4, 3), left out: 'weights'.",)


def test_npz_with_other_names(saved):
    made = read_npz(saved(pixels=X, digit=Y), "digit", None)
    assert (made.frame.width, made.target) == (4, "digit")
    assert read_npz(saved(X=X, y=Y), None, None, with_target=False).target is None
    # a column may be the target
    assert read_npz(saved(X=X), "b", ["a", "b", "c"]).frame.columns == ["a", "b", "c"]


def test_npz_of_images(saved):
    made = read_npz(saved(X=IMAGES, y=Y), None, None)
    assert (made.frame.columns, made.target) == (["image", "y"], "y")
    assert made.notes[0] == "Features are the array 'X' (4, 2, 3, 2)."
    assert read_npz(saved(images=IMAGES), None, ["scan"], with_target=False).frame.columns == ["scan"]


@pytest.mark.parametrize(
    ("arrays", "target", "words"),
    [
        (
            {"a": X, "b": X},
            None,
            r"it has a \(4, 3\), b \(4, 3\). Save it with X=",
        ),
        ({"a": Y}, None, "must have one array of features"),
        ({"X": X, "label": Y, "y": Y}, "lable", "has no array 'lable'.* Did you mean 'label'"),
        ({"X": np.array([[None, {}]], dtype=object)}, None, "holds Python objects, which only pickle"),
    ],
)
def test_npz_that_cannot_be_used(saved, arrays, target, words):
    with pytest.raises(BadData, match=words):
        read_npz(saved(**arrays), target, None)


@pytest.mark.parametrize("data", [b"PK\x03\x04garbage", b"hello", b"\x93NUMPY\x01\x00"])
def test_damaged_npz(tmp_path, data):
    path = tmp_path / "f.npz"
    path.write_bytes(data)
    with pytest.raises(BadData, match=r"must be a file that numpy.savez wrote"):
        read_npz(path, None, None)


def test_an_npy_is_no_npz(tmp_path):
    with (tmp_path / "f.npz").open("wb") as file:
        np.save(file, X)
    with pytest.raises(BadData, match=r"must be a file that numpy.savez wrote"):
        read_npz(tmp_path / "f.npz", None, None)


def test_an_npz_that_was_cut_off(saved):
    path = saved(X=X, y=Y)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadData, match="write it again"):
        read_npz(path, None, None)


def bomb(path, shape, stored=None, dtype="<f8"):
    """An array that says it has `shape`, with zeros behind it."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("X.npy", "w", force_zip64=True) as member:
        member.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        for _ in range(stored or 1):
            member.write(bytes(1 << 20))
    return path


def test_an_array_is_not_larger_than_what_is_stored_of_it(tmp_path):
    with pytest.raises(BadData, match="write it again"):
        read_npz(bomb(tmp_path / "f.npz", (10**12, 4)), None, None)


def test_what_unpacks_to_thousands_of_times_its_size_is_refused_before_it_is_unpacked(tmp_path):
    path = bomb(tmp_path / "f.npz", (300 << 17, 1), 300)
    with pytest.raises(BadData, match=r"'f.npz' would unpack to 315 MB. It is damaged, or made to fill the memory"):
        read_npz(path, None, None)


def test_a_sparse_matrix_in_a_file_is_named(tmp_path):
    sparse.save_npz(tmp_path / "f.npz", sparse.eye_array(4).tocsr())
    with pytest.raises(BadData, match=r"is a sparse matrix of SciPy. Read it with scipy.sparse.load_npz"):
        read_npz(tmp_path / "f.npz", None, None)
