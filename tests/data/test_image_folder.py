"""Folders of pictures: classes by sub-folder or by a labels file, one size, a cache, and nothing outside the folder."""

import sys

import numpy as np
import pytest
from PIL import Image

from caviar.data import image_folder, pictures
from caviar.data.read import read
from caviar.data.split import split
from caviar.errors import BadData


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("caviar.data.image_cache.cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "images"


RANDOM = np.random.default_rng(0)


def picture(path, size=(8, 6), mode="RGB", value=None):
    """A PNG (or what the ending says) of `size` (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size, 3) if mode == "RGB" else size
    array = RANDOM.integers(0, 256, shape, np.uint8) if value is None else np.full(shape, value, np.uint8)
    Image.fromarray(array, mode).save(path)
    return array


@pytest.fixture
def by_class(tmp_path):
    root = tmp_path / "pets"
    arrays = [picture(root / kind / f"{i:02}.png") for kind in ("cat", "dog") for i in range(12)]
    return root, np.stack(arrays)


def test_sub_folders_are_classes_and_small_pictures_of_one_size_stay_as_they_are(by_class):
    root, arrays = by_class
    table = read(root)
    assert table.name == "pets"
    np.testing.assert_array_equal(table.features["image"].to_numpy(), arrays)
    assert table.target.name == "class"
    assert table.target.to_list() == ["cat"] * 12 + ["dog"] * 12
    assert table.notes == (
        "Classes are the sub-folders: 'cat (12)', 'dog (12)'.",
        "All pictures have 8 x 6 pixels (height x width).",
    )
    assert split(table).image_shape == (8, 6, 3)
    assert read(root, target="pet").target.name == "pet"
    assert read(root, target=False).features.equals(table.features)


def test_other_sizes_become_64_x_64_or_what_is_asked(by_class):
    root, _ = by_class
    picture(root / "cat" / "large.jpg", (200, 300), value=77)
    table = read(root)
    assert table.image_shape == (64, 64, 3)
    assert table.notes[1] == (
        "Pictures of 8 x 6 to 200 x 300 are scaled to 64 x 64 pixels (height x width), whatever their shape; "
        "image_shape=(height, width) chooses another size."
    )
    assert (table.features["image"].to_numpy()[12] == 77).all()
    assert read(root, image_shape=(10, 20)).image_shape == (10, 20, 3)
    assert read(root, image_shape=[5, 4, 1]).image_shape == (5, 4, 1)


@pytest.mark.parametrize("shape", [(10,), (0, 5), (5, 5, 2), "ab", (5.0, 5), (5000, 5), (True, True)])
def test_a_shape_is_checked(by_class, shape):
    with pytest.raises(BadData, match="image_shape must be"):
        read(by_class[0], image_shape=shape)


def test_scaling_down_is_a_mean_of_what_a_pixel_covers(tmp_path):
    for kind in "ab":
        array = picture(tmp_path / "p" / kind / "x.png", (64, 64), "L")
    pixels = read(tmp_path / "p", image_shape=(1, 1)).features["image"].to_numpy()
    # Pillow's triangle of twice the width, cut off at the edges, in float64
    weights = 1 - np.abs((np.arange(64) + 0.5) / 64 - 0.5)
    weights /= weights.sum()
    assert abs(float(pixels[1, 0, 0, 0]) - weights @ array.astype(float) @ weights) < 1.5


def test_grey_pictures_have_one_channel_unless_one_has_colours(tmp_path):
    array = picture(tmp_path / "p/a/1.png", mode="L")
    picture(tmp_path / "p/b/1.png", mode="L")
    table = read(tmp_path / "p")
    assert table.image_shape == (8, 6, 1)
    np.testing.assert_array_equal(table.features["image"].to_numpy()[0, ..., 0], array)
    picture(tmp_path / "p/b/2.png")
    pixels = read(tmp_path / "p").features["image"].to_numpy()
    np.testing.assert_array_equal(pixels[0], np.repeat(array[..., None], 3, axis=2))


def test_modes_of_pictures(tmp_path):
    root = tmp_path / "p"
    (root / "a").mkdir(parents=True)
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[:2, :, 3] = 255
    Image.fromarray(clear, "RGBA").save(root / "a/alpha.png")
    Image.fromarray(np.full((4, 4), 32896, np.uint16)).save(root / "a/deep.png")
    Image.fromarray(np.full((4, 4), 200, np.uint8)).convert("P").save(root / "a/palette.gif")
    Image.new("CMYK", (4, 4), (0, 0, 0, 255)).save(root / "a/print.jpg")
    Image.fromarray(np.eye(4) > 0).save(root / "a/two.png")
    turned = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    turned.save(root / "a/turned.png", exif=exif)
    pixels = dict(
        zip(
            sorted(p.stem for p in (root / "a").iterdir()),
            read(root, target=False).features["image"].to_numpy(),
            strict=True,
        )
    )
    assert pixels["alpha"][0].max() == 0  # black where it is not clear
    assert pixels["alpha"][3].min() == 255  # white where it is
    assert (pixels["deep"] == 128).all()
    assert abs(int(pixels["palette"].max()) - 200) < 8
    assert pixels["print"].max() < 10
    assert pixels["two"][..., 0].tolist() == (255 * np.eye(4)).tolist()
    assert pixels["turned"][..., 0].tolist() == np.rot90(np.arange(16).reshape(4, 4), -1).tolist()


def test_pictures_are_decoded_once_and_again_when_one_changes(by_class, cache, monkeypatch):
    root, arrays = by_class
    first = read(root)
    (kept,) = cache.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(image_folder, "pixels", None)  # would fail if it were called
        again = read(root)
    assert again.fingerprint == first.fingerprint
    changed = picture(root / "cat" / "00.png", value=3)
    np.testing.assert_array_equal(read(root).features["image"].to_numpy()[0], changed)
    kept.write_bytes(b"damaged")
    kept.touch()
    for file in cache.iterdir():
        file.write_bytes(b"damaged")
    np.testing.assert_array_equal(read(root).features["image"].to_numpy()[1:], arrays[1:])


def test_the_cache_is_bounded_and_its_loss_is_said(by_class, cache, monkeypatch, tmp_path):
    root, _ = by_class
    read(root)
    monkeypatch.setattr("caviar.data.image_cache.MOST_BYTES", 8_000)
    read(root, image_shape=(8, 8))
    assert len(list(cache.iterdir())) == 1
    assert "not kept for the next time" in read(root, image_shape=(40, 40)).notes[-1]
    (tmp_path / "file").touch()
    monkeypatch.setattr("caviar.data.image_cache.cache_folder", lambda: tmp_path / "file")
    assert "not kept for the next time" in read(root).notes[-1]


def test_links_are_not_followed(by_class, tmp_path):
    root, arrays = by_class
    outside = tmp_path / "secret"
    picture(outside / "s.png")
    (root / "cat" / "link.png").symlink_to(outside / "s.png")
    (root / "secret").symlink_to(outside)
    (root / "dog" / "loop").symlink_to(root)
    table = read(root)
    assert table.rows == len(arrays)
    assert "3 symbolic links not followed." in table.notes
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "link.png").symlink_to(outside / "s.png")
    with pytest.raises(BadData, match=r"has 1 symbolic link, which are not followed"):
        read(alone)


def broken(root, number):
    for i in range(number):
        (root / "dog" / f"no{i}.png").write_bytes(b"no picture")


def test_few_unreadable_pictures_are_left_out_and_many_refused(by_class):
    root, arrays = by_class
    broken(root, 1)
    table = read(root)
    np.testing.assert_array_equal(table.features["image"].to_numpy(), arrays)
    assert table.target.to_list().count("dog") == 12
    assert table.notes[-1].startswith("1 picture that cannot be read left out (dog/no0.png: no picture")
    with pytest.raises(BadData, match=r"Every picture to predict for must be readable, but 1 file: dog/no0.png"):
        read(root, target=False)
    broken(root, 3)
    with pytest.raises(BadData, match=r"At most 5% of the pictures may be unreadable, but 3 of 27 are"):
        read(root)


def test_too_many_pixels(by_class, monkeypatch):
    root, _ = by_class
    monkeypatch.setattr(pictures, "MOST_PIXELS", 1000)
    picture(root / "cat" / "bomb.png", (40, 40))
    assert "it has 40 x 40 pixels, more than 1,000" in read(root).notes[-1]
    monkeypatch.setattr(image_folder, "MOST_BYTES", 1000)
    with pytest.raises(BadData, match=r"25 pictures of 8 x 6, 3 channels take 3.6 kB. Scale them smaller"):
        read(root)


def test_folders_that_are_no_classes(tmp_path):
    root = tmp_path / "p"
    for part in ("train", "test"):
        picture(root / part / "cat" / "1.png")
    with pytest.raises(BadData, match=r"must be classes, but 'test', 'train' are sets. Name one of them as DATA"):
        read(root)
    with pytest.raises(BadData, match=r"one sub-folder for each class, .* has only 'cat'"):
        read(root / "train")
    with pytest.raises(BadData, match=r"one sub-folder for each class, .* has none"):
        read(root / "train" / "cat")
    assert read(root / "train" / "cat", target=False).rows == 1


def test_without_pillow_the_extra_is_named(by_class, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(BadData, match=r'needs Pillow, which is not there: pip install "caviar\[images\]"'):
        read(by_class[0])


@pytest.fixture
def labelled(tmp_path):
    def make(*lines, table="train.csv", pictures=tuple(f"{i}.png" for i in range(20))):
        root = tmp_path / "p"
        for number, name in enumerate(pictures):
            picture(root / name, (2, 2), "L", value=number)
        (root / table).write_text("\n".join(lines))
        return root

    return make


ROWS = [f"{i},{'ab'[i % 2]}" for i in reversed(range(20))]


@pytest.mark.parametrize("cell", ["{}.png", "{}", "./{}.png", "sub/{}.png"])
def test_a_labels_file(labelled, cell):
    root = labelled(
        "id,breed",
        *(f"{cell.format(i)},{'ab'[i % 2]}" for i in reversed(range(20))),
        pictures=[f"{'sub/' if 'sub' in cell else ''}{i}.png" for i in range(20)],
    )
    table = read(root)
    assert table.features["image"].to_numpy()[:, 0, 0, 0].tolist() == list(reversed(range(20)))
    assert (table.target.name, table.target.to_list()[:2]) == ("breed", ["b", "a"])
    assert table.notes[0] == "Labels are the column 'breed' of 'train.csv', file names its column 'id'."


def test_a_picture_of_several_rows_is_the_same_in_all(labelled):
    root = labelled("id,y", "5.png,b", *ROWS, "5,a", pictures=[f"{i}.png" for i in range(20)])
    assert read(root).features["image"].to_numpy()[:, 0, 0, 0].tolist() == [5, *reversed(range(20)), 5]


def test_numbers_as_labels_and_more_columns(labelled):
    root = labelled("file,age,label", *(f"{i},{i},x" for i in range(20)))
    assert read(root, target="age").target.to_list() == list(range(20))
    assert read(root).target.name == "label"
    assert "Other columns of 'train.csv' left out: 'age'." in read(root).notes
    with pytest.raises(BadData, match=r"'train.csv' has no column 'agee' to predict. Did you mean 'age'"):
        read(root, target="agee")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["id,a,b", *(f"{i},1,2" for i in range(20))], "Which column of 'train.csv' is to be predicted.* 'a', 'b'"),
        (["id", *map(str, range(20))], "It has only file names beside"),
        (["id,y", *ROWS, "21,a", "22,b"], r"but 2 of 22 rows do not, such as '21', '22'"),
        (["id,y", *ROWS, "../../etc/passwd,a", "/etc/passwd,b"], r"such as '../../etc/passwd', '/etc/passwd'"),
        (["id,y", *ROWS[:-1], "0,"], "must be known in every row"),
        (["id,y", "x,z"], "or a CSV file with their file names and labels, but .* has none"),
    ],
)
def test_labels_files_that_do_not_fit(labelled, lines, words):
    with pytest.raises(BadData, match=words):
        read(labelled(*lines))


def test_rows_and_pictures_without_each_other_are_said(labelled):
    root = labelled(
        "id,y", *[f"{i:02},{i % 2}" for i in range(2, 40)], "99,1", pictures=[f"{i:02}.png" for i in range(40)]
    )
    notes = read(root).notes
    assert "1 row without a picture left out." in notes
    assert "2 pictures without a row left out." in notes
    (root / "other.csv").write_text("id,z\n" + "\n".join(f"{i:02},1" for i in range(2, 40)))
    with pytest.raises(BadData, match=r"but 'other.csv', 'train.csv' in .* name them. Keep one there"):
        read(root)
    (root / "train.csv").rename(root / "Labels.csv")
    assert read(root).target.name == "y"
