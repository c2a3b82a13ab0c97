import pickle
import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up import features

import caviar
from caviar.data.images import images_of
from caviar.data.prepare import fit_preparation
from caviar.data.split import Split, TestOpenedAgain, open_together, split
from caviar.data.table import Table
from caviar.errors import BadData


def table(rows=60, classes=3, seed=0):
    """Rows that carry their own number, so that a test sees where each went."""
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "number": np.arange(rows, dtype=float),
            "size": rng.normal(5, 3, rows),
            "job": rng.choice(["cook", "smith"], rows).tolist(),
        }
    )
    return Table("people", frame, pl.Series("y", [f"c{i % classes}" for i in range(rows)]))


def numbers(done: Split):
    """The row numbers of train, dev and test."""
    plain = done.rescaled(None)
    column = plain.preparation.names.index("number")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TestOpenedAgain)
        x_test, _ = plain.open_test() if done.n_test else (np.empty((0, plain.width)), None)
    return [part[:, column].astype(int).tolist() for part in (plain.x_train, plain.x_dev, x_test)]


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "wine", "iris", "diabetes"])
def test_the_samples(name):
    read = caviar.read(name)
    done = caviar.split(read)
    assert (done.n_train + done.n_dev + done.n_test, done.rows) == (read.rows, done.n_train + done.n_dev)
    assert done.x.shape == (done.rows, done.width)
    assert done.x.dtype == np.float32
    assert np.isfinite(done.x).all()
    x_test, y_test = done.open_test()
    assert x_test.shape == (done.n_test, done.width)
    assert y_test.shape == (done.n_test,)
    if name == "diabetes":
        assert (done.task, done.classes, done.outputs, done.y.dtype) == ("regression", None, 1, np.float32)
        assert abs(done.y_train.mean()) < 1e-6
    else:
        assert (done.task, done.y.dtype) == ("classification", np.int32)
        assert done.outputs == len(done.classes or ()) == len(np.unique(done.y))
    assert len(done.explanation) >= 4


def test_every_row_is_in_one_set_with_its_own_target():
    read = table()
    done = split(read)
    train, dev, test = numbers(done)
    assert sorted(train + dev + test) == list(range(60))
    assert (len(train), len(dev), len(test)) == (36, 12, 12)
    assert read.target is not None
    labels = done.target.decode(np.concatenate([done.y, done.rescaled(None)._sealed.y]))
    assert labels.tolist() == [read.target[i] for i in train + dev + test]
    for part in (done.y_train, done.y_dev):
        assert np.ptp(np.bincount(part)) == 0


@given(frame=features(rows=30), data=st.data(), scale=st.sampled_from(["standard", "robust", None]))
def test_statistics_are_of_train_rows_only(frame, data, scale):
    """Dev and test rows may hold anything: train's matrix and the preparation do not move by a bit."""
    number = pl.Series("number", np.arange(30.0))
    target = pl.Series("y", [0.5 * i for i in range(30)])
    done = split(Table("t", frame.with_columns(number), target), scale=scale)
    train = numbers(done)[0]
    other = data.draw(st.permutations(range(30)))
    mixed = [i if i in train else other[i] for i in range(30)]
    changed = split(Table("t", frame[mixed].with_columns(number), target), scale=scale)
    assert changed.preparation == done.preparation
    np.testing.assert_array_equal(changed.x_train, done.x_train)
    moved = (
        target.to_frame()
        .with_row_index()
        .select(pl.when(pl.col("index").is_in(train)).then("y").otherwise(pl.col("y") * 7 + 1e4).alias("y"))["y"]
    )
    retargeted = split(Table("t", frame.with_columns(number), moved), scale=scale)
    assert retargeted.target == done.target
    np.testing.assert_array_equal(retargeted.y_train, done.y_train)
    assert done.preparation == fit_preparation(frame.with_columns(number)[train], scale)


@given(frame=features(rows=24), data=st.data())
def test_the_order_of_columns_does_not_matter(frame, data):
    assume(any(c.n_unique() > 3 for c in frame.get_columns()))
    target = pl.Series("y", ["a", "b"] * 12)
    try:
        done = split(Table("t", frame, target))
    except BadData as error:
        assume("none is of use" not in str(error))
        raise
    shuffled = split(Table("t", frame.select(data.draw(st.permutations(frame.columns))), target))
    here = np.argsort(done.preparation.names)
    there = np.argsort(shuffled.preparation.names)
    np.testing.assert_array_equal(done.x[:, here], shuffled.x[:, there])
    np.testing.assert_array_equal(done.y, shuffled.y)


def test_a_seed_is_a_choice_of_rows():
    assert numbers(split(table())) == numbers(split(table()))
    assert split(table()).fingerprint == split(table()).fingerprint
    assert set(numbers(split(table(), seed=1))[2]) != set(numbers(split(table()))[2])
    assert len({split(table(), seed=seed).fingerprint for seed in range(5)}) == 5


def test_the_fingerprint_is_of_data_sizes_and_sealed_rows():
    done = split(table())
    assert done.fingerprint != split(table(), dev=0.3).fingerprint
    assert done.fingerprint != done.rescaled("robust").fingerprint
    assert done.fingerprint != split(table(seed=1)).fingerprint
    one, other = (split(table(), test=table(30, seed=seed)).fingerprint for seed in (1, 2))
    assert one != other
    assert done.rescaled("standard").fingerprint == done.fingerprint


def test_the_test_set_is_sealed():
    done = split(table())
    assert done.times_opened == 0
    assert not any(isinstance(v, np.ndarray) and len(v) == done.n_test for v in vars(done).values())
    done.open_test()
    assert done.times_opened == 1
    with pytest.warns(TestOpenedAgain, match="'people' has been opened 2 times.* choose by the dev rows"):
        done.open_test()


def test_several_scales_open_the_test_set_once():
    done = split(table())
    robust = done.rescaled("robust")
    (x, other), y = open_together([done, robust])
    assert done.times_opened == robust.times_opened == 1
    assert x.shape == other.shape
    assert len(x) == len(y) == done.n_test
    assert not np.array_equal(x, other)
    with pytest.raises(BadData, match="must share their test rows"):
        open_together([done, split(table(seed=1))])


def test_another_scale_keeps_the_rows_and_the_seal():
    done = split(table())
    robust = done.rescaled("robust")
    assert robust.preparation == split(table(), scale="robust").preparation
    np.testing.assert_array_equal(robust.x, split(table(), scale="robust").x)
    assert robust.explanation == split(table(), scale="robust").explanation
    np.testing.assert_array_equal(robust.y, done.y)
    robust.open_test()
    assert done.times_opened == 1


def test_nothing_can_be_changed():
    done = split(table())
    for array in (done.x, done.y, done.x_dev, done.rescaled("robust").x, done.open_test()[1]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        done.seed = 3  # pyright: ignore[reportAttributeAccessIssue]
    assert repr(done) == ("Split('people': classification, 36 train, 12 dev and 12 test rows, 4 inputs, 3 outputs)")
    again = pickle.loads(pickle.dumps(done))
    assert again.fingerprint == done.fingerprint


def test_folds():
    done = split(table(100, 4))
    folds = done.folds()
    assert folds.shape == (done.rows,)
    for k in (2, 5, 80):
        assert len(np.unique(done.folds(k))) == k
    for code in range(4):
        assert np.ptp(np.bincount(folds[done.y == code], minlength=5)) <= 1
    np.testing.assert_array_equal(folds, done.rescaled("robust").folds())
    assert (folds != split(table(100, 4), seed=1).folds()).any()
    for wrong in (1, 81, 2.0, True):
        with pytest.raises(BadData, match=r"number of folds must be in \[2, 80\]"):
            done.folds(wrong)


def test_sets_of_ones_own():
    test, dev = table(21, seed=5), table(33, seed=6)
    done = split(table(), test=test)
    assert (done.n_train, done.n_dev, done.n_test) == (45, 15, 21)
    assert sorted(numbers(done)[2]) == list(range(21))
    done = split(table(), dev=dev, test=test)
    assert (done.n_train, done.n_dev, done.n_test) == (60, 33, 21)
    assert done.preparation == fit_preparation(table().features[numbers(done)[0]])
    assert "The dev set is the table 'people', 33 rows, as given." in done.explanation
    done = split(table(), dev=dev, test=0)
    assert (done.n_train, done.n_dev, done.n_test) == (60, 33, 0)


def test_a_given_set_may_have_other_types_and_values():
    other = table(21)
    frame = other.features.select(
        pl.lit("clown").alias("job"),
        pl.col("size").cast(pl.String),
        pl.col("number").cast(pl.Int64),
        pl.lit(1).alias("more"),
    )
    done = split(table(), test=Table("other", frame, other.target))
    x_test, _ = done.open_test()
    at = [i for i, name in enumerate(done.preparation.names) if name.startswith("job")]
    assert not x_test[:, at].any()
    np.testing.assert_array_equal(x_test[:, :2], done.preparation.features(other.features)[:, :2])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: (t.features.drop("size"), t.target),
            "must match 'people'.* a column 'size', but the table has none",
        ),
        (
            lambda t: (t.features, None),
            "must have the target 'y', as 'people' has, but 'other' has no target",
        ),
        (lambda t: (t.features, t.target.alias("z")), "but 'other' has the target 'z'"),
        (lambda t: (t.features, t.target.replace("c1", "d1")), "must match.*'d1' is none"),
        (
            lambda t: (t.features.with_columns(size=pl.lit("big")), t.target),
            "must match.*'size' must hold numbers",
        ),
        (lambda t: (t.features[:0], t.target[:0]), "must have rows, but 'other' has none"),
    ],
)
@pytest.mark.parametrize("name", ["dev", "test"])
def test_given_sets_that_do_not_match(change, words, name):
    features_, target = change(table())
    with pytest.raises(BadData, match=words):
        split(table(), **{name: Table("other", features_, target)})


def test_sets_that_are_left_out():
    done = split(table(), test=0)
    assert (done.n_train, done.n_dev, done.n_test) == (42, 18, 0)
    assert any("the final figure will be the dev figure" in sentence for sentence in done.explanation)
    with pytest.raises(BadData, match=r"split without one. Judge by the dev rows"):
        done.open_test()
    done = split(table(), dev=0)
    assert (done.n_train, done.n_dev, done.n_test) == (42, 0, 18)
    assert done.x_dev.shape == (0, done.width)
    with pytest.raises(BadData, match="dev and test are both 0"):
        split(table(), dev=0, test=0)


def test_small_classes_train_and_large_ones_are_everywhere():
    labels = ["a"] * 50 + ["b"] * 5 + ["c"] * 3 + ["d"] * 2
    done = split(Table("t", table().features, pl.Series("y", labels)))
    tallies = [np.bincount(part, minlength=4) for part in (done.y_train, done.y_dev, done.open_test()[1])]
    assert (np.array(tallies)[:, :3] >= 1).all()
    assert tallies[0][3] == 2
    assert any("'d' has fewer: these rows are all in train" in sentence for sentence in done.explanation)


def test_the_task_can_be_chosen():
    read = Table("t", table().features, pl.Series("y", [float(i % 3) for i in range(60)]))
    assert split(read).classes == (0.0, 1.0, 2.0)
    done = split(read, task="regression")
    assert done.task == "regression"
    assert done.explanation[0] == "Regression, as asked."
    with pytest.raises(BadData, match="Regression needs a target of numbers"):
        split(table(), task="regression")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"seed": -1}, "seed must be a whole number, 0 or more"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"dev": 1.5}, "dev must be a share"),
        ({"dev": 30, "test": 25}, "At least 10 rows must be left to train"),
        ({"scale": "minmax"}, "scale must be"),
        ({"resolution": 2}, "resolution must be"),
        ({"task": "ranking"}, "task must be"),
    ],
)
def test_settings_that_cannot_be(more, words):
    with pytest.raises(BadData, match=words):
        split(table(), **more)


def test_a_table_without_target_cannot_be_split():
    with pytest.raises(BadData, match=r"'people' was read without one. Read it with target=COLUMN"):
        split(Table("people", table().features, None))


def images(rows=60, seed=0, height=4):
    """Images whose first pixel is the row's number, of three classes."""
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, height, 3, 2)).astype(np.float32)
    pixels[:, 0, 0, 0] = np.arange(rows)
    return caviar.read((pixels, [f"c{i % 3}" for i in range(rows)]), name="scans")


def test_images_are_split_like_rows():
    done = split(images())
    assert (done.image_shape, split(table()).image_shape) == ((4, 3, 2), None)
    assert repr(done) == (
        "Split('scans': classification, 36 train, 12 dev and 12 test rows, 24 inputs (4 x 3, 2 channels), 3 outputs)"
    )
    assert done.explanation[1].startswith("60 images of 4 x 3, 2 channels: 36 to train, ")
    plain = done.rescaled(None)
    x_test, y_test = plain.open_test()
    x, y = np.concatenate([plain.x, x_test]), np.concatenate([plain.y, y_test])
    rows = x[:, 0].astype(int)
    assert sorted(rows) == list(range(60))
    np.testing.assert_array_equal(y, rows % 3)
    given_ = images().features["image"].to_numpy()
    np.testing.assert_array_equal(x.reshape(-1, 2, 4, 3), given_[rows].transpose(0, 3, 1, 2))
    for part in (done.y_train, done.y_dev, y_test, done.y[done.folds(3) == 0]):
        assert np.ptp(np.bincount(part)) <= 1


def test_statistics_of_images_are_of_train_rows_only():
    done = split(images())
    pixels, target = images().features["image"].to_numpy(), images().target
    changed = pixels.copy()
    train = done.rescaled(None).x_train[:, 0].astype(int)
    changed[~np.isin(np.arange(60), train)] *= 7
    other = split(Table("scans", images_of("image", changed).to_frame(), target))
    assert other.preparation == done.preparation
    np.testing.assert_array_equal(other.x_train, done.x_train)
    assert other.fingerprint != done.fingerprint


def test_given_images_must_be_of_one_shape():
    done = split(images(), dev=images(21, seed=1), test=images(30, seed=2))
    assert (done.n_train, done.n_dev, done.n_test) == (60, 21, 30)
    with pytest.raises(BadData, match=r"test table 'scans' must match 'scans'.* holds images of 5 x 3, 2 channels"):
        split(images(), test=images(30, height=5))


def test_a_given_set_may_be_small_and_of_one_class():
    rows = pl.DataFrame({"x": range(40), "y": ["a", "b"] * 20})
    few = caviar.read(rows.filter(pl.col("y") == "a").head(3), target="y")
    done = split(caviar.read(rows, target="y"), dev=few, test=0)
    assert (done.n_train, done.n_dev) == (40, 3)


def test_some_train_rows_alone_leave_everything_else_as_it_is():
    whole = split(table(100), dev=20, test=10, group="number")
    some = whole.with_train(np.arange(60)[::-2])
    np.testing.assert_array_equal(some.x_train, whole.x_train[:60][::-2])
    np.testing.assert_array_equal(some.y_train, whole.y_train[:60][::-2])
    np.testing.assert_array_equal(some.x_dev, whole.x_dev)
    assert some.sizes == {"train": 30, "dev": 20, "test": 10}
    assert some.raw()["train"].target.to_list() == whole.raw()["train"].target[:60].to_list()[::-2]
    assert some.fingerprint != whole.fingerprint
    assert np.bincount(some.folds(5)).tolist() == [10] * 5
