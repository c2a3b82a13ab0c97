import numpy as np
import polars as pl
import pytest

from caviar.data.read import read
from caviar.data.split import Split, split
from caviar.diagnosis import references as module
from caviar.diagnosis.references import references
from diagnosis.made_scores import classes, quantity


def moons(rows: int, **options: object) -> Split:
    stream = np.random.default_rng(0)
    x = stream.uniform(-1, 1, size=(rows, 2))
    return split(read((x, np.array(["in", "out"])[(np.hypot(*x.T) > 0.8).astype(int)])), **options)


def test_quick_models_see_what_a_linear_one_does_not():
    found = references(moons(600, dev=100, test=0))
    assert set(found.names) == {"nearest neighbours", "trees", "linear", "boosting"}
    errors = dict(zip(found.names, found.errors.mean(axis=1), strict=True))
    assert found.names[found.best] != "linear"
    assert errors["linear"] > 0.3
    assert errors[found.names[found.best]] < 0.06
    assert found.probabilities.shape == (len(found.y), 2)
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert found.errors.shape == (4, 600)  # all rows, each out of fold


def test_a_model_never_judges_rows_that_it_was_fitted_on(monkeypatch):
    """Labels of pure chance: who knows a row is right about it, who does not is right about half."""
    stream = np.random.default_rng(1)
    rows = split(read((stream.normal(size=(1_000, 5)), stream.integers(2, size=1_000))), dev=200, test=0)
    assert references(rows).errors.mean(axis=1) == pytest.approx([0.5] * 4, abs=0.09)
    seen = []
    monkeypatch.setattr(module, "_judged", lambda _, fit, judged: seen.append((fit, judged)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        module._fitted(rows)
    (fit, judged) = seen[0]
    assert not set(fit) & set(judged)


def test_a_quantity():
    found = references(quantity(600, 60))
    assert found.probabilities.shape[1] == 0
    by_name = dict(zip(found.names, found.errors.mean(axis=1), strict=True))
    assert by_name["linear"] > 2 * found.errors[found.best].mean()  # a sine of the first input
    assert 1 / quantity(600, 60).target.std ** 2 < found.errors[found.best].mean()  # noise of 1 in the target's unit


def test_they_are_fitted_once_for_a_split(monkeypatch):
    rows = classes(90, 30)
    first = references(rows)
    monkeypatch.setattr(module, "_fitted", lambda _: pytest.fail("fitted again"))
    assert references(classes(90, 30)) is first


def test_dev_rows_of_another_kind_are_left_out():
    """Dev rows that were given have all labels exchanged: a model of train rows would be wrong about them."""
    x = np.random.default_rng(2).normal(size=(400, 2))
    y = (x[:, 0] > 0).astype(int)
    rows = split(read((x[:300], y[:300])), dev=read((x[300:], 1 - y[300:])), test=0)
    assert rows.dev_given
    found = references(rows)
    assert found.errors.shape[1] == 300
    assert found.errors[found.best].mean() < 0.05


def test_groups_are_held_out_whole():
    """The target is a property of the group: known for its rows in train, unknown for a new group."""
    stream = np.random.default_rng(3)
    group = np.arange(300) // 3
    place = stream.normal(size=(100, 3))[group]
    table = pl.DataFrame(place + 0.01 * stream.normal(size=place.shape), schema=["a", "b", "c"]).with_columns(
        pl.Series("group", group), pl.Series("y", np.array(["p", "q"])[stream.integers(2, size=100)][group])
    )
    together = references(split(read(table, "y"), dev=60, test=0, group="group"))
    assert together.errors[together.best].mean() > 0.35
    apart = references(split(read(table.drop("group"), "y"), dev=60, test=0))
    assert apart.errors[apart.best].mean() < 0.2


def test_few_rows_and_rare_classes():
    x = np.random.default_rng(4).normal(size=(60, 2))
    labels = np.where(x[:, 0] > 0, "a", "b").astype(object)
    labels[:2] = "c"
    found = references(split(read((x, labels)), dev=12, test=0))
    assert {"nearest neighbours", "trees", "linear"} <= set(found.names)
    none = references(split(read((x[2:32], labels[2:32])), dev=6, test=0))
    assert (none.names, none.errors.shape, none.seconds) == ((), (0, 0), 0.0)


def test_large_tables_are_judged_on_one_fold():
    found = references(moons(6_000, dev=500, test=0))
    assert found.errors.shape[1] == 1_200
    assert found.fitted == 4_800
