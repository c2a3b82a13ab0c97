import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up import features

import caviar
from caviar.data.groups import place, rows_together
from caviar.data.sizes import Sizes
from caviar.data.strata import allot
from caviar.data.table import Table
from caviar.errors import BadData


def sets(done):
    """Names of the rows (column `row`) in train, dev, test and bridge."""
    return [part.whole()["row"].to_list() for part in done.raw().values()]


def labelled(rows, groups, classes, seed=0, **more):
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {"row": np.arange(float(rows)), "x": random.normal(size=rows), "who": random.integers(groups, size=rows)} | more
    )
    return Table("t", frame, pl.Series("y", [f"c{i}" for i in random.integers(classes, size=rows)]))


@st.composite
def divisions(draw):
    """Groups, classes and quotas as `divide` hands them over."""
    rows = draw(st.integers(20, 200))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    together = random.integers(draw(st.integers(3, rows)), size=rows)
    assume(len(np.unique(together)) >= 3)
    codes = random.integers(draw(st.integers(1, 5)), size=rows)
    dev, test = (draw(st.integers(1, rows // 4)) for _ in range(2))
    return together, codes, Sizes(rows - dev - test, dev, test)


@given(divisions(), st.integers(0, 100))
def test_groups_are_whole_and_no_set_is_empty(division, seed):
    together, codes, sizes = division
    placed = place(together, codes, allot(np.bincount(codes), sizes), seed)
    assert all(len(np.unique(placed[together == group])) == 1 for group in np.unique(together))
    assert set(placed) == {0, 1, 2}
    np.testing.assert_array_equal(placed, place(together, codes, allot(np.bincount(codes), sizes), seed))


@given(st.integers(0, 1000), st.integers(1, 4))
def test_sizes_and_classes_are_met_within_a_group(seed, largest):
    """Many groups of at most `largest` rows: every class of every set is within two groups of what is its due."""
    random = np.random.default_rng(seed)
    together = np.repeat(np.arange(400), random.integers(1, largest + 1, 400))
    codes = random.integers(3, size=len(together))
    rows = len(together)
    sizes = Sizes(rows - 2 * (rows // 5), rows // 5, rows // 5)
    quota = allot(np.bincount(codes), sizes)
    placed = place(together, codes, quota, seed)
    came = np.stack([np.bincount(codes[placed == at], minlength=3) for at in range(3)], axis=1)
    assert np.abs(came - quota).max() <= 3 * largest
    assert np.abs(came.sum(axis=0) - sizes).max() <= largest
    if largest == 1:
        np.testing.assert_array_equal(came, quota)


def test_large_and_small_groups_are_divided_alike():
    """The share of a set in rows is its share in rows of large groups: dev does not hold small groups only."""
    sizes_of = np.r_[np.full(50, 40), np.full(500, 4)]
    together = np.repeat(np.arange(len(sizes_of)), sizes_of)
    placed = place(together, None, np.array([[2400, 800, 800]]), seed=3)
    of_large = np.bincount(placed[together < 50]) / 2000
    np.testing.assert_allclose(of_large, [0.6, 0.2, 0.2], atol=0.03)
    assert (place(together, None, np.array([[2400, 800, 800]]), seed=4) != placed).any()


def test_a_class_of_one_group_is_learned():
    together, codes = np.repeat(np.arange(10), 5), np.repeat([0] * 9 + [1], 5)
    for seed in range(20):
        placed = place(together, codes, allot(np.bincount(codes), Sizes(30, 10, 10)), seed)
        assert (placed[codes == 1] == 0).all()


@given(st.integers(3, 60), st.integers(0, 50))
def test_no_group_is_on_both_sides(groups, seed):
    table = labelled(150, groups, 3, seed)
    done = caviar.split(table, group="who", bridge=groups > 5, seed=seed)
    owners = [set(part.beside["who"].to_list()) for part in done.raw().values()]
    assert sum(map(len, owners)) == len(set.union(*owners))
    assert sorted(row for rows in sets(done) for row in rows) == list(range(150))
    assert "who" not in done.preparation.names
    for k in (2, 3)[: groups - 3]:  # train and dev have a group less than there are
        folds = done.folds(k)
        who = np.r_[done.raw()["train"].beside["who"], done.raw()["dev"].beside["who"]]
        assert len(set(zip(who.tolist(), folds.tolist(), strict=True))) == len(set(who.tolist()))
        assert len(set(folds)) == k


def test_what_groups_do_to_sizes_is_said():
    done = caviar.split(labelled(150, 7, 2), group="who")
    told = " ".join(done.explanation)
    assert "7 groups by 'who', of up to 30 rows: each is in one set only. 'who' is not learned from." in told
    assert f"Asked for were 30 dev and 30 test rows; whole groups give {done.n_dev} and {done.n_test}." in told
    with pytest.raises(BadData, match="3 sets need at least as many groups, but there are 2"):
        caviar.split(labelled(150, 2, 2), group="who")
    with pytest.raises(BadData, match=r"folds must be at most that of groups, \d, got 20"):
        done.folds(20)


@given(features(rows=30), st.data())
def test_equal_rows_are_on_one_side(frame, data):
    """Whatever the columns: copies go where the original goes, and the same rows whatever the order of columns."""
    copies = data.draw(st.lists(st.integers(0, 29), min_size=1, max_size=10, unique=True))
    number = pl.Series("row", np.r_[np.arange(30.0), np.array(copies, float)])
    whole = pl.concat([frame, frame[copies]]).with_columns(number)
    done = caviar.split(Table("t", whole, pl.Series("y", ["a", "b"] * 15 + ["a"] * len(copies))))
    owners = [set(rows) for rows in sets(done)]
    assert sum(map(len, owners)) == 30
    tied = len(copies) + len(set(copies))
    assert f"{tied} rows have the same features as another one: equal rows are kept in one set." in done.explanation
    shuffled = whole.select(data.draw(st.permutations(whole.columns)))
    again = caviar.split(Table("t", shuffled, pl.Series("y", ["a", "b"] * 15 + ["a"] * len(copies))))
    assert sets(again) == sets(done)


def test_equal_rows_may_be_anywhere_on_request():
    frame = pl.DataFrame({"row": np.r_[np.arange(100.0), np.arange(100.0)]})
    table = Table("t", frame, pl.Series("y", ["a", "b"] * 100))
    together, anywhere = caviar.split(table), caviar.split(table, duplicates="anywhere")
    assert not set(sets(together)[0]) & set(sets(together)[2])
    assert set(sets(anywhere)[0]) & set(sets(anywhere)[2])
    with pytest.raises(BadData, match="duplicates must be 'together' or 'anywhere', got True"):
        caviar.split(table, duplicates=True)  # pyright: ignore[reportArgumentType]


def test_rows_that_repeat_by_nature_are_divided():
    """A table of two switches holds four different rows: they are no copies, and every set needs them."""
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.random(400) < 0.5, "b": random.random(400) < 0.5})
    done = caviar.split(Table("t", frame, pl.Series("y", random.integers(2, size=400))))
    assert (done.n_train, done.n_dev, done.n_test) == (240, 80, 80)
    assert any(line.startswith("Of 400 rows only 4 differ in their features") for line in done.explanation)


def test_a_common_row_is_divided_and_copies_are_not():
    """An empty form is no copy of another empty form, even beside real copies."""
    own = pl.DataFrame({"row": np.r_[np.zeros(150), np.arange(1.0, 301), np.arange(1.0, 51)]})
    done = caviar.split(Table("t", own, pl.Series("y", np.random.default_rng(0).normal(size=500))))
    held = [np.array(rows) for rows in sets(done)]
    assert all((rows == 0).sum() > 10 for rows in held)
    assert not set(held[0]) & set(held[1]) - {0}
    told = " ".join(done.explanation)
    assert "100 rows have the same features as another one" in told
    assert "1 row of features is common by nature (up to 150 times)" in told


def test_groups_and_equal_rows_go_together():
    """Two patients with one equal row are one group; where that would tie most together, groups decide alone."""
    frame = pl.DataFrame({"x": [*map(float, range(100))]}).with_columns(who=pl.Series(np.arange(100) // 4))
    frame = pl.concat([frame, frame[:1].with_columns(who=pl.lit(20, pl.Int64))])
    codes = rows_together(frame.drop("who"), frame["who"], duplicates=True).codes
    assert codes is not None
    assert codes[0] == codes[3] == codes[80] == codes[100] != codes[4]
    chain = pl.DataFrame({"x": np.arange(100) // 2 * 1.0, "who": (np.arange(100) + 1) // 2})
    tied = rows_together(chain.drop("who"), chain["who"], duplicates=True)
    assert tied.codes is not None
    assert len(np.unique(tied.codes)) == 51
    assert "kept apart, since they would tie most groups together" in tied.said[1]


def test_rows_without_a_group_are_on_their_own():
    frame = pl.DataFrame({"x": [*map(float, range(60))], "who": [1, 1, *[None] * 58]})
    done = rows_together(frame.drop("who"), frame["who"], duplicates=True)
    assert done.codes is not None
    assert len(np.unique(done.codes)) == 59
    assert "and 58 rows without one, each on its own" in done.said[0]
