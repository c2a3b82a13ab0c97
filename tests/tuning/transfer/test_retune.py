"""Old settings on new data: the loss of a config is a formula whose best point stays or moves."""

import json
import zlib

import numpy as np
import pytest

from caviar.diagnosis.intervals import Estimate
from caviar.network.config import Config
from caviar.tuning.spaces.dimensions import Choice, LogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.transfer import retune
from caviar.tuning.transfer.retune import challengers, compare_settings, expected_gain, for_rows, space_for_rows
from diagnosis.made_scores import classes, score
from tuning import made_searches

SPLIT = classes(400, 100)
SPACE, START = made_searches.SPACE, made_searches.START
BEST = START.changed(learning_rate=0.01, dropout=0.2)
OLD = [("trial 7", BEST), ("trial 12", BEST.changed(learning_rate=0.013)), ("trial 3", BEST.changed(dropout=0.25))]
SEEDS = tuple(range(201, 201 + retune.FIRST_SEEDS + retune.FINAL_SEEDS))
ROWS = 400


def judge_with(rate=0.01, *, data=0, noise=0.3, of_seeds=0.004, steep=1.0):
    """A judge of data whose best rate is this: losses of rows that are hard for all, and noise of rows and seeds."""
    hard = np.random.default_rng(data).exponential(size=ROWS)

    def losses(config):
        dims = SPACE["learning_rate"], SPACE["dropout"]
        apart = (dims[0].place(config.rate) - dims[0].place(rate)) ** 2
        apart += 0.3 * (dims[1].place(config.dropouts[0]) - 1 / 3) ** 2 + 0.02 * config.batch_norm
        word = json.dumps(config.changed(seed=0).to_json(), sort_keys=True)
        own = np.random.default_rng([zlib.crc32(word.encode()), data])
        seeded = np.random.default_rng([zlib.crc32(word.encode()), config.seed, data])
        # Configs that are alike err on like rows.
        of_rows = noise * min(1.0, 3 * apart**0.5 + 0.05) * own.normal(size=ROWS)
        return 0.3 + steep * apart + 0.3 * (hard - hard.mean()) + of_rows + of_seeds * seeded.normal()

    return lambda _, configs: [score(c, loss=losses(c), error=losses(c)) for c in configs]


def compared(judge, *, old=OLD, start=START, seed=0, **more):
    return compare_settings(SPLIT, old, start, SPACE, judge, seeds=SEEDS, seed=seed, **more)


def test_on_data_of_the_same_kind_the_old_settings_still_lead():
    """In at least nine of ten made-up cases, with challengers and rows of their own."""
    verdicts = [compared(judge_with(data=data), seed=data).verdict for data in range(1, 21)]
    assert verdicts.count("settings still lead") >= 18
    assert "optimum has moved" not in verdicts


@pytest.mark.parametrize("rate", [0.001, 0.0003, 0.08])
def test_where_the_best_rate_has_moved_it_is_told(rate):
    found = [compared(judge_with(rate, data=data, noise=0.2), seed=data) for data in range(1, 7)]
    moved = [one for one in found if one.verdict == "optimum has moved"]
    assert len(moved) >= 5
    for one in moved:
        assert one.pays
        assert one.best.gain.low > 0
        assert abs(np.log10(one.best.config.rate / rate)) < abs(np.log10(0.01 / rate))
        assert "The optimum has moved" in one.sentences[1]
        assert "learning_rate 0.01" in one.sentences[1]


def test_where_noise_drowns_all_it_cannot_be_told_and_a_search_pays():
    found = compared(judge_with(data=1, noise=12.0, of_seeds=0.1))
    assert found.verdict == "cannot tell"
    assert found.pays
    assert found.best is found.leader
    assert "with 400 rows that is neither beyond the noise" in found.sentences[1]


def test_a_gain_below_the_tolerance_is_no_move():
    """The optimum has moved a little: better beyond the noise, and not worth a search."""
    judge = judge_with(0.03, data=3, noise=0.01, of_seeds=0.0001, steep=0.3)
    found = compared(judge, old=OLD[:1], tolerance=0.1)
    assert any(one.better for one in found.contestants)
    assert found.verdict == "settings still lead"
    assert not found.pays
    assert compared(judge, old=OLD[:1], tolerance=0.001).verdict == "optimum has moved"


def test_one_population_then_fresh_seeds_for_those_that_go_on():
    lists = []

    def judge(split, configs):
        lists.append(list(configs))
        return judge_with(data=1)(split, configs)

    found = compared(judge)
    assert len(lists) == 2
    assert {c.seed for c in lists[0]} == set(SEEDS[: retune.FIRST_SEEDS])
    assert {c.seed for c in lists[1]} == set(SEEDS[retune.FIRST_SEEDS :])
    names = {one.name for one in found.contestants}
    assert {"trial 7", "trial 12", "trial 3", "the start of the old search"} <= names
    on = [one for one in found.contestants if one.went_on]
    assert len(on) == 1 + retune.FINALISTS + 1
    assert len({c.changed(seed=0) for c in lists[0]}) == len(found.contestants)
    assert found.leader.kind == "old"
    assert found.leader.gain.value == 0


def test_the_best_old_one_on_the_new_data_leads_and_the_start_is_told():
    found = compared(judge_with(0.013, data=2, noise=0.02, of_seeds=0.0001))
    assert found.leader.name == "trial 12"
    start = next(one for one in found.contestants if one.kind == "start")
    assert start.gain.high < 0
    assert "which it still beats" in found.sentences[2]
    found = compared(judge_with(START.rate, data=2, noise=0.02))
    assert "no longer beats" in found.sentences[2]
    assert len(compared(judge_with(data=2), start=None).sentences) == 2


def test_challengers_differ_from_the_old_best_in_one_setting_or_come_from_everywhere():
    found = challengers(SPACE, BEST, 4)
    assert found == challengers(SPACE, BEST, 4)
    assert found != challengers(SPACE, BEST, 5)
    own = {name: value for name, value in SPACE.values_of(BEST).items() if name in SPACE}
    near = [point for _, kind, point in found if kind == "near"]
    assert len(near) == retune.NEAR
    for point in near:
        changed = [name for name in SPACE if point[name] != own[name]]
        assert len(changed) == 1
        dimension = SPACE[changed[0]]
        if not isinstance(dimension, Choice):
            assert abs(dimension.place(point[changed[0]]) - dimension.place(own[changed[0]])) > 0.1
    assert {next(n for n in SPACE if p[n] != own[n]) for p in near} == set(SPACE)
    rates = [p["learning_rate"] for p in near if p["learning_rate"] != own["learning_rate"]]
    assert min(rates) < own["learning_rate"] < max(rates)
    assert sum(kind == "fresh" for _, kind, _ in found) == retune.FRESH


def test_the_gain_that_is_expected_is_that_of_a_choice_with_hindsight():
    gain = Estimate(-0.01, -0.01 - 1.96 * 0.03, -0.01 + 1.96 * 0.03, 100)
    drawn = np.random.default_rng(0).normal(-0.01, 0.03, 400_000)
    assert expected_gain(gain) == pytest.approx(np.maximum(0, drawn).mean(), rel=0.01)
    assert expected_gain(Estimate(0.2, 0.2, 0.2, 1)) == 0.2
    assert expected_gain(Estimate(-0.2, -0.2, -0.2, 1)) == 0.0


def test_penalties_grow_with_the_rows():
    assert for_rows(Config(l2=2.0), 3.0).l2 == 6.0
    assert for_rows(Config(l1=1.0, dropout=0.2), 2.0) == Config(l1=2.0, dropout=0.2)
    assert for_rows(Config(), 2.0) == Config()
    space = Space({"l2": LogUniform(0.1, 10), "dropout": Uniform(0, 0.5)})
    moved = space_for_rows(space, 2.0)
    assert moved["l2"] == LogUniform(0.2, 20)
    assert moved["dropout"] == space["dropout"]
    assert space_for_rows(space, 1.0) is space
