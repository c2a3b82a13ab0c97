"""Wrong labels are found and listed; classes that overlap are not taken for them."""

import json

import numpy as np
import polars as pl
import pytest

import caviar
from caviar.data.checks.label_noise import check_label_noise, contradicted, label_noise, suspicious
from caviar.data.checks.target_outliers import target_outliers


def groups(rows, apart, seed=0, columns=6):
    """Two normal classes whose means are `apart` standard deviations from each other."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, rows)
    x = random.normal(size=(rows, columns))
    x[:, 0] += apart * y
    return pl.DataFrame({f"x{i}": x[:, i] for i in range(columns)}), y


def words(y):
    return pl.Series("kind", np.array(["no", "yes", "maybe"])[y].tolist())


@pytest.mark.parametrize(
    ("seed", "wrong", "severity"), [(0, 0.06, "warning"), (1, 0.06, "warning"), (2, 0.2, "critical")]
)
def test_flipped_labels_are_found_counted_and_listed(seed, wrong, severity):
    x, y = groups(3000, 5, seed)
    flipped = np.random.default_rng(50 + seed).random(3000) < wrong
    (check,) = label_noise(x, words(np.where(flipped, 1 - y, y)), seed).checks
    assert (check.name, check.severity) == ("label_noise", severity)
    share = check.evidence["share"]
    assert share["low"] < flipped.mean() < share["high"]
    assert check.evidence["suspicious_rows"] == pytest.approx(flipped.sum(), rel=0.25)
    listed = check.evidence["suspicious"]
    assert np.mean([flipped[one["row"]] for one in listed]) > 0.95
    assert all(one["likely"] == ("yes" if y[one["row"]] else "no") for one in listed if flipped[one["row"]])
    assert f"row {listed[0]['row']:,}" in check.meaning
    json.dumps(check.evidence, allow_nan=False)


@pytest.mark.parametrize("apart", [0, 0.5, 1, 2, 3])
def test_classes_that_overlap_are_no_wrong_labels(apart):
    for seed in range(2):
        x, y = groups(2000, apart, seed)
        assert label_noise(x, words(y), seed).checks == ()


def test_clean_labels_are_silent():
    for name in ("digits", "breast_cancer"):
        assert check_label_noise(caviar.read(name)).checks == ()


def test_the_fall_tells_overlap_from_noise_by_true_probabilities():
    """With the model's own probabilities, labels drawn from them fall away; flipped ones do not."""
    random = np.random.default_rng(0)
    z = random.normal(0, 3, 4000) + 3 * random.choice([-1, 1], 4000)
    p = np.stack([1 / (1 + np.exp(z)), 1 / (1 + np.exp(-z))], axis=1)
    clean = (random.random(4000) < p[:, 1]).astype(int)
    assert not contradicted(p, clean).wrong_labels or contradicted(p, clean).share < 0.005
    flipped = np.where(random.random(4000) < 0.1, 1 - clean, clean)
    found = contradicted(p, flipped)
    assert found.wrong_labels
    assert found.low < 0.1 < found.high


def test_suspicious_rows_by_hand():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.45, 0.55]])
    y = np.array([0, 0, 0, 1, 0])
    # Class 1 is on average 0.9 probable where it is the label: 0.8 is not as probable, 0.95 would be.
    assert suspicious(p, y).tolist() == [False] * 5
    p[2] = [0.05, 0.95]
    assert suspicious(p, y).tolist() == [False, False, True, False, False]


def test_what_is_too_small_or_sampled_is_said():
    x, y = groups(150, 5)
    assert "takes 200 rows" in label_noise(x, words(y)).skipped[0]
    x, y = groups(20_100, 5)
    assert label_noise(x, words(y)).skipped == (
        "Wrong labels were looked for in 20,000 of 20,100 rows, drawn at random.",
    )


def test_a_class_of_few_rows_is_left_out():
    x, y = groups(400, 5)
    y[:3] = 2
    assert label_noise(x, words(y)).checks == ()


def test_misplaced_points_of_a_quantity_are_listed():
    random = np.random.default_rng(0)
    x = random.normal(size=(2000, 5))
    y = 100 + 10 * x[:, 0] + random.normal(size=2000)
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(5)})
    assert target_outliers(frame, pl.Series("price", y)).checks == ()
    y[[7, 70, 700]] *= 10
    (check,) = target_outliers(frame, pl.Series("price", y)).checks
    assert check.severity == "info"
    assert sorted(one["row"] for one in check.evidence["suspicious"]) == [7, 70, 700]
    assert all(80 < one["expected"] < 130 for one in check.evidence["suspicious"])
    json.dumps(check.evidence, allow_nan=False)


def test_heavy_tails_are_no_errors():
    random = np.random.default_rng(0)
    x = random.normal(size=(2000, 5))
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(5)})
    for y in (np.exp(x[:, 0] + random.normal(0, 0.5, 2000)), random.standard_cauchy(2000)):
        assert target_outliers(frame, pl.Series("price", y)).checks == ()
