"""Which arrays are features and target, by their names."""

import numpy as np
import pytest

from caviar.data.named_arrays import columns_of_arrays
from caviar.errors import BadData

X, Y = np.arange(12.0).reshape(4, 3), np.array([0, 1, 0, 1])
X2, Y2 = X[:2] + 100, Y[:2] + 2


def read(arrays, target=None, names=None, with_target=True):
    loaded = []

    def load(name):
        loaded.append(name)
        return arrays[name]

    shapes = {name: array.shape for name, array in arrays.items()}
    made = columns_of_arrays(shapes, load, "'f'", target=target, names=names, with_target=with_target)
    return made, loaded


@pytest.mark.parametrize(
    ("x", "y", "x2", "y2"),
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("X_train", "Y_train", "X_val", "Y_val"),
        ("train_set_x", "train_set_y", "test_set_x", "test_set_y"),
        ("train/images", "train/labels", "test/images", "test/labels"),
        ("training_images", "training_labels", "testing_images", "testing_labels"),
        ("Xtrain", "ytrain", "Xtest", "ytest"),
    ],
)
def test_x_and_y_are_of_the_same_set_and_train_comes_first(x, y, x2, y2):
    both = {y2: Y2, x2: X2, x: X, y: Y}
    made, loaded = read(both)
    assert loaded[0] == y
    assert set(loaded) == {x, y}
    np.testing.assert_array_equal(made.frame.drop(made.target).to_numpy(), X)
    assert made.frame[made.target].to_list() == Y.tolist()
    assert all(f"'{name}'" in made.notes[0] for name in (x2, y2))


def test_files_of_train_and_test_rows_match():
    train, _ = read({"train_set_x": X, "train_set_y": Y})
    test, _ = read({"test_set_x": X2, "test_set_y": Y2})
    assert train.frame.columns == test.frame.columns == ["x0", "x1", "x2", "y"]
    # `--target train_set_y` is what a person may write who looked into the file
    train, _ = read({"train_set_x": X, "train_set_y": Y}, "train_set_y")
    test, _ = read({"test_set_x": X2, "test_set_y": Y2}, "train_set_y")
    assert train.target == test.target == "train_set_y"
    assert test.frame["train_set_y"].to_list() == Y2.tolist()


def test_classes_get_the_names_that_lie_beside():
    made, _ = read({"X": X, "y": Y, "list_classes": np.array([b"non-cat", b"cat"])})
    assert made.frame["y"].to_list() == ["non-cat", "cat", "non-cat", "cat"]
    assert made.notes[1] == "Classes are named by the array 'list_classes': 0 is 'non-cat', 1 is 'cat'."
    assert "left out" not in made.notes[0]


@pytest.mark.parametrize("names", [["one"], ["same", "same"]])
def test_names_that_do_not_fit_are_left_out(names):
    made, _ = read({"X": X, "y": Y, "classes": np.array(names)})
    assert made.frame["y"].to_list() == Y.tolist()
    assert made.notes == ("Features are the array 'X' (4, 3), left out: 'classes'.",)
    made, _ = read({"X": X, "y": Y / 2, "classes": np.array(["a", "b"])})
    assert made.frame["y"].to_list() == (Y / 2).tolist()


def test_only_what_is_needed_is_loaded():
    _, loaded = read({"X": X, "y": Y, "huge": X}, with_target=False)
    assert loaded == ["X"]


def test_one_array_of_two_axes_is_enough():
    made, _ = read({"group/pixels": X, "digit": Y}, "digit")
    assert made.target == "digit"
    with pytest.raises(BadData, match=r"'f' must have one array of features, called X, .* it has none"):
        read({})
    with pytest.raises(BadData, match=r"has no array 'lable'.* Did you mean 'labels'"):
        read({"X": X, "labels": Y}, "lable")
