import numpy as np
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import caviar
from caviar.data.transformed import Transformed, of_transformer
from caviar.errors import BadData, BadRun

RNG = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "size": [None if i % 7 == 0 else float(x) for i, x in enumerate(RNG.normal(5, 3, 80))],
        "job": RNG.choice(["cook", "smith"], 80).tolist(),
        "rows": range(80),
    }
)
TABLE = caviar.Table("people", FRAME, pl.Series("y", ["a", "b"] * 40))
NUMBERS = FRAME.select("rows", size=pl.col("size").fill_null(0.0))


def columns():
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_column_transformer((numbers, ["size"]), (OneHotEncoder(handle_unknown="ignore"), ["job"]))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_by_name(library):
    given = FRAME if library == "polars" else _pandas(FRAME)
    transformer = columns().fit(given)
    done = caviar.split(TABLE, transformer=transformer)
    assert isinstance(done.preparation, Transformed)
    assert done.width == 3
    assert done.preparation.names == ("pipeline__size", "onehotencoder__job_cook", "onehotencoder__job_smith")
    expected = transformer.transform(given)
    x = done.preparation.features(FRAME)
    np.testing.assert_allclose(x, expected.toarray() if hasattr(expected, "toarray") else expected, rtol=1e-6)
    shuffled = FRAME.select("job", "rows", "size").with_columns(more=1)
    np.testing.assert_array_equal(done.preparation.features(shuffled), x)
    assert done.x.dtype == np.float32
    assert done.n_train + done.n_dev + done.n_test == 80
    assert "Your own ColumnTransformer turns 3 columns into 3 inputs." in done.explanation[-1]
    assert done.preparation.features(FRAME[:0]).shape == (0, 3)


def test_arrays_without_names():
    transformer = StandardScaler().fit(NUMBERS.to_numpy())
    done = of_transformer(transformer, NUMBERS)
    np.testing.assert_allclose(done.features(NUMBERS).mean(axis=0), 0, atol=1e-6)
    assert done.columns == ("rows", "size")
    assert done.width == len(done.names) == 2


def test_a_network_learns_from_it_and_cannot_be_saved(tmp_path):
    done = caviar.split(TABLE, transformer=columns().fit(FRAME))
    config = caviar.Config(hidden_units=4, epochs=2)
    model = caviar.Model.of(caviar.train(done, [config])[0], done)
    assert model.predict(FRAME).height == 80
    with pytest.raises(BadRun, match=r"a transformer of your own is none\. Keep the transformer"):
        caviar.save(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    with pytest.raises(BadData, match="Split with another transformer"):
        done.rescaled("robust")
    assert not [remedy.name for remedy in caviar.prescribe([], config, done) if "normalisation" in remedy.name]


@pytest.mark.parametrize(
    ("transformer", "words"),
    [
        (StandardScaler(), "fitted transformer of scikit-learn, got StandardScaler: .*not fitted yet. Call its fit"),
        ("standard", "got str: it has no transform"),
        (StandardScaler().fit(NUMBERS.rename({"size": "Size"})), "a column 'Size', but the table has none. Did you"),
        (StandardScaler().fit(np.zeros((3, 5))), r"cannot transform the rows \(ValueError"),
        (FunctionTransformer(lambda x: x[:5]), r"with 80 rows, one per row, got .* of the shape \(5, 2\)"),
        (FunctionTransformer(lambda x: x.astype(str)), "a matrix of numbers"),
        (FunctionTransformer(lambda x: x[:, 0]), "a matrix of numbers"),
        (FunctionTransformer(lambda x: x[:, :0]), "columns to learn from, but it gives none"),
        (FunctionTransformer(lambda x: np.where(x == x[2], np.nan, x)), "row 3, column 1 is nan"),
        (FunctionTransformer(lambda x: x * 1e300), "finite numbers"),
    ],
)
def test_transformers_that_cannot_be_used(transformer, words):
    with pytest.raises(BadData, match=words):
        of_transformer(transformer, NUMBERS)


def test_one_that_changes_its_mind():
    done = of_transformer(FunctionTransformer(lambda x: x[:, : 1 + (len(x) > 9)]), NUMBERS)
    with pytest.raises(BadData, match="must give 2 columns, as it did for the train rows, but it gives 1"):
        done.features(NUMBERS[:5])


def _pandas(frame):
    import pandas as pd

    return pd.DataFrame(frame.to_dict(as_series=False))
