"""The flattery of the best of many, against what can be known: configs whose true errors are made up."""

import numpy as np
import pytest

from caviar.diagnosis.optimism import optimism


def errors(configs, rows, rate, seed, shared=0.0):
    """0 or 1 for every config and row, each with the true error `rate`; `shared` of the rows err alike for all."""
    random = np.random.default_rng(seed)
    own = (random.random((configs, rows)) < rate).astype(float)
    alike = random.random(rows) < shared
    own[:, alike] = own[0, alike]
    return own


@pytest.mark.parametrize(("configs", "rows", "shared"), [(2, 200, 0), (30, 200, 0), (30, 1000, 0.5), (200, 500, 0.9)])
def test_expected_of_the_best_is_near_the_truth(configs, rows, shared):
    """All configs are alike, of true error 0.2: the best shows less, and what is expected of it is about 0.2."""
    told = [optimism(e, e) for e in (errors(configs, rows, 0.2, seed, shared) for seed in range(100))]
    shown, expected = np.mean(told, axis=0)
    assert shown < 0.2
    assert expected == pytest.approx(0.2, abs=0.008)


def test_one_config_is_not_flattered():
    one = errors(1, 300, 0.3, 0)
    shown, expected = optimism(one, one)
    assert shown == one.mean()
    assert expected == pytest.approx(shown, abs=0.004)


def test_a_config_that_is_far_better_is_not_flattered():
    field = np.concatenate([errors(1, 400, 0.05, 1), errors(50, 400, 0.5, 2)])
    shown, expected = optimism(field, field)
    assert shown == field[0].mean()
    assert expected == pytest.approx(shown, abs=0.003)


def test_the_criterion_decides_and_the_error_is_told():
    loss, error = np.array([[1.0] * 50, [2.0] * 50]), np.array([[1.0] * 50, [0.0] * 50])
    assert optimism(loss, error) == (1.0, 1.0)
    assert optimism(loss[::-1], error[::-1]) == (1.0, 1.0)


def test_more_configs_flatter_more_and_the_answer_repeats():
    few, many = (errors(n, 200, 0.3, 5) for n in (3, 100))
    gain = [expected - shown for shown, expected in (optimism(few, few), optimism(many, many))]
    assert 0 <= gain[0] < gain[1]
    assert optimism(many, many) == optimism(many, many)


def test_a_single_row_says_nothing():
    assert optimism(np.ones((3, 1)), np.ones((3, 1))) == (1.0, 1.0)
