import numpy as np
import polars as pl
import pytest

import caviar
from caviar.data.checks.outliers import check_outliers, stand_apart


def checked(cells):
    frame = pl.DataFrame({"c": cells})
    return check_outliers(caviar.Table("t", frame, None)).checks


def with_cells(x, *cells):
    """Some of x replaced; the numbers of the rows."""
    at = np.linspace(5, len(x) - 5, len(cells)).astype(int)
    x = np.array(x, float)
    x[at] = cells
    return x, at.tolist()


@pytest.mark.parametrize("code", [0.0, -1.0, -99.0, -999.0, 999.0, 9999.0])
@pytest.mark.parametrize("seed", range(5))
def test_stand_ins_are_found(code, seed):
    x, at = with_cells(np.random.default_rng(seed).normal(60, 8, 3000).round(2), *[code] * 12)
    (found,) = checked(x)
    assert (found.name, found.severity) == ("outliers", "warning")
    about = found.evidence["columns"]["c"]
    assert (about["values"], about["cells"], about["rows"]) == ([code], 12, at)
    assert f"'c' has {code:,.0f} in 12 rows" in found.meaning


def test_a_common_stand_in_is_an_info():
    rng = np.random.default_rng(0)
    days = np.where(rng.random(4000) < 0.8, -1, rng.integers(1, 400, 4000))
    (found,) = checked(days)
    assert found.severity == "info"
    assert found.evidence["columns"]["c"]["cells"] == (days == -1).sum()
    many = np.where(rng.random(4000) < 0.2, -999, rng.normal(20, 5, 4000))
    assert [c.severity for c in checked(many)] == ["info"]


@pytest.mark.parametrize("slip", [250.0, 1e6, -4000.0])
def test_slips_of_the_pen_are_found_beside_stand_ins(slip):
    x, at = with_cells(np.random.default_rng(1).normal(60, 8, 3000), 0, 0, 0, slip)
    found = {c.meaning.split(":")[0]: c.evidence["columns"]["c"] for c in checked(x)}
    sort = "Cells so far away that they set their column's scale" if slip == 1e6 else "Cells far from all others"
    assert found[sort]["rows"] == at[3:]
    assert len(found) == 2 or slip < 0  # with a lower one the zeros no longer stand at the end


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("draw", [lambda rng: rng.integers(0, 17, 1200), lambda rng: rng.normal(5, 2, 1200)])
def test_many_cells_far_beyond_the_range_of_all_others_are_a_warning(draw, seed):
    rng = np.random.default_rng(seed)
    x = draw(rng).astype(float)
    hit = rng.random(1200) < 0.01
    (found,) = checked(x + 1000 * x.std() * hit)
    assert found.severity == "warning"
    assert found.evidence["columns"]["c"]["cells"] == hit.sum()


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: rng.normal(size=n),
        lambda rng, n: rng.lognormal(0, 1.5, n),
        lambda rng, n: rng.standard_t(3, n),
        lambda rng, n: rng.pareto(1.2, n),
        lambda rng, n: rng.exponential(100, n).round(),
        lambda rng, n: rng.poisson(4, n),
        lambda rng, n: rng.poisson(40, n),
        lambda rng, n: rng.integers(0, 1000, n),
        lambda rng, n: rng.integers(-1, 100, n),
        lambda rng, n: rng.integers(0, 4, n),
        lambda rng, n: np.where(rng.random(n) < 0.3, 0, rng.gamma(5, 20, n)),
        lambda rng, n: np.where(rng.random(n) < 0.5, rng.normal(size=n), rng.normal(50, 1, n)),
        lambda rng, n: np.append(np.zeros(n - 5), rng.normal(size=5)),
        lambda rng, n: rng.choice([5.0, np.nan], n),
        lambda rng, n: np.where(rng.random(n) < 0.01, 0, 1 + rng.pareto(2, n).astype(int)),  # a step from 0 to 1
    ],
)
@pytest.mark.parametrize("rows", [60, 1000, 20_000])
def test_clean_columns_are_left_in_peace(draw, rows):
    for seed in range(5):
        x = draw(np.random.default_rng(seed), rows)
        assert [c for c in checked(x) if c.severity == "warning"] == []
        if 0 < (x == 0).mean() < 0.9:
            continue
        assert len(checked(x)) <= (rows < 100)  # by chance a lone cell of a small sample


def test_huge_and_infinite_numbers():
    x = np.random.default_rng(0).normal(size=500)
    for cell in (1e308, -1e308):
        column, at = with_cells(x, cell)
        (apart,) = stand_apart(pl.Series("c", column))
        assert (apart.rows, apart.values) == (list(at), [cell])
        assert np.isfinite(apart.distance)
        assert apart.stretch > 1e6
    for cells in ([np.inf], [-np.inf, np.inf], [np.nan] * 5):
        assert stand_apart(pl.Series("c", with_cells(x, *cells)[0])) == stand_apart(pl.Series("c", x))
