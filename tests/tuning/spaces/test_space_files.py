import math
import tomllib
import warnings

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna import distributions as d

from caviar.errors import BadSpace
from caviar.tuning.rungs import Rungs
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.files import read_space, read_sweep
from caviar.tuning.spaces.space import Space
from caviar.tuning.spaces.sweep import Sweep
from caviar.tuning.spaces.toml_file import space_of_tables, toml_of

EVERY_WAY = """
learning_rate = {log = [1e-4, 1e-1]}
beta1 = {one_minus_log = [0.9, 0.9995]}
dropout = {uniform = [0, 0.5]}
label_smoothing = {uniform = [0, 0.2], step = 0.05}
units = {integer = [16, 256], log = true}
batch_size = {integer = [32, 128], step = 32}
activation = ["relu", "tanh"]
class_weight = {choice = ["balanced"], none = true}
schedule = ["constant", "inverse_time"]
decay_rate = {uniform = [0.1, 2], when = {schedule = ["inverse_time"]}}
optimizer = "adam"
hidden_units = {fixed = [64, 64]}
clip_norm = {none = true}
"""

WHOLE = Space(
    {
        "learning_rate": LogUniform(1e-4, 1e-1),
        "beta1": OneMinusLogUniform(0.9, 0.9995),
        "dropout": Uniform(0, 0.5),
        "label_smoothing": Uniform(0, 0.2, step=0.05),
        "units": Integer(16, 256, log=True),
        "batch_size": Integer(32, 128, step=32),
        "activation": Choice("relu", "tanh"),
        "class_weight": Choice("balanced", None),
        "schedule": Choice("constant", "inverse_time"),
        "decay_rate": Uniform(0.1, 2),
    },
    {"decay_rate": {"schedule": ("inverse_time",)}},
    {"optimizer": "adam", "hidden_units": (64, 64), "clip_norm": None},
)


@pytest.fixture
def file(tmp_path):
    def written(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize("head", ["", "[space]"])
def test_toml_tells_every_dimension(file, head):
    assert read_space(file("space.toml", head + EVERY_WAY)) == WHOLE
    assert read_space(str(file("space.toml", head + EVERY_WAY))) == WHOLE


def test_none_keeps_its_place_among_the_options(file):
    space = read_space(file("space.toml", "a = {choice = [1, 2], none = 0}\nb = {choice = [1, 2], none = true}"))
    assert dict(space) == {"a": Choice(None, 1, 2), "b": Choice(1, 2, None)}


def test_a_table_of_other_names_is_a_group(file):
    space = read_space(file("space.toml", '[model]\nrate = {log = [0.1, 1]}\n[model.inner]\nkind = ["a", "b"]'))
    assert dict(space) == {"model.rate": LogUniform(0.1, 1), "model.inner.kind": Choice("a", "b")}


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
FINITE = st.floats(-1e9, 1e9)
PLAIN = st.booleans() | st.integers(-(10**9), 10**9) | FINITE | NAMES
ORDERED = st.tuples(FINITE, FINITE).map(sorted).filter(lambda ends: ends[0] < ends[1])
DIMENSIONS = st.one_of(
    ORDERED.map(lambda ends: Uniform(*ends)),
    st.builds(lambda low, n: Uniform(low, low + n * 0.25, step=0.25), st.integers(-9, 9), st.integers(1, 9)),
    st.builds(lambda low, times: LogUniform(low, low * times), st.floats(1e-9, 1), st.floats(1.5, 1e6)),
    st.builds(
        lambda low, part: OneMinusLogUniform(low, 1 - (1 - low) * part), st.floats(0.1, 0.9), st.floats(0.01, 0.9)
    ),
    st.builds(lambda low, n, step: Integer(low, low + n * step, step=step), *[st.integers(1, 50)] * 3),
    st.builds(lambda low, n: Integer(low, low + n, log=True), *[st.integers(1, 50)] * 2),
    st.lists(PLAIN | st.none(), min_size=2, max_size=5, unique=True).map(lambda options: Choice(*options)),
)


@given(data=st.data())
def test_a_space_comes_back_from_its_toml(data):
    names = data.draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    dimensions = {name: data.draw(DIMENSIONS) for name in names}
    conditions = {}
    for name, parent in zip(names[1:], names, strict=False):
        options = dimensions[parent].options if isinstance(dimensions[parent], Choice) else ()
        written = [option for option in options if option is not None]
        if written and data.draw(st.booleans()):
            conditions[name] = {parent: tuple(written[:2])}
    fixed = data.draw(st.dictionaries(NAMES, PLAIN | st.none() | st.lists(PLAIN, max_size=3).map(tuple), max_size=3))
    fixed = {name: value for name, value in fixed.items() if name not in names}
    space = Space(dimensions, conditions, fixed)
    assert space_of_tables(tomllib.loads("[space]\n" + toml_of(space))) == space


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate = {log = [0, 1]}", "zero has no logarithm"),
        ("learning_rate = {log = [1e-3]}", "needs log = [low, high], got [0.001]"),
        ("learning_rate = {logg = [1e-3, 1]}", "got {'logg': [0.001, 1]} for 'learning_rate'. Did you mean 'log'?"),
        ("dropout = {uniform = [0, 1], stepp = 0.1}", "must hold only uniform, when, step, got 'stepp'"),
        ("dropout = {uniform = [0, 1], log = [1, 2]}", "must be told in one way, got ['uniform', 'log']"),
        ("dropout = {low = 0, high = 1}", "A table of a space must tell a dimension"),
        ("dropout = {}", "A table of a space must tell a dimension"),
        ("units = {integer = [1.0, 4.0]}", "Integer needs whole numbers, got 1.0. Write 1."),
        ('activation = ["relu"]', "Choice needs at least two options, got ('relu',)"),
        ("units = {integer = [1, 4]}\nrate = {log = [1, 2], when = {unit = [1]}}", "got 'unit'. Did you mean 'units'?"),
        ("learning_rate = {log = [1e-4, 1e-1]", "must be TOML"),
        ("", "needs at least one dimension"),
    ],
)
def test_toml_that_tells_no_space_is_refused_with_the_file(file, text, message):
    path = file("own.toml", text)
    with pytest.raises(BadSpace) as refused:
        read_space(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_cannot_be_written_is_said():
    with pytest.raises(BadSpace, match="must be plain to be written to a file"):
        toml_of(Space({"rate": Uniform(0, 1)}, fixed={"model": object()}))


with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    OLD = {
        "a": (d.UniformDistribution(0, 1), Uniform(0, 1)),
        "b": (d.LogUniformDistribution(0.1, 1), LogUniform(0.1, 1)),
        "c": (d.DiscreteUniformDistribution(0, 1, 0.25), Uniform(0, 1, step=0.25)),
        "d": (d.IntUniformDistribution(1, 9, 2), Integer(1, 9, step=2)),
        "e": (d.IntLogUniformDistribution(1, 9), Integer(1, 9, log=True)),
    }


@pytest.mark.parametrize(
    ("distribution", "dimension"),
    [
        (d.FloatDistribution(0, 1), Uniform(0, 1)),
        (d.FloatDistribution(1e-5, 1, log=True), LogUniform(1e-5, 1)),
        (d.FloatDistribution(0.1, 0.7, step=0.2), Uniform(0.1, 0.7, step=0.2)),
        (d.IntDistribution(1, 7), Integer(1, 7)),
        (d.IntDistribution(1, 64, log=True), Integer(1, 64, log=True)),
        (d.IntDistribution(32, 128, step=32), Integer(32, 128, step=32)),
        (d.CategoricalDistribution(["a", None, 2, 0.5, True]), Choice("a", None, 2, 0.5, True)),
        *OLD.values(),
    ],
)
def test_a_distribution_of_optuna_keeps_its_meaning(distribution, dimension):
    """Every value that it may have is held and nothing else is drawn; what a study is told is the same again."""
    assert read_space({"x": distribution}) == Space({"x": dimension})
    if (distribution, dimension) in OLD.values():
        return
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(sampler=sampler)
    for _ in range(20):
        assert dimension.holds(study.ask({"x": distribution}).params["x"])
    for place in (0, 0.2, 0.5, 0.9, 1):
        assert distribution._contains(distribution.to_internal_repr(dimension.at(place)))
    assert dimension.distribution() == distribution


def test_a_distribution_of_one_value_is_fixed():
    space = read_space(
        {
            "x": d.FloatDistribution(0, 1),
            "a": d.FloatDistribution(2, 2),
            "b": d.IntDistribution(3, 3),
            "c": d.CategoricalDistribution(["only"]),
        }
    )
    assert (dict(space), space.fixed) == ({"x": Uniform(0, 1)}, {"a": 2.0, "b": 3, "c": "only"})


def test_options_that_no_study_keeps_are_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        of_tuples = d.CategoricalDistribution([(1, 2), (3,)])
    with pytest.raises(BadSpace, match="options that a study can keep"):
        read_space({"x": of_tuples})


def test_the_door_takes_what_there_is(tmp_path):
    assert read_space(WHOLE) is WHOLE
    assert read_sweep(Sweep(WHOLE)).space is WHOLE
    assert read_space({"dropout": Uniform(0, 1), "l2": 0.1}) == Space({"dropout": Uniform(0, 1)}, fixed={"l2": 0.1})
    assert read_space({"parameters": {"a": {"min": 0, "max": 3}}}) == Space({"a": Integer(0, 3)})
    for wrong, message in [
        (3, "got int. For example"),
        (tmp_path / "none.toml", "No such file"),
        (tmp_path, "must be a file that can be read"),
        ({"dropout": [0, 1]}, "Use Choice"),
    ]:
        with pytest.raises(BadSpace, match=message):
            read_space(wrong)
    (tmp_path / "space.json").write_text("{}")
    with pytest.raises(BadSpace, match=r"must be a \.toml file, or the \.yaml file of a W&B sweep, got \.json"):
        read_space(tmp_path / "space.json")


SWEEP = """
program: train.py
method: bayes
metric: {name: val_loss, goal: minimize}
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1e-4, max: 0.1}
  dropout: {min: 0.0, max: 0.5}
  layers: {min: 1, max: 4}
  epochs: {value: 30}
  optimizer:
    values: [adam, sgd]
    probabilities: [0.9, 0.1]
  model:
    parameters:
      width: {distribution: q_uniform, min: 16, max: 64, q: 16}
early_terminate: {type: hyperband, min_iter: 3, eta: 2}
run_cap: 40
"""


def test_a_sweep_of_weights_and_biases(file):
    sweep = read_sweep(file("sweep.yaml", SWEEP))
    assert sweep.space == Space(
        {
            "learning_rate": LogUniform(1e-4, 0.1),
            "dropout": Uniform(0, 0.5),
            "layers": Integer(1, 4),
            "optimizer": Choice("adam", "sgd"),
            "model.width": Integer(16, 64, step=16),
        },
        fixed={"epochs": 30},
    )
    assert (sweep.proposals, sweep.direction, sweep.metric, sweep.trials) == ("gp", "minimize", "val_loss", 40)
    assert sweep.rungs == Rungs("halving", eta=2, least=3)
    for part in (
        "learning_rate: '1e-4' is read as the number 0.0001",
        "optimizer: the probabilities [0.9, 0.1] are not taken over",
        "model.width: every multiple of 16 from 16 to 64 is equally likely",
        "bayes is taken for a Gaussian process",
        "its iterations are taken for epochs",
        "program is not read",
    ):
        assert any(part in one for one in sweep.said), part
    assert len(sweep.said) == 6


@pytest.mark.parametrize(
    ("table", "dimension", "said"),
    [
        ({"min": 0, "max": 3}, Integer(0, 3), 0),
        ({"min": 0, "max": 0.5}, Uniform(0, 0.5), 0),
        ({"distribution": "int_uniform", "min": 1, "max": 3}, Integer(1, 3), 0),
        ({"distribution": "uniform", "min": 1, "max": 3}, Uniform(1, 3), 0),
        ({"distribution": "log_uniform", "min": -3, "max": 1}, LogUniform(math.exp(-3), math.exp(1)), 0),
        ({"distribution": "inv_log_uniform", "min": 1, "max": 3}, LogUniform(math.exp(-3), math.exp(-1)), 0),
        ({"distribution": "inv_log_uniform_values", "min": 0.1, "max": 3}, LogUniform(0.1, 3), 0),
        ({"distribution": "q_uniform", "min": 0.1, "max": 0.92, "q": 0.2}, Uniform(0.0, 1.0, step=0.2), 1),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 300}, Integer(1, 300, log=True), 0),
        ({"distribution": "q_log_uniform_values", "min": 8, "max": 64, "q": 8}, Integer(8, 64, log=True), 1),
        ({"distribution": "q_log_uniform_values", "min": 0.5, "max": 64, "q": 0.5}, LogUniform(0.5, 64), 1),
        ({"distribution": "q_log_uniform", "min": 0, "max": 3, "q": 1}, Integer(1, 20, log=True), 0),
        ({"distribution": "normal", "mu": 1, "sigma": 0.5}, Uniform(0, 2), 1),
        ({"distribution": "normal"}, Uniform(-2, 2), 1),
        ({"distribution": "log_normal", "mu": 0, "sigma": 1}, LogUniform(math.exp(-2), math.exp(2)), 1),
        ({"distribution": "q_normal", "mu": 4, "sigma": 2}, Integer(0, 8, step=1), 2),
        ({"distribution": "beta", "a": 2, "b": 2}, Uniform(0, 1), 1),
        ({"distribution": "categorical", "values": [1, "a", None]}, Choice(1, "a", None), 0),
        ({"values": ["1e-3", "x"]}, Choice(1e-3, "x"), 1),
        ({"values": ["only"]}, "only", 0),
        ({"distribution": "constant", "value": 3}, 3, 0),
        ({"min": 2, "max": 2}, 2, 0),
    ],
)
def test_every_distribution_of_a_sweep(table, dimension, said):
    sweep = read_sweep({"parameters": {"x": table, "y": {"min": 0, "max": 1}}})
    assert sweep.space == Space({"x": dimension, "y": Integer(0, 1)})
    assert len(sweep.said) == said
    assert all(one.startswith("x: ") for one in sweep.said)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"parameters": {"x": {"mean": 3}}}, "unknown word, got 'mean'"),
        ({"parameters": {"x": {"min": 3}}}, "must say value, values or min and max"),
        ({"parameters": {"x": 3}}, "got 3 for 'x'"),
        ({"parameters": {"x": {"distribution": "log_unifrm", "min": 1, "max": 2}}}, "Did you mean 'log_uniform'?"),
        ({"parameters": {"x": {"distribution": "uniform", "min": 1}}}, "needs min and max for uniform"),
        ({"parameters": {"x": {"distribution": "categorical"}}}, "needs value or values for categorical"),
        ({"parameters": {"x": {"values": 3}}}, "must be a list, got 3"),
        ({"parameters": {"x": {"distribution": "q_uniform", "min": 0, "max": 9, "q": 0}}}, "must be above 0, got 0"),
        ({"parameters": {"x": {"distribution": "log_uniform_values", "min": 0, "max": 9}}}, "zero has no logarithm"),
        (
            {"parameters": {"x": {"distribution": "int_uniform", "min": 0.5, "max": 9}}},
            "whole numbers low < high, got 0.5",
        ),
        ({"parameters": {"x": {"min": 0, "max": 9}}, "method": "bays"}, "Did you mean 'bayes'?"),
        ({"parameters": {"x": {"min": 0, "max": 9}}, "metric": {"goal": "max"}}, "must be minimize or maximize"),
        (
            {"parameters": {"x": {"min": 0, "max": 9}}, "early_terminate": {"type": "median"}},
            "must be of type hyperband",
        ),
        (
            {"parameters": {"x": {"min": 0, "max": 9}}, "early_terminate": {"type": "hyperband", "max_iter": 9}},
            "needs min_iter, or max_iter and s",
        ),
    ],
)
def test_a_sweep_that_tells_no_search_is_refused(content, message):
    with pytest.raises(BadSpace) as refused:
        read_sweep(content)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_else_a_sweep_says_is_taken_over_or_said():
    sweep = read_sweep(
        {
            "parameters": {"x": {"min": 0, "max": 9}},
            "method": "grid",
            "metric": {"name": "acc", "goal": "maximize", "target": 0.9},
            "early_terminate": {"type": "hyperband", "s": 2, "eta": 3, "max_iter": 27, "strict": True},
            "surprise": 1,
        }
    )
    assert (sweep.proposals, sweep.direction, sweep.rungs) == (
        "grid",
        "maximize",
        Rungs("halving", 3, 3, 27, strict=True),
    )
    assert [word for word in ("target", "surprise") if not any(word in one for one in sweep.said)] == []


@pytest.mark.parametrize(("text", "message"), [("a: [1", "must be YAML"), ("- 1", "got list"), ("", "got NoneType")])
def test_yaml_that_tells_no_sweep_is_refused(file, text, message):
    with pytest.raises(BadSpace) as refused:
        read_space(file("sweep.yaml", text))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_yaml_runs_no_code(file):
    with pytest.raises(BadSpace, match="must be YAML"):
        read_space(file("sweep.yml", "parameters: !!python/object/apply:os.getcwd []"))
