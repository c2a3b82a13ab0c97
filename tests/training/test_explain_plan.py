"""The plan of a list of configs against sums by hand, and the seconds that its programs take."""

import dataclasses
import itertools
import json
import time
from types import SimpleNamespace

import pytest
import toy_splits
from hypothesis import given, settings
from hypothesis import strategies as st

import caviar
from any_config import configs
from caviar import Config
from caviar.errors import BadConfig
from caviar.network.model import Architecture
from caviar.network.shapes import Convolution
from caviar.training import devices
from caviar.training.calls import Epochs
from caviar.training.explain import Plan, explain, in_words
from caviar.training.memory import lane_bytes
from caviar.training.plan import Program, program_for
from caviar.training.population import Progress
from caviar.training.spent import Spent

SHORT, LONG = Config(hidden_units=5, epochs=3), Config(hidden_units=7, epochs=6)
"""Two networks of one program, compiled for 8 units: on `toy_splits.classes()` 96 rows in two mini-batches of 64."""

ASSORTED = [
    SHORT,
    LONG,
    *(Config(hidden_units=(64, 64), epochs=4, seed=seed) for seed in range(5)),
    Config(hidden_units=(), batch_size="full", epochs=2),
    Config(hidden_units=20, batch_norm=True, dropout=0.3, epochs=9),
    *(Config(hidden_units=6, rows=(fold, 5), epochs=5) for fold in range(5)),
]


@pytest.fixture
def two_cores(monkeypatch):
    """A machine whose processor trains two lanes at a time."""
    monkeypatch.setattr(devices, "places", lambda: (SimpleNamespace(platform="cpu"),) * 2)


@pytest.mark.usefixtures("two_cores")
def test_one_lane_by_hand():
    plan = explain(toy_splits.classes(), [SHORT, LONG])
    (row,) = plan.rows
    assert (row.program, row.networks, row.lanes, row.size) == ("8, mini-batch 64", 2, 1, 8)
    useful = ((4 * 5 + 5 * 3) * 3 + (4 * 7 + 7 * 3) * 6) * 96
    done = 8 * (4 * 8 + 8 * 3) * 6 * 2 * 64
    assert row.padding == plan.padding == pytest.approx(1 - useful / done)
    assert row.bytes == plan.bytes == lane_bytes(program_for(SHORT, toy_splits.classes()), 8)
    weights, rows = (4 + 1) * 8 + (8 + 1) * 3, 3 * 128 + 96 + 32
    step, of_row = 55e-6 + 8 * 0.6e-9 * weights, 8 * (0.024e-9 * 56 + 0.4e-9 * (8 + 3))
    assert row.compile_seconds == pytest.approx(1.7 + 0.35)
    assert row.train_seconds == pytest.approx(5e-3 + 6 * (2 * step + rows * of_row))
    assert plan.seconds == pytest.approx(row.seconds) == pytest.approx(row.compile_seconds + row.train_seconds)


@pytest.mark.usefixtures("two_cores")
def test_a_full_lane_of_networks_as_wide_as_their_program_fills_nothing_up():
    config = Config(hidden_units=8, batch_size=48, epochs=3)
    plan = explain(toy_splits.classes(), [config.changed(learning_rate=0.01 * n) for n in range(8)])
    assert (plan.rows[0].networks, plan.rows[0].lanes, plan.padding) == (8, 1, 0)


@pytest.mark.usefixtures("two_cores")
def test_held_out_rows_only_fill_up():
    split = toy_splits.classes()
    (row,) = explain(split, [Config(hidden_units=8, rows=(fold, 5), batch_size=32, epochs=2) for fold in range(5)]).rows
    assert row.program == "8, mini-batch 32, train and dev rows"
    assert (row.lanes, row.size) == (1, 5)
    assert row.padding == pytest.approx(1 / 5)  # every row is held out from one of five networks


@pytest.mark.usefixtures("two_cores")
def test_lanes_wait_for_the_compiler_and_for_a_core():
    split = toy_splits.classes()
    config = Config(hidden_units=(64, 64), epochs=4)
    plans = [explain(split, [config.changed(seed=seed) for seed in range(n)]) for n in (1, 2, 3, 4, 5)]
    compiling, lane = plans[0].rows[0].compile_seconds, plans[0].rows[0].train_seconds
    for plan, turns in zip(plans, (1, 1, 2, 2, 3), strict=True):
        assert plan.seconds == pytest.approx(compiling + turns * lane)
    one = lane_bytes(program_for(config, split), 4)
    assert [plan.bytes for plan in plans] == [one, 2 * one, 2 * one, 2 * one, 2 * one]
    assert [plan.rows[0].bytes for plan in plans] == [plan.bytes for plan in plans]


@pytest.mark.usefixtures("two_cores")
def test_several_programs():
    split = toy_splits.classes()
    plan = explain(split, ASSORTED)
    assert [row.networks for row in plan.rows] == [1, 5, 2, 5, 1]
    assert [row.program for row in plan.rows] == [
        "32, batch norm, dropout, mini-batch 64",
        "64 64, mini-batch 64",
        "8, mini-batch 64",
        "8, mini-batch 64, train and dev rows",
        "linear, mini-batch 96",
    ]
    assert sorted(row.seconds for row in plan.rows)[::-1] == [row.seconds for row in plan.rows]
    alone = [explain(split, [c for c in ASSORTED if program_for(c, split) == p]) for p in the_programs(ASSORTED)]
    assert {row for each in alone for row in each.rows} == set(plan.rows)
    assert max(each.seconds for each in alone) < plan.seconds < sum(each.seconds for each in alone)
    assert min(each.padding for each in alone) < plan.padding < max(each.padding for each in alone)
    assert plan.bytes == max(each.bytes for each in alone)  # two lanes of (64, 64)


def the_programs(several):
    return list(dict.fromkeys(program_for(config, toy_splits.classes()) for config in several))


@settings(max_examples=10)
@given(order=st.permutations(ASSORTED))
def test_order_does_not_matter(order):
    assert explain(toy_splits.classes(), order) == explain(toy_splits.classes(), ASSORTED)


@pytest.mark.usefixtures("two_cores")
def test_order_does_not_matter_where_lanes_of_a_program_are_of_different_length():
    short, long = Config(epochs=30_000), Config(epochs=60_000, seed=1)
    several = [short, long, Config(batch_norm=True, epochs=30_000)]
    assert explain(toy_splits.classes(), several) == explain(toy_splits.classes(), several[::-1])


def test_neither_the_clock_nor_what_was_compiled_changes_the_plan(monkeypatch):
    split, few = toy_splits.classes(), [SHORT, LONG]
    before = explain(split, few)
    caviar.train(split, few)
    for name in ("time", "monotonic", "perf_counter", "process_time"):
        monkeypatch.setattr(time, name, lambda: pytest.fail("looked at the clock"))
    assert explain(split, few) == before


def test_nothing_to_train():
    plan = explain(toy_splits.classes(), [])
    assert (plan.rows, plan.padding, plan.bytes, plan.seconds) == ((), 0, 0, 0)
    assert Plan.from_json(plan.to_json()) == plan


def test_what_does_not_fit_the_data_is_refused():
    with pytest.raises(BadConfig, match="label_smoothing"):
        explain(toy_splits.numbers(), [Config(label_smoothing=0.1)])


DEAR = [
    Config(filters=(8, 8), hidden_units=()),
    Config(batch_norm=True),
    Config(layer_norm=True),
    Config(dropout=0.1),
    Config(record="layers"),
    Config(clip_norm=1.0),
    Config(hidden_units=(64, 64, 64)),
]


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("dearer", DEAR)
def test_more_is_not_cheaper(dearer):
    plain = Config(filters=(8,), hidden_units=()) if dearer.filters else Config()
    one, other = (explain(toy_splits.images(), [config]).rows[0] for config in (plain, dearer))
    assert one.compile_seconds < other.compile_seconds
    assert one.train_seconds <= other.train_seconds


@settings(max_examples=60)
@given(one=configs(), other=configs())
def test_programs_have_the_same_words_only_when_they_are_the_same(one, other):
    programs = [program_for(config, toy_splits.classes()) for config in (one, other)]
    words = [in_words([program])[program] for program in programs]
    assert (words[0] == words[1]) == (programs[0] == programs[1])


BASE = program_for(Config(), toy_splits.classes())
OTHER = {
    "batch_size": 32,
    "pool": "train+dev",
    "loss": "squared",
    "weighted": True,
    "clipped": True,
    "bounded": True,
    "noisy": True,
    "mixed": True,
    "averaged": True,
    "augment": ("flip",),
    "layers_recorded": True,
}
OTHER_ARCHITECTURE = {
    "units": (64, 32),
    "family": "exponential",
    "batch_norm": True,
    "dropout": True,
    "layer_norm": True,
    "output": "linear",
    "convolutions": (Convolution(8),),
    "global_pooling": True,
    "residual": True,
    "precision": "bfloat16",
}


def test_whatever_is_compiled_otherwise_has_words():
    of_the_split = {"task", "inputs", "outputs", "architecture", "own"}
    fields = {field.name for kind in (Program, Architecture) for field in dataclasses.fields(kind)}
    assert fields == OTHER.keys() | OTHER_ARCHITECTURE.keys() | of_the_split
    others = [dataclasses.replace(BASE, **{name: value}) for name, value in OTHER.items()]
    for name, value in OTHER_ARCHITECTURE.items():
        others.append(dataclasses.replace(BASE, architecture=dataclasses.replace(BASE.architecture, **{name: value})))
    words = [in_words([program])[program] for program in (BASE, *others)]
    assert len(set(words)) == 1 + len(others)


CONV = Config(filters=(8, 16), hidden_units=())


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CONV, "convolutions 8 16, mini-batch 64"),
        (CONV.changed(hidden_units=30), "convolutions 8 16, then 32, mini-batch 64"),
        (CONV.changed(kernel_size=5), "convolutions 8 16, kernel 5, mini-batch 64"),
        (CONV.changed(pooling=(1, 2)), "convolutions 8 16, pooling 1 2, mini-batch 64"),
        (CONV.changed(stride=(2, 1)), "convolutions 8 16, stride 2 1, mini-batch 64"),
        (CONV.changed(global_pooling=True), "convolutions 8 16, global pooling, mini-batch 64"),
        (CONV.changed(augment=("flip", "shift")), "convolutions 8 16, mini-batch 64, flip shift"),
        (Config(activation="tanh"), "64 64, smooth activations, mini-batch 64"),
        (Config(output="sigmoid", loss="squared"), "64 64, sigmoid output, squared loss, mini-batch 64"),
        (Config(output="linear"), "64 64, linear output, mini-batch 64"),
        (Config(rows="train+dev"), "64 64, mini-batch 64, train and dev rows"),
    ],
)
def test_words(config, words):
    program = program_for(config, toy_splits.images())
    assert in_words([program]) == {program: words}


def test_networks_of_ones_own_are_numbered_where_their_names_are_the_same():
    import jax.numpy as jnp

    def own(factor):
        def init(key, config):  # noqa: ARG001
            return {"w": 0.1 * factor * jnp.ones((4, 3))}

        def apply(weights, x):
            return factor * x @ weights["w"]

        return Config(network=(init, apply))

    split = toy_splits.classes()
    names = [row.program.split(".")[-1] for row in explain(split, [own(1.0), own(2.0)]).rows]
    assert sorted(names) == ["apply, mini-batch 64", "apply, mini-batch 64 (2)"]


def test_the_table_is_narrow_and_complete():
    plan = explain(toy_splits.images(), [*DEAR, Config(filters=(16,) * 6, pooling=1, stride=(1, 1, 1, 1, 1, 2))])
    for shown in (plan, plan.with_spent({row.program: 1234.5 for row in plan.rows})):
        lines = shown.lines()
        assert max(map(len, lines)) <= 92
        words = " ".join(" ".join(line[:32].split()) for line in lines)
        for row in plan.rows:
            assert row.program in words
        assert ("1,234 s" in "".join(lines)) == ("spent" in lines[0]) == (shown is not plan)


def test_it_is_plain_values_and_back():
    plan = explain(toy_splits.classes(), ASSORTED).with_spent({"8, mini-batch 64": 2.5})
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert [row.spent for row in plan.rows if row.spent is not None] == [2.5]


class Clock:
    """Stands still until it is set."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def told(spent, clock, at, *, epochs=(), finished=()):
    clock.now = at
    spent(Progress(0, 9, 0.5, tuple((n, None) for n in finished), tuple(Epochs(n, 0, {}) for n in epochs)))  # pyright: ignore[reportArgumentType]


@pytest.mark.usefixtures("two_cores")
def test_spent_follows_lanes():
    wide, narrow = Config(hidden_units=(64, 64), epochs=4), Config(hidden_units=8, epochs=4)
    clock = Clock()
    spent = Spent(toy_splits.classes(), [wide, narrow, wide.changed(seed=1)], clock=clock)  # both programs begin at 0
    told(spent, clock, 2, epochs=[1])
    told(spent, clock, 3, finished=[0])  # now the other lane of the wide program begins
    told(spent, clock, 4, finished=[1])
    told(spent, clock, 10, epochs=[2])
    told(spent, clock, 12, finished=[2])
    assert spent.seconds == {"64 64, mini-batch 64": 3 + 9, "8, mini-batch 64": 4}


@pytest.mark.usefixtures("two_cores")
def test_a_lane_that_waits_for_the_compiler_spends_nothing():
    config, clock = Config(hidden_units=8, epochs=4), Clock()
    both = [config, config.changed(seed=1)]
    spent = Spent(toy_splits.classes(), both, before={"8, mini-batch 64": 100.0}, clock=clock)
    told(spent, clock, 2, epochs=[0])
    told(spent, clock, 2.5, epochs=[1])
    assert spent.seconds == {"8, mini-batch 64": 102.5}
    told(spent, clock, 3)  # no epoch has ended
    told(spent, clock, 4, finished=[0, 1])
    assert spent.seconds == {"8, mini-batch 64": 102.5 + 2 + 1.5}


def test_spent_in_training():
    split, several = toy_splits.classes(), [config.changed(seed=n) for config in (SHORT, LONG) for n in range(3)]
    began = time.perf_counter()
    spent = Spent(split, several)
    caviar.train(split, several, callbacks=[spent])
    took = time.perf_counter() - began
    plan = explain(split, several)
    assert spent.seconds.keys() == {row.program for row in plan.rows}
    assert 0.5 * took <= sum(spent.seconds.values()) <= plan.at_once * took


def test_in_any_order_the_programs_have_the_same_names():
    programs = the_programs(ASSORTED)
    for order in itertools.islice(itertools.permutations(programs), 10):
        assert in_words(order) == in_words(programs)
