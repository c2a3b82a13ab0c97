"""Sets by a column, by source, and the bridge."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import caviar
from caviar.data.bridge import bridge_size
from caviar.data.choice import marks_of
from caviar.data.table import Table
from caviar.errors import BadData


def table(rows=200, **more):
    random = np.random.default_rng(2)
    frame = pl.DataFrame({"row": np.arange(float(rows)), "x": random.normal(size=rows)} | more)
    return Table("t", frame, pl.Series("y", [f"c{i}" for i in random.integers(3, size=rows)]))


def rows_of(done, name):
    return sorted(done.raw()[name].whole()["row"].to_list())


def test_a_column_names_the_sets():
    words = ["Training", " train ", "train", "VAL", "holdout"] * 40
    done = caviar.split(table(part=words), by="part")
    assert rows_of(done, "dev") == list(range(3, 200, 5))
    assert rows_of(done, "test") == list(range(4, 200, 5))
    assert "The sets are those that 'part' names; it is not learned from." in done.explanation
    assert done.preparation.names == ("row", "x")
    assert done.dev_given


def test_a_column_that_leaves_a_set_open():
    only_test = caviar.split(table(part=["train"] * 150 + ["test"] * 50), by="part")
    assert rows_of(only_test, "test") == list(range(150, 200))
    assert (only_test.n_train, only_test.n_dev, only_test.dev_given) == (112, 38, False)
    only_dev = caviar.split(table(part=["train"] * 150 + ["dev"] * 50), by="part")
    assert (only_dev.n_train, only_dev.n_dev, only_dev.n_test) == (150, 50, 0)
    asked = caviar.split(table(part=["train"] * 150 + ["dev"] * 50), by="part", test=0.2)
    assert (asked.n_train, asked.n_dev, asked.n_test) == (120, 50, 30)
    assert caviar.split(table(part=["train"] * 150 + ["test"] * 50), by="part", dev=0).n_dev == 0


@pytest.mark.parametrize(
    ("words", "more", "said"),
    [
        (["train"] * 199 + ["tset"], {}, "must say train, dev or test in every row, but 'part' says 'tset' in 1 row"),
        (["train"] * 199 + [None], {}, "says None in 1 row"),
        (["test"] * 200, {}, "Some rows must train"),
        (["train"] * 200, {}, "says train in every row"),
        (["train"] * 150 + ["test"] * 50, {"test": 0.2}, "test rows must be named once"),
        (["train"] * 150 + ["dev"] * 50, {"time": "row"}, "'by' and 'time' cannot both decide"),
        (["train"] * 150 + ["dev"] * 50, {"group": "whom"}, "no column 'whom' of groups"),
        (["train"] * 150 + ["dev"] * 50, {"group": "y"}, "'y' is to be predicted and cannot be the column of groups"),
    ],
)
def test_columns_that_cannot_be_used(words, more, said):
    with pytest.raises(BadData, match=said):
        caviar.split(table(part=words), by="part", **more)


def test_marks():
    assert marks_of(pl.Series("s", ["train", "Dev", "TEST", "validation"])).tolist() == [0, 1, 2, 1]


@given(st.integers(20, 150), st.integers(0, 20))
def test_only_rows_of_the_wanted_source_are_held_out(wanted, seed):
    read = table(camera=["phone"] * wanted + ["web"] * (200 - wanted))
    done = caviar.split(read, source=("camera", "phone"), seed=seed)
    for name in ("dev", "test"):
        assert set(done.raw()[name].beside["camera"]) == {"phone"}
    assert done.n_dev + done.n_test <= wanted / 2
    assert done.n_bridge == min(done.n_dev, (done.n_train + done.n_bridge) // 10)
    assert sorted(row for name in done.raw() for row in rows_of(done, name)) == list(range(200))
    assert done.dev_given


def test_sources_are_explained_and_checked():
    read = table(camera=["phone"] * 80 + ["web"] * 120)
    told = caviar.split(read, source=("camera", "phone")).explanation
    assert any(
        "chosen among the 80 rows of the wanted source by 'camera'; the 120 others train" in line for line in told
    )
    with pytest.raises(BadData, match=r"No row of 'camera' is 'fone'.* Did you mean 'phone'"):
        caviar.split(read, source=("camera", "fone"))
    with pytest.raises(BadData, match="there is only one source"):
        caviar.split(table(camera=["phone"] * 200), source=("camera", "phone"))
    with pytest.raises(BadData, match="take only rows of the wanted source, but there are 80 and 100 are asked for"):
        caviar.split(read, 50, 50, source=("camera", "phone"))


def test_a_group_of_both_sources_trains():
    camera = ["phone"] * 100 + ["web"] * 100
    read = table(camera=camera, who=[*range(100), *range(40), *range(100, 160)])
    done = caviar.split(read, source=("camera", "phone"), group="who")
    assert set(range(40)) <= set(done.raw()["train"].beside["who"]) | set(done.raw()["bridge"].beside["who"])


def test_the_bridge_is_held_apart():
    plain, done = caviar.split(table()), caviar.split(table(), bridge=True)
    assert rows_of(plain, "test") == rows_of(done, "test")
    assert (done.n_train, done.n_bridge, done.n_dev) == (108, 12, 40)
    assert sorted(rows_of(done, "train") + rows_of(done, "bridge")) == rows_of(plain, "train")
    np.testing.assert_array_equal(done.x_bridge, done.preparation.features(done.raw()["bridge"].frame))
    assert done.x_bridge.shape == (12, done.width)
    assert len(done.y_bridge) == 12
    assert np.ptp(np.bincount(done.y_bridge)) <= 3
    assert not done.x_bridge.flags.writeable
    assert done.fingerprint != plain.fingerprint
    scaled = done.rescaled("robust")
    np.testing.assert_array_equal(scaled.x_bridge, scaled.preparation.features(done.raw()["bridge"].frame))
    assert repr(done).startswith("Split('t': classification, 108 train, 40 dev and 40 test rows, 12 in a bridge")
    assert "200 rows: 108 to train, 12 of their kind kept apart (bridge), 40 to choose (dev)" in done.explanation[1]
    assert "bridge" not in plain.raw()


@pytest.mark.parametrize(
    ("asked", "train", "held_out", "size"),
    [
        (True, 1000, 40, 40),
        (True, 1000, 400, 100),
        (False, 1000, 40, 0),
        (None, 1000, 40, 0),
        (0.25, 1000, 40, 250),
        (70, 1000, 40, 70),
    ],
)
def test_bridge_sizes(asked, train, held_out, size):
    assert bridge_size(asked, train, held_out) == size


@pytest.mark.parametrize("asked", [1.5, -3, 1000, "big"])
def test_bridges_that_cannot_be(asked):
    with pytest.raises(BadData, match="bridge must be True for the rule"):
        bridge_size(asked, 1000, 40)
    with pytest.raises(BadData, match="must leave 10 rows to train"):
        bridge_size(True, 9, 4)


def test_networks_are_measured_on_the_bridge():
    """What `outputs` answers for the bridge is what it answers for the same rows in `x`."""
    from caviar.training.outputs import outputs

    done = caviar.split(caviar.read("iris"), bridge=True)
    (run,) = caviar.train(done, [caviar.Config(hidden_units=(4,), epochs=3, batch_size="full")])
    network = (run.config, run.weights, run.statistics)
    (answer,) = outputs([network], done.x_bridge)
    assert answer.shape == (done.n_bridge, 3)
    (together,) = outputs([network], np.concatenate([done.x, done.x_bridge]))
    np.testing.assert_allclose(answer, together[done.rows :], rtol=1e-5)
