import math

import numpy as np
import optuna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.tuning.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.space import Space

NUMBERS = st.floats(-1e6, 1e6)
POSITIVE = st.floats(1e-8, 1e6)
PLACES = st.floats(0, 1)


@st.composite
def real(draw: st.DrawFn) -> Uniform | LogUniform | OneMinusLogUniform:
    """A dimension of real numbers whose ends are visibly apart."""
    kind = draw(st.sampled_from([Uniform, LogUniform, OneMinusLogUniform]))
    values = {Uniform: NUMBERS, LogUniform: POSITIVE, OneMinusLogUniform: st.floats(1e-6, 1 - 1e-6)}[kind]
    low, high = sorted((draw(values), draw(values)))
    assume(high - low > 1e-5 * max(abs(low), abs(high)))
    return kind(low, high)


@st.composite
def whole(draw: st.DrawFn) -> Integer:
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -50, 600))
    return Integer(low, low + draw(st.integers(0, 600)), log=log)


CHOICES = st.lists(st.sampled_from(["a", "b", None, True, False, 2, 2.5]), min_size=1, unique=True).map(
    lambda options: Choice(*options)
)


@given(dimension=real(), u=PLACES)
def test_at_and_place_are_inverse_for_real_numbers(dimension, u):
    value = dimension.at(u)
    assert type(value) is float
    assert dimension.holds(value)
    assert dimension.place(value) == pytest.approx(u, abs=1e-4)
    assert dimension.at(dimension.place(value)) == pytest.approx(value, rel=1e-6, abs=1e-6)


@given(dimension=whole() | CHOICES, data=st.data())
def test_every_whole_number_and_option_is_found_at_its_place(dimension, data):
    values = dimension.options if isinstance(dimension, Choice) else range(dimension.low, dimension.high + 1)
    value = data.draw(st.sampled_from(values))
    assert dimension.at(dimension.place(value)) == value
    assert dimension.holds(value)
    drawn = dimension.at(data.draw(PLACES))
    assert dimension.holds(drawn)


@given(dimension=real() | whole())
def test_the_ends_belong_to_it(dimension):
    near = 1e-12 * max(abs(dimension.low), abs(dimension.high))
    assert dimension.at(0) == pytest.approx(dimension.low, abs=near)
    assert dimension.at(1) == pytest.approx(dimension.high, abs=near)
    assert dimension.holds(dimension.low)
    assert dimension.holds(dimension.high)


@given(dimension=real(), value=NUMBERS)
def test_values_outside_are_moved_to_the_edge(dimension, value):
    if value < dimension.low:
        assert dimension.place(value) == 0
    elif value > dimension.high:
        assert dimension.place(value) == 1
    assert dimension.holds(value) == (dimension.low <= value <= dimension.high)


@given(dimension=real() | whole() | CHOICES, u=PLACES)
def test_what_is_stored_lies_in_what_optuna_is_told(dimension, u):
    stored, distribution = dimension.stored(dimension.at(u)), dimension.distribution()
    assert distribution._contains(distribution.to_internal_repr(stored))
    written = optuna.distributions.distribution_to_json(distribution)
    assert optuna.distributions.json_to_distribution(written) == distribution


def test_scales_by_hand():
    """The middle of each scale: arithmetic, geometric, and geometric in 1 - beta (course, section 6)."""
    assert Uniform(2, 6).at(0.5) == 4
    assert LogUniform(1e-4, 1).at(0.25) == pytest.approx(1e-3)
    assert OneMinusLogUniform(0.9, 0.999).at(0.5) == pytest.approx(0.99)
    assert Integer(1, 4).at(0.5) in (2, 3)
    assert Integer(16, 256, log=True).at(0.5) == 63  # the ends own half a number beyond them
    assert Choice("a", "b", "c").at(0.5) == "b"
    assert Choice("a", "b", "c").at(1) == "c"
    assert Choice("a", "b").place("b") == 0.75
    assert Choice("a", "b").place("c") == 0.25


def test_whole_numbers_and_options_are_equally_likely():
    places = (np.arange(6_000) + 0.5) / 6_000
    assert np.unique([Integer(3, 8).at(u) for u in places], return_counts=True)[1] == pytest.approx([1_000] * 6, abs=2)
    counts = np.unique([Choice("a", "b", "c").at(u) for u in places], return_counts=True)[1]
    assert counts.tolist() == [2_000] * 3


def test_whole_numbers_on_a_log_scale_have_the_width_of_their_own_interval():
    places = (np.arange(8_000) + 0.5) / 8_000
    drawn = np.array([Integer(1, 7, log=True).at(u) for u in places])
    widths = [
        math.log((n + 0.499) / (n - 0.499)) if n in (1, 7) else math.log((n + 0.5) / (n - 0.5)) for n in range(1, 8)
    ]
    assert np.bincount(drawn)[1:] / 8_000 == pytest.approx(np.array(widths) / sum(widths), abs=2e-3)


def test_beta_is_stored_as_the_logarithm_of_one_minus_it():
    dimension = OneMinusLogUniform(0.9, 0.999)
    assert dimension.stored(0.99) == pytest.approx(-2)
    assert dimension.distribution() == optuna.distributions.FloatDistribution(
        math.log10(1 - 0.999), math.log10(1 - 0.9)
    )
    assert LogUniform(1e-4, 1).distribution() == optuna.distributions.FloatDistribution(1e-4, 1, log=True)
    assert Integer(2, 64, log=True).distribution() == optuna.distributions.IntDistribution(2, 64, log=True)
    assert Choice("a", None).distribution() == optuna.distributions.CategoricalDistribution(("a", None))


@pytest.mark.parametrize("dimension", [Uniform(0, 1), LogUniform(0.1, 1), OneMinusLogUniform(0.5, 0.9), Integer(1, 9)])
@pytest.mark.parametrize("value", [None, "full", (0.1, 0.2), True])
def test_what_is_no_number_lies_outside_and_in_the_middle(dimension, value):
    """A setting may be None, "full" or one value per layer where numbers are searched."""
    assert not dimension.holds(value)
    assert dimension.place(value) == 0.5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Uniform(1, 1), "Uniform needs finite numbers low < high, got low=1, high=1"),
        (lambda: Uniform(0, math.inf), "finite numbers"),
        (lambda: Uniform("0", 1), "got low='0'"),
        (lambda: LogUniform(0, 1), "zero has no logarithm"),
        (lambda: OneMinusLogUniform(0.9, 1.0), "0 < low < high < 1"),
        (lambda: Integer(1.5, 3), "Integer needs whole numbers low <= high, got low=1.5"),
        (lambda: Integer(4, 3), "got low=4, high=3"),
        (lambda: Integer(0, 3, log=True), "low of at least 1, got 0. Use log=False"),
        (Choice, "at least one option"),
        (lambda: Choice("a", "a"), "none twice"),
        (lambda: Choice(("relu", "tanh"), "relu"), "options that a study can keep"),
        (lambda: Space({}), "needs at least one dimension, got none. For example"),
        (lambda: Space({"learning_rat": Uniform(0, 1)}).check_settings(), "Did you mean 'learning_rate'?"),
        (lambda: Space({"hidden_units": Choice(1, 2)}).check_settings(), "layers and units, got 'hidden_units'"),
        (lambda: Space({"seed": Integer(0, 9)}).check_settings(), "got 'seed'"),
        (lambda: Space({"rows": Uniform(0, 1)}).check_settings(), "got 'rows'"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_words(wrong, message):
    with pytest.raises(BadSpace) as refused:
        wrong()
    assert message in str(refused.value)


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
