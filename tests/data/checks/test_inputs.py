import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import FunctionTransformer

import caviar
from caviar.data.checks.inputs import check_too_few_rows, check_unnormalized_inputs

RNG = np.random.default_rng(0)


def table(rows=300, classes=2, **columns):
    frame = pl.DataFrame({"x": RNG.normal(size=rows), "large": RNG.normal(2000, 300, rows), **columns})
    return caviar.Table("t", frame, pl.Series("y", [f"c{i % classes}" for i in range(rows)]))


@pytest.mark.parametrize("scale", ["standard", "robust", "quantile", "log"])
def test_scaled_rows_are_in_order(scale):
    assert check_unnormalized_inputs(caviar.split(table(), scale=scale)).checks == ()


def test_inputs_that_are_left_large():
    rare = np.arange(40_000) % 13_333 == 0
    done = caviar.split(table(40_000, rare=rare, tiny=RNG.normal(0, 1e-4, 40_000)), scale=None)
    assert 0 < done.x_train[:, done.preparation.names.index("rare")].std() < 0.01
    (found,) = check_unnormalized_inputs(done).checks
    assert (found.name, found.severity) == ("unnormalized_inputs", "warning")
    assert set(found.evidence["columns"]) == {"large", "tiny"}
    np.testing.assert_allclose(found.evidence["columns"]["large"]["mean"], 2000, rtol=0.05)
    assert "2 inputs of 4 are not of the size" in found.meaning


def test_one_column_unscaled_and_own_transformers():
    read = caviar.read(table().features.with_columns(y=table().target), "y", types={"large": "unscaled"})
    (found,) = check_unnormalized_inputs(caviar.split(read)).checks
    assert list(found.evidence["columns"]) == ["large"]
    same = FunctionTransformer()
    assert len(check_unnormalized_inputs(caviar.split(table(), transformer=same)).checks) == 1
    small = FunctionTransformer(lambda x: x / [1, 1000])
    assert check_unnormalized_inputs(caviar.split(table(), transformer=small)).checks == ()


@pytest.mark.parametrize(("mean", "spread"), [(0, 0.05), (5, 0.4), (0, 12), (20, 3)])
def test_inputs_of_another_size_than_networks_start_from(mean, spread):
    column = RNG.normal(mean, spread, 400)
    read = caviar.read(pl.DataFrame({"a": RNG.normal(size=400), "b": column, "y": RNG.integers(0, 2, 400)}), "y")
    (found,) = check_unnormalized_inputs(caviar.split(read, scale=None)).checks
    assert list(found.evidence["columns"]) == ["b"]


def test_images_as_they_are():
    pixels = RNG.integers(0, 256, (60, 4, 4, 1)).astype(np.uint8)
    read = caviar.read((pixels, [0, 1] * 30))
    assert len(check_unnormalized_inputs(caviar.split(read, scale=None)).checks) == 1
    assert check_unnormalized_inputs(caviar.split(read)).checks == ()


@pytest.mark.parametrize(
    ("rows", "columns", "classes", "severity"),
    [
        (300, 16, 2, None),
        (300, 17, 2, "info"),
        (300, 88, 2, "info"),
        (300, 89, 2, "warning"),
        (300, 1, 9, None),
        (300, 1, 10, "info"),
        (300, 1, 50, "warning"),
    ],
)
def test_rows_for_columns_and_classes(rows, columns, classes, severity):
    more = {f"c{i}": RNG.normal(size=rows) for i in range(columns)}
    done = caviar.split(table(rows, classes, **more))
    assert done.n_train == 180
    found = check_too_few_rows(done).checks
    assert [c.severity for c in found] == ([severity] if severity else [])
    if found:
        assert found[0].evidence["rows_per_column"] == 180 / (columns + 2)
        assert found[0].evidence["rows_per_class"] == 180 / classes


def test_pixels_are_not_counted():
    pixels = RNG.integers(0, 256, (80, 9, 9, 3)).astype(np.uint8)
    assert check_too_few_rows(caviar.split(caviar.read((pixels, [0, 1] * 40)))).checks == ()
