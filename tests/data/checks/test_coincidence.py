import numpy as np
import polars as pl
import pytest
from scipy.stats import qmc

from caviar.data.checks.coincidence import equal_pairs, step_of


def pairs_by_hand(rows):
    return sum(rows[i] == rows[j] for i in range(len(rows)) for j in range(i))


def test_equal_pairs_are_those_a_loop_counts():
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.integers(0, 3, 60), "b": random.integers(0, 4, 60)})
    assert equal_pairs(frame).equal == pairs_by_hand(frame.rows())
    second = np.arange(60) >= 40
    rows = frame.rows()
    assert equal_pairs(frame, second).equal == sum(a == b for a in rows[:40] for b in rows[40:])


def test_the_expected_pairs_follow_the_formula():
    random = np.random.default_rng(1)
    frame = pl.DataFrame({name: random.integers(0, 3, 50) for name in "abc"})
    rows = frame.rows()
    but_one = sum(sum(x != y for x, y in zip(rows[i], rows[j], strict=True)) == 1 for i in range(50) for j in range(i))
    odds = 0.0
    for name in "abc":
        counts = np.bincount(frame[name].to_numpy())
        r = ((counts * (counts - 1)).sum() / (50 * 49)) ** 0.5
        odds += (1 - r) / r
    assert equal_pairs(frame).expected == pytest.approx(but_one / odds)


def coarse(kind, random):
    mood = random.normal(size=(2000, 1))
    match kind:
        case "yes and no":
            return {f"b{i}": random.random(2000) < 0.4 for i in range(3)}
        case "answers that go together":
            answers = np.clip(np.round(3 + mood + random.normal(size=(2000, 8))), 1, 5)
            return {f"q{i}": answers[:, i] for i in range(8)}
        case "the same in other words":
            code = random.integers(0, 6, (2000, 3))
            return {f"c{i}": code[:, i] for i in range(3)} | {f"n{i}": [f"v{v}" for v in code[:, i]] for i in range(3)}
        case _:
            amounts = np.where(random.random((2000, 5)) < 0.4, 0, random.exponential(size=(2000, 5)))
            return {f"a{i}": amounts[:, i] for i in range(5)}


@pytest.mark.parametrize("kind", ["yes and no", "answers that go together", "the same in other words", "many zeros"])
@pytest.mark.parametrize("seed", range(5))
def test_rows_of_coarse_columns_meet_by_themselves(kind, seed):
    found = equal_pairs(pl.DataFrame(coarse(kind, np.random.default_rng(seed))))
    assert found.equal > 0
    assert found.by_themselves


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_rows_do_not(seed):
    random = np.random.default_rng(seed)
    frame = pl.DataFrame({f"x{i}": random.normal(size=500) for i in range(2)} | {"flag": random.random(500) < 0.5})
    assert equal_pairs(frame).equal == 0
    found = equal_pairs(pl.concat([frame, frame[:20]]))
    assert found.equal == 20
    assert not found.by_themselves


def test_one_column_tells_nothing():
    assert equal_pairs(pl.DataFrame({"x": [1.0, 1.0, 2.0, 3.0]})).by_themselves


@pytest.mark.parametrize("step", [100.0, 1.0, 0.01])
def test_the_step_of_rounded_numbers(step):
    x = np.round(qmc.Halton(1, rng=0).random(500)[:, 0] * 1000) * step
    assert step_of(x) == pytest.approx(step)


def test_numbers_that_were_not_rounded_have_no_step_that_matters():
    assert step_of(np.random.default_rng(0).normal(size=1000)) < 1e-9
    assert step_of(np.append(np.random.default_rng(0).normal(size=1000).round(2), [1e12, -1e308])) == 0.01
    assert step_of(np.zeros(5)) == 0
