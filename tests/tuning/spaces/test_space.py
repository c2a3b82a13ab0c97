import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.errors import BadSpace
from caviar.network.config import DECAYING, Config
from caviar.training.schedules import learning_rates
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.of_networks import for_networks
from caviar.tuning.spaces.settings import value_of
from caviar.tuning.spaces.space import Space

PLACES = st.floats(0, 1)
RATE = {"learning_rate": LogUniform(1e-4, 1e-1)}

SPACE = Space(
    {
        "learning_rate": LogUniform(1e-4, 1e-1),
        "layers": Integer(1, 4),
        "units": Integer(4, 64, log=True),
        "beta1": OneMinusLogUniform(0.8, 0.99),
        "activation": Choice("relu", "tanh"),
    }
)


@given(places=st.lists(PLACES, min_size=5, max_size=5))
def test_values_become_a_config_and_are_read_off_it(places):
    values = {name: dimension.at(u) for (name, dimension), u in zip(SPACE.items(), places, strict=True)}
    config = SPACE.config(values, Config(l2=0.3))
    assert SPACE.values_of(config) == values
    assert config.hidden_units == (values["units"],) * values["layers"]
    assert config.l2 == 0.3
    assert config.differences(Config(l2=0.3)).keys() <= {"learning_rate", "hidden_units", "beta1", "activation"}


def test_layers_alone_keep_the_units_and_units_alone_the_layers():
    base = Config(hidden_units=(32, 16))
    assert Space({"layers": Integer(1, 4)}).config({"layers": 3}, base).hidden_units == (32, 32, 32)
    assert Space({"units": Integer(1, 4)}).config({"units": 3}, base).hidden_units == (3, 3)
    assert Space({"l2": Uniform(0, 1)}).config({"l2": 0.5}, base).hidden_units == (32, 16)
    assert Space({"units": Integer(1, 4)}).values_of(Config(hidden_units=())) == {"layers": 0, "units": 1}


def test_what_is_given_per_layer_fits_the_layers_that_are_drawn():
    base = Config(hidden_units=(8, 8), activation=("tanh", "relu"), dropout=(0.1, 0.2))
    drawn = Space({"layers": Integer(1, 4)}).config({"layers": 3}, base)
    assert (drawn.activation, drawn.dropout) == (("tanh", "relu", "relu"), (0.1, 0.2, 0.2))
    both = Space({"layers": Integer(1, 4), "dropout": Uniform(0, 1)}).config({"layers": 1, "dropout": 0.5}, base)
    assert (both.activation, both.dropout) == (("tanh",), 0.5)


def test_the_learning_rate_is_the_one_used():
    assert SPACE.values_of(Config(optimizer="sgd"))["learning_rate"] == 0.1


def test_a_space_is_a_mapping():
    assert list(SPACE) == ["learning_rate", "layers", "units", "beta1", "activation"]
    assert (len(SPACE), SPACE["layers"]) == (5, Integer(1, 4))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Space({}), "needs at least one dimension, got none. For example"),
        (lambda: Space({"l2": 0.1}), "needs at least one dimension"),
        (lambda: Space([Uniform(0, 1)]), "needs dimensions by name"),
        (lambda: Space({1: Uniform(0, 1)}), "needs dimensions by name"),
        (lambda: Space({"activation": ["relu", "tanh"]}), "got ['relu', 'tanh']. Use Choice(...)"),
        (lambda: Space({"activation": {"relu", "tanh"}}), "Use Choice(...)"),
        (lambda: Space({"l2": {"low": 0, "high": 1}}), "Use Choice(...)"),
        (lambda: Space({"units": range(3)}), "Use Choice(...)"),
        (lambda: Space({"units": np.arange(3)}), "Use Choice(...)"),
        (lambda: Space({"l2": Uniform}), "got its class Uniform"),
        (lambda: Space({"l2": optuna.distributions.FloatDistribution(0, 1)}), "dictionary in place of the Space"),
        (lambda: Space(RATE, fixed={"learning_rate": 0.1}), "must not be searched as well, got 'learning_rate'"),
        (lambda: Space({**RATE, "l2": 0.1}, fixed={"l2": 0.2}), "got 'l2'"),
        (lambda: Space({"learning_rat": Uniform(0, 1)}).check_settings(), "Did you mean 'learning_rate'?"),
        (lambda: Space({**RATE, "dropouts": 0.1}).check_settings(), "Did you mean 'dropout'?"),
        (lambda: Space({"hidden_units": Choice(1, 2)}).check_settings(), "layers and units, got 'hidden_units'"),
        (lambda: Space({"seed": Integer(0, 9)}).check_settings(), "got 'seed'"),
        (lambda: Space({"rows": Uniform(0, 1)}).check_settings(), "got 'rows'"),
        (lambda: Space(RATE, {"learning_rat": {"layers": 1}}), "got 'learning_rat'. Did you mean 'learning_rate'?"),
        (lambda: Space({**RATE, "l2": 1.0}, {"learning_rate": {"l2": 1.0}}), "got 'l2'. It is fixed"),
        (
            lambda: Space({**RATE, "l2": Uniform(0, 1)}, {"l2": {"learning_rate": 0.01}}),
            "no value of it is met exactly",
        ),
        (lambda: Space({**RATE, "layers": Integer(1, 3)}, {"learning_rate": {"layers": (3, 4)}}), "got 4 for Integer"),
        (lambda: Space({**RATE, "layers": Integer(1, 3)}, {"learning_rate": {"layers": ()}}), "got none for Integer"),
    ],
)
def test_what_is_no_space_is_refused_in_words(wrong, message):
    with pytest.raises(BadSpace) as refused:
        wrong()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


LETTERS = "abcdef"


@given(data=st.data())
def test_conditions_hold_in_every_point_and_are_found_in_order(data):
    """Each setting may depend on those before it, given in any order; a circle is made by turning one around."""
    names = data.draw(st.permutations(LETTERS))
    conditions = {
        name: {
            parent: data.draw(st.sampled_from([(1,), (1, 2), (3,)]))
            for parent in data.draw(st.sets(st.sampled_from(LETTERS[:i]), max_size=2))
        }
        for i, name in enumerate(LETTERS)
        if i
    }
    space = Space({name: Choice(1, 2, 3) for name in names}, conditions)
    place = {name: i for i, name in enumerate(space.order)}
    assert sorted(space.order) == sorted(LETTERS)
    assert all(place[parent] < place[name] for name, when in conditions.items() for parent in when)
    point = space.point({name: data.draw(PLACES) for name in names})
    assert list(point) == [name for name in names if name in point]
    for name in names:
        holds = all(point.get(parent) in values for parent, values in conditions.get(name, {}).items())
        assert (name in point) == holds
    assert space.active(point) == point
    assert space.point(space.places(point) | {name: 0.5 for name in names if name not in point}) == point


def test_a_circle_of_conditions_is_refused():
    three = {name: Choice(1, 2) for name in "abc"}
    with pytest.raises(BadSpace, match=r"in a circle, got one among \['a', 'b', 'c'\]"):
        Space(three, {"a": {"b": 1}, "b": {"c": 1}, "c": {"a": 2}})
    assert Space(three, {"a": {"b": 1}, "b": {"c": 1}}).order == ("c", "b", "a")


def test_one_word_is_one_value_of_a_condition():
    space = Space({"optimizer": Choice("adam", "sgd"), "beta1": Uniform(0, 0.9)}, {"beta1": {"optimizer": "adam"}})
    assert space.conditions == {"beta1": {"optimizer": ("adam",)}}
    assert list(space.point({"optimizer": 0.9, "beta1": 0.5})) == ["optimizer"]


def test_a_plain_value_or_a_tuple_is_fixed():
    space = Space({**RATE, "activation": ("relu", "tanh"), "l2": np.float64(0.5)}, fixed={"epochs": 3})
    assert space.fixed == {"epochs": 3, "activation": ("relu", "tanh"), "l2": 0.5}
    assert type(space.fixed["l2"]) is float
    drawn = space.config({"learning_rate": 0.01}, Config())
    assert drawn == Config(learning_rate=0.01, activation=("relu", "tanh"), l2=0.5, epochs=3)


def test_what_a_config_reads_only_beside_others_is_searched_only_there():
    space = for_networks(
        Space(
            {
                "decay_rate": Uniform(0.1, 0.9),
                "schedule": Choice("constant", "staircase", "cosine"),
                "momentum": OneMinusLogUniform(0.8, 0.99),
                "beta1": OneMinusLogUniform(0.8, 0.99),
                "optimizer": Choice("momentum", "adam"),
                "layers": Integer(0, 2),
                "dropout": Uniform(0, 0.5),
                "l2": Uniform(0, 1),
            }
        ),
        Config(),
    )
    assert space.conditions == {
        "decay_rate": {"schedule": ("staircase",)},
        "momentum": {"optimizer": ("momentum",)},
        "beta1": {"optimizer": ("adam",)},
        "dropout": {"layers": (1, 2)},
    }


@pytest.mark.parametrize(
    ("dimensions", "base", "message"),
    [
        ({"decay_rate": Uniform(0.1, 1)}, Config(), "Space.decay_rate is read only with schedule in ('inverse_time', "),
        ({"momentum": Uniform(0.1, 0.9)}, Config(), "got optimizer in ('adam',). Search or fix optimizer"),
        ({"beta1": Uniform(0.1, 0.9), "optimizer": Choice("sgd", "momentum")}, Config(), "Space.beta1 is read only"),
        ({"layer_norm": Choice(False, True)}, Config(batch_norm=True), "got batch_norm in (True,)"),
        ({"kernel_size": Choice(3, 5)}, Config(), "read only by convolutions"),
        (
            {"dropout": Uniform(0, 1.2)},
            Config(),
            "Every point of a Space must be a Config, but {'dropout': 1.2} is not",
        ),
        ({"units": Integer(0, 9)}, Config(), "Config.hidden_units must be a whole number from 1"),
        ({"activation": Choice("relu", "rellu")}, Config(), "Did you mean 'relu'"),
        (
            {"output": Choice("softmax", "linear"), "loss": Choice("squared", "cross_entropy"), **RATE},
            Config(),
            "Config.loss must not be 'cross_entropy' with output='linear'",
        ),
        ({"batch_size": Uniform(8, 64)}, Config(), "Config.batch_size must be a whole number"),
        (
            {**RATE, "momentum": Uniform(0, 0.9), "optimizer": "adam"},
            Config(optimizer="sgd"),
            "got optimizer in ('adam',)",
        ),
    ],
)
def test_points_that_no_config_can_be_are_refused_before_anything_is_trained(dimensions, base, message):
    with pytest.raises(BadSpace) as refused:
        for_networks(Space(dimensions), base)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("values", "base", "expected"),
    [
        ({"schedule": "constant"}, Config(schedule="staircase", decay_rate=0.3), {"decay_rate": None}),
        ({"decay_rate": 0.3}, Config(), {"decay_rate": None}),
        ({"layer_norm": True}, Config(batch_norm=True, norm_statistics="exact"), {"batch_norm": False}),
        ({"batch_norm": True}, Config(layer_norm=True), {"batch_norm": True, "layer_norm": False}),
        ({"layers": 0, "units": 5, "batch_norm": True}, Config(), {"hidden_units": (), "batch_norm": False}),
        ({"epochs": 5}, Config(stop_after=7), {"stop_after": None}),
        ({"epochs": 5, "stop_after": 9}, Config(), {"stop_after": 5}),
        ({"stop_after": 9}, Config(epochs=4), {"stop_after": 4}),
        ({"augment": "none"}, Config(augment=("flip",)), {"augment": ()}),
        ({"augment": "flip"}, Config(), {"augment": (("flip", 0.5),)}),
        ({"filters": 8}, Config(filters=(16, 32, 33)), {"filters": (8, 16, 16)}),
    ],
)
def test_what_a_network_cannot_have_beside_the_others_is_left_out(values, base, expected):
    drawn = Space(RATE).config(values, base)
    assert {name: getattr(drawn, name) for name in expected} == expected


@pytest.mark.parametrize("schedule", DECAYING)
def test_the_decay_rate_that_a_schedule_has_by_rule(schedule):
    """Given as a number it changes no rate of any step."""
    config = Config(schedule=schedule, decay_every=2)
    written = config.changed(decay_rate=value_of(config, "decay_rate"))
    rates = [learning_rates(one, np.arange(1, 50), steps_per_epoch=5, epochs=10) for one in (config, written)]
    np.testing.assert_array_equal(*rates)


def test_the_values_of_a_config_are_those_that_are_searched_there():
    space = Space(
        {"optimizer": Choice("momentum", "rmsprop", "adam"), "momentum": Uniform(0, 0.9), "beta2": Uniform(0, 0.9999)},
        {"momentum": {"optimizer": "momentum"}, "beta2": {"optimizer": ("rmsprop", "adam")}},
    )
    own = {"layers": 2, "units": 64}
    assert space.values_of(Config()) == own | {"optimizer": "adam", "beta2": 0.999}
    assert space.values_of(Config(optimizer="rmsprop")) == own | {"optimizer": "rmsprop", "beta2": 0.9}
    assert space.values_of(Config(optimizer="momentum")) == own | {"optimizer": "momentum", "momentum": 0.9}
