"""Sets of one kind are silent; planted shifts are found, named and weighed."""

import datetime
import json

import numpy as np
import polars as pl
import pytest
from scipy import stats

import caviar
from caviar.data.checks.column_shift import compare_columns
from caviar.data.checks.distribution_shift import check_distribution_shift, check_new_rows, shift_between
from caviar.data.checks.joint_shift import tell_apart
from caviar.data.images import images_of
from caviar.errors import BadData


def normal(rows, columns=20, seed=0, **moved):
    """A table of normal columns; `x3=0.3` moves one of them."""
    x = np.random.default_rng(seed).normal(size=(rows, columns))
    return pl.DataFrame({f"x{i}": x[:, i] + moved.get(f"x{i}", 0) for i in range(columns)})


def test_one_column_shifted_by_three_tenths_is_found_and_named():
    for seed in range(3):
        sets = {"train": normal(3000, seed=seed), "dev": normal(1000, seed=100 + seed)}
        sets["test"] = normal(1000, seed=200 + seed, x7=0.3)
        (check,) = shift_between(sets).checks
        assert (check.name, check.severity) == ("distribution_shift", "warning")
        assert [c["column"] for c in check.evidence["columns"]] == ["x7"]
        assert check.meaning.startswith("The test rows are of another kind than the")
        json.dumps(check.evidence, allow_nan=False)


def test_sets_of_one_kind_are_silent_and_said_to_be_alike():
    for seed in range(5):
        done = shift_between(
            {n: normal(r, seed=10 * seed + r) for n, r in (("train", 600), ("dev", 201), ("test", 200))}
        )
        assert done.checks == ()
        assert len(done.passed) == 1
        assert "dev and test are of one kind" in done.passed[0]
        assert "201 and 200 rows" in done.passed[0]


def test_a_tiny_shift_in_many_rows_is_worth_knowing_and_no_more():
    (check,) = shift_between({"train": normal(200_000, 3, 1), "test": normal(200_000, 3, 2, x1=0.05)}).checks
    assert check.severity == "info"
    assert check.evidence["columns"][0]["column"] == "x1"
    assert check.evidence["columns"][0]["p_value"] < 1e-6
    assert "small" in check.meaning


def test_columns_that_only_together_differ_are_told_by_the_classifier():
    x = np.random.default_rng(5).normal(size=(4000, 2))
    x[2000:, 1] = 0.95 * x[2000:, 0] + 0.05**0.5 * x[2000:, 1]
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1]})
    (check,) = shift_between({"dev": frame[:2000], "test": frame[2000:]}).checks
    assert check.evidence["columns_differing"] == 0
    assert check.evidence["auc"]["low"] > 0.6
    assert check.severity == "warning"
    assert "together" in check.meaning


def test_sets_with_nothing_in_common_are_critical():
    (check,) = shift_between({"train": normal(500), "test": normal(500, seed=1, x0=8)}).checks
    assert check.severity == "critical"
    assert check.evidence["auc"]["value"] > 0.99


@pytest.mark.parametrize(
    ("odd", "advice"),
    [("dev", "Dev and test rows must be of one kind"), ("test", "Dev and test rows must be"), ("train", "mismatch")],
)
def test_the_set_that_differs_is_named(odd, advice):
    sets = {name: normal(800, seed=i, x0=1.0 * (name == odd)) for i, name in enumerate(("train", "dev", "test"))}
    (check,) = shift_between(sets).checks
    others = [name for name in sets if name != odd]
    assert check.meaning.startswith(f"The {odd} rows are of another kind than the {others[0]} and {others[1]} rows")
    assert advice in check.meaning


def test_the_classifier_s_test_keeps_its_level():
    low = sum(tell_apart(normal(120, 4, s), normal(90, 4, 10_000 + s)).p_value < 0.05 for s in range(150))
    assert low <= stats.binom.ppf(0.999, 150, 0.05)


def test_the_auc_of_a_shift_is_the_formula_s_and_its_interval_covers_it():
    told = tell_apart(normal(4000, 1, 1), normal(4000, 1, 2, x0=1.0))
    expected = stats.norm.cdf(1 / 2**0.5)
    assert told.low < expected < told.high
    assert told.auc == pytest.approx(expected, abs=0.02)
    backwards = tell_apart(normal(4000, 1, 2, x0=1.0), normal(4000, 1, 1))
    assert backwards.auc == pytest.approx(expected, abs=0.02)


def test_few_rows_are_not_told_apart_by_a_classifier_and_that_is_said():
    assert tell_apart(normal(19), normal(500)) is None
    done = shift_between({"train": normal(500), "dev": normal(19, seed=3)})
    assert done.checks == ()
    assert done.skipped == ("Not compared in all columns together, since there are fewer than 20 rows: dev.",)


def column(cells, name="c"):
    return pl.DataFrame([pl.Series(name, cells)])


@pytest.mark.parametrize(
    ("first", "second", "what", "told"),
    [
        (["a", "b"] * 300, ["a", "c"] * 300, "values", "'b' in 50.0%"),
        ([True, False] * 300, [True, True, True, False] * 150, "values", "true in 50.0%"),
        ([1.0, 2.0, 3.0] * 200, [1.0, None, 3.0] * 200, "missing cells", "0.0% missing"),
        (
            [datetime.date(2020, 1, 1 + i % 28) for i in range(600)],
            [datetime.date(2020, 2, 1 + i % 28) for i in range(600)],
            "values",
            "median 2020-01-14",
        ),
    ],
)
def test_columns_of_every_type(first, second, what, told):
    compared = compare_columns(column(first), column(second))
    worst = max(compared.shifts, key=lambda shift: shift.difference.effect)
    assert worst.what == what
    assert worst.difference.large
    assert worst.difference.p_value < 1e-9
    assert worst.first == told
    assert all(s.difference.effect == 0 for s in compare_columns(column(first), column(first)).shifts)


def test_brighter_images_are_of_another_kind():
    dark = np.random.default_rng(0).integers(0, 200, (300, 6, 6, 3)).astype(np.uint8)
    frames = [pl.DataFrame([images_of("image", p)]) for p in (dark[:150], dark[150:], dark[150:] + np.uint8(40))]
    assert check_new_rows(frames[0], frames[1]).checks == ()
    (check,) = check_new_rows(frames[0], frames[2]).checks
    assert check.evidence["columns"][0]["what"] == "brightness"
    assert "was not trained for such rows" in check.meaning


def test_columns_that_name_the_rows_are_left_out():
    ids = pl.DataFrame({"number": range(1000), "name": [f"row {i}" for i in range(1000)]})
    frame = normal(1000).hstack(ids)
    done = check_new_rows(frame[:500], frame[500:])
    assert done.checks == ()
    assert done.skipped == ("Not compared between sets, as names of single rows: 'number', 'name'.",)


def test_a_column_missing_throughout_in_train_is_compared_by_its_gaps_only():
    first = pl.DataFrame({"a": pl.Series([None] * 300, dtype=pl.Null), "b": normal(300)["x0"]})
    second = pl.DataFrame({"a": ["word", "other"] * 150, "b": normal(300, seed=4)["x0"]})
    compared = compare_columns(first, second)
    assert [(s.column, s.what) for s in compared.shifts] == [("a", "missing cells"), ("b", "values")]


def test_new_rows_of_another_type_are_refused_in_words():
    with pytest.raises(BadData, match="must hold numbers"):
        check_new_rows(normal(50), normal(50).with_columns(x0=pl.lit("word")))


def test_a_split_is_compared_with_its_test_set_sealed():
    split = caviar.split(caviar.read("breast_cancer"))
    done = check_distribution_shift(split)
    assert done.checks == ()
    assert split.times_opened == 0


def test_identifiers_are_not_learned_from_and_not_compared():
    frame = normal(900, 3).with_columns(y=pl.Series([0, 1, 2] * 300), id=pl.Series(range(900)))
    tables = [caviar.read(frame[:600], "y"), caviar.read(frame[600:], "y")]
    done = check_distribution_shift(caviar.split(tables[0], test=tables[1]))
    assert done.checks == ()
    assert done.skipped == ()
