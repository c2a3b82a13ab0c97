import math

import numpy as np
import optuna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from caviar.errors import BadSpace
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform

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
    low, step = draw(st.integers(1 if log else -50, 600)), 1 if log else draw(st.sampled_from([1, 1, 2, 7]))
    return Integer(low, low + step * draw(st.integers(1, 600)), log=log, step=step)


@st.composite
def stepped(draw: st.DrawFn) -> Uniform:
    low, step = draw(st.integers(-50, 50)) / 10, draw(st.sampled_from([0.01, 0.05, 0.1, 0.25, 3.0]))
    return Uniform(low, low + draw(st.integers(1, 40)) * step, step=step)


CHOICES = st.lists(st.sampled_from(["a", "b", None, True, False, 2, 2.5]), min_size=2, unique=True).map(
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
    values = (
        dimension.options if isinstance(dimension, Choice) else range(dimension.low, dimension.high + 1, dimension.step)
    )
    assert len(values) == dimension.levels
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


@given(dimension=real() | whole() | stepped() | CHOICES, u=PLACES)
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
        (lambda: Integer(1.5, 3), "Integer needs whole numbers low < high, got 1.5. Use Uniform"),
        (lambda: Integer(4, 3), "got low=4, high=3"),
        (lambda: Integer(0, 3, log=True), "low of at least 1, got 0. Use log=False"),
        (lambda: Uniform(math.nan, 1), "got low=nan"),
        (lambda: Uniform(2, 1), "Exchange or correct them"),
        (lambda: Uniform(1, 1), "Give the number itself: it is then fixed"),
        (lambda: Uniform(False, 1), "got low=False"),
        (lambda: LogUniform(-1, 1), "low above 0, got -1.0"),
        (lambda: Uniform(0, 1, step=0.3), "a step that leads from low to high"),
        (lambda: Uniform(0, 1, step=-0.5), "step above 0"),
        (lambda: Uniform(0, 1, step=2), "a step that leads"),
        (lambda: Integer(1, 10, step=2), "leads from low to high"),
        (lambda: Integer(1, 9, step=2, log=True), "none with log=True"),
        (lambda: Integer(1, 9, step=0), "step of at least 1"),
        (lambda: Integer(1.0, 3), "got 1.0. Write 1."),
        (lambda: Integer(True, 3), "got True"),
        (lambda: Integer(3, 3), "got low=3, high=3. Give the number itself"),
        (lambda: Integer(1, 3, log="yes"), "Integer.log must be True or False, got 'yes'"),
        (Choice, "at least two options, got ()"),
        (lambda: Choice("a"), "at least two options, got ('a',). A value that does not change is given as it is"),
        (lambda: Choice(["a", "b"]), "Write Choice(*options)"),
        (lambda: Choice(1, True), "none twice"),
        (lambda: Choice(1.5, math.nan), "Leave nan out"),
        (lambda: Choice("a", "a"), "none twice"),
        (lambda: Choice(("relu", "tanh"), "relu"), "options that a study can keep"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_words(wrong, message):
    with pytest.raises(BadSpace) as refused:
        wrong()
    assert message in str(refused.value)


@given(dimension=stepped(), data=st.data())
def test_every_step_is_found_at_its_place(dimension, data):
    step = data.draw(st.integers(0, dimension.levels - 1))
    value = dimension.at(dimension.place(dimension.low + step * dimension.step))
    assert value == pytest.approx(dimension.low + step * dimension.step, abs=1e-9)
    assert dimension.holds(value)
    assert dimension.holds(dimension.at(data.draw(PLACES)))
    assert not dimension.holds(dimension.low + (step + 0.5) * dimension.step)


def test_steps_are_equally_likely_and_read_as_people_write_them():
    places = (np.arange(5_000) + 0.5) / 5_000
    drawn, counts = np.unique([Uniform(0.1, 0.5, step=0.1).at(u) for u in places], return_counts=True)
    assert drawn.tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert counts == pytest.approx([1_000] * 5, abs=3)
    assert {Integer(8, 32, step=8).at(u) for u in places} == {8, 16, 24, 32}
    assert not Integer(8, 32, step=8).holds(12)
    assert Uniform(0.1, 0.5, step=0.1).distribution() == optuna.distributions.FloatDistribution(0.1, 0.5, step=0.1)
    assert Integer(8, 32, step=8).distribution() == optuna.distributions.IntDistribution(8, 32, step=8)


def test_numbers_of_numpy_are_numbers():
    assert Uniform(np.float32(0), np.int64(1)) == Uniform(0.0, 1.0)
    assert repr(LogUniform(np.float64(0.5), 1)) == "LogUniform(low=0.5, high=1.0)"
    whole = Integer(np.int32(2), np.int64(9))
    assert (type(whole.low), type(whole.high)) == (int, int)
    assert [type(option) for option in Choice(np.int64(1), np.str_("a"), np.bool_(False)).options] == [int, str, bool]


def test_what_cannot_be_looked_up_is_no_option():
    assert not Choice("a", "b").holds(["a"])
    assert Choice("a", "b").place(["a"]) == 0.25
