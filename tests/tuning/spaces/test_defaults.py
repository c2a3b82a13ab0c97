import contextlib
import functools
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from any_config import configs
from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.training.plan import epochs_planned, written_out
from caviar.tuning.spaces.course_order import COURSE, IMPORTANCE, course_place
from caviar.tuning.spaces.default_dimensions import WIDEST, WIDEST_FOR_FEW, default_dimension
from caviar.tuning.spaces.defaults import default_space, starts
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.of_networks import for_networks
from caviar.tuning.spaces.settings import SETTINGS
from caviar.tuning.spaces.space import Space
from diagnosis.made_scores import classes, quantity
from training.toy_splits import images

FEW, MANY = classes(400, 100), classes(6_000, 1_000)


def around(config=None, split=FEW):
    return default_space(written_out(config or Config(), split), split)


def test_the_space_of_the_default_config():
    """Every setting on the scale of the course: rate and lambda log, 1 - beta log, units log, layers even."""
    space = around()
    assert space["learning_rate"] == LogUniform(1e-4, 1e-2)
    assert space["beta1"] == OneMinusLogUniform(0.8, 0.99)
    assert space["units"] == Integer(16, 256, log=True)
    assert space["layers"] == Integer(1, 3)
    assert space["batch_size"] == Choice(32, 64, 128, 256)
    assert space["dropout"] == Uniform(0.0, 0.6)
    assert space["l2"] == LogUniform(1e-6 * 400, 1e-2 * 400)
    assert space["label_smoothing"] == Uniform(0.0, 0.15)
    assert space["schedule"] == Choice("constant", "cosine", "one_cycle")
    assert space["epochs"] == Integer(30, 90, log=True)
    assert space["average_weights"] == Choice(None, 0.9762, 0.9929)
    assert space["batch_norm"] == Choice(False, True)
    assert space["activation"] == Choice("relu", "silu")


def test_what_a_search_begins_with():
    """Somebody's own config; with a space of one's own the default; or one against variance and one against bias."""
    assert starts(FEW, Config(l2=0.1)) == starts(FEW, Config(l2=0.1), around()) == (Config(l2=0.1),)
    assert starts(FEW, None, around()) == (Config(),)
    first, second = starts(FEW)
    assert first == Config(average_weights=0.9762, learning_rate=0.003, dropout=0.2)
    assert second == Config(average_weights=0.9762, learning_rate=0.003, hidden_units=(96, 96))


def test_how_long_an_average_is_searched_and_not_whether_there_is_one():
    """Where the config has one: none at all takes a program of its own."""
    first, _ = starts(FEW)
    assert around(first)["average_weights"] == Choice(0.9762, 0.9929)
    assert around(Config(average_weights=0.5))["average_weights"] == Choice(0.5, 0.9762, 0.9929)


def test_strong_regularisation_is_left_out_where_it_cannot_help():
    config, split = Config(epochs=60), FEW
    mild = default_space(config, split, regularise=False)
    assert mild["dropout"] == Uniform(0.0, 0.1)
    assert mild["l2"] == LogUniform(1e-6 * split.n_train, 1e-3 * split.n_train)
    usual = default_space(config, split)
    assert {name for name in usual if usual[name] != mild[name]} == {"dropout", "l2"}


@pytest.mark.parametrize("split", [FEW, MANY, quantity(400, 100)])
@pytest.mark.parametrize(
    "config",
    [
        Config(dropout=0.3, l2=0.1),
        Config(l2=0.1, hidden_units=(16, 16), optimizer="momentum", activation="tanh", batch_size=32),
        Config(l2=0.1, hidden_units=(512,), optimizer="nesterov", momentum=0.95),
        Config(l2=0.1, batch_norm=True, learning_rate=0.3, optimizer="sgd", schedule="cosine"),
        Config(l2=0.1, epochs=7, optimizer="adamw", beta1=0.85),
    ],
)
def test_the_values_of_the_config_lie_inside(split, config):
    start = config.changed(epochs=epochs_planned(config, split))
    space = default_space(start, split)
    values = space.values_of(start)
    assert [name for name in space if not space[name].holds(values[name])] == []


def test_few_rows_are_not_given_the_widest_networks():
    wide = Config(hidden_units=(128, 128))
    assert (around(wide)["units"].high, around(wide, MANY)["units"].high) == (WIDEST_FOR_FEW, WIDEST)
    assert around(Config(hidden_units=(300,)))["units"].high == 300  # but what the config has stays possible


def test_batches_are_smaller_than_the_training_rows():
    assert around(split=classes(100, 20))["batch_size"] == Choice(32, 64)
    assert "batch_size" not in around(Config(batch_size="full"))
    assert "batch_size" not in around(Config(batch_size=8), split=classes(12, 10))


def test_a_quantity_has_no_labels_to_smooth():
    assert "label_smoothing" not in around(split=quantity(400, 100))


def test_averaging_is_searched_for_the_optimiser_that_averages():
    assert "momentum" in around(Config(optimizer="nesterov"))
    assert "beta1" in around(Config(optimizer="adamw"))
    assert not {"momentum", "beta1"} & set(around(Config(optimizer="sgd")))


def test_epochs_by_rule_and_an_end_behind_them():
    late = written_out(Config(stop_after=1_000), FEW)
    assert (late.epochs, late.stop_after) == (60, 60)
    assert written_out(Config(stop_after=10), FEW).stop_after == 10
    assert written_out(Config(), FEW) == Config(learning_rate=1e-3, epochs=60)


@settings(max_examples=60)
@given(config=configs(classes=0).map(lambda config: config.changed(rows=1.0)))
def test_any_config_has_a_space_whose_points_are_configs(config):
    space = around(config)
    for place in (0.0, 0.3, 0.5, 0.8, 1.0):
        values = {name: dimension.at(place) for name, dimension in space.items()}
        drawn = space.config(values, config)
        assert drawn.hidden_units == (values["units"],) * values["layers"]
        assert (drawn.epochs, drawn.schedule) == (values["epochs"], values.get("schedule", drawn.schedule))
        assert drawn.l2 > 0


def test_a_rate_of_nothing_is_searched_around_the_usual_one():
    assert around(Config(learning_rate=0.0))["learning_rate"] == LogUniform(1e-4, 1e-2)


IMAGES = images()
SEARCHED = tuple(name for name in SETTINGS if name not in ("stop_after", "record", "precision"))


def dimensions_of(config, split):
    """The default dimension of every setting that has one."""
    found = {}
    for name in SEARCHED:
        with contextlib.suppress(BadSpace):
            found[name] = default_dimension(name, config, split)
    return found


CONVOLUTIONAL = Config(filters=(8, 16, 16), pooling=1)


def test_every_setting_has_a_dimension_somewhere():
    """Classes, a quantity and images have different ones; together they have all but what is no search's business."""
    of_classes, of_images = dimensions_of(Config(), FEW), dimensions_of(CONVOLUTIONAL, IMAGES)
    assert set(of_classes) | set(of_images) == set(SEARCHED)
    assert set(of_images) - set(of_classes) == {
        *("filters", "kernel_size", "stride", "pooling", "global_pooling", "residual", "augment")
    }
    of_numbers = dimensions_of(Config(), quantity(400, 100))
    assert set(of_classes) - set(of_numbers) == {
        *("label_smoothing", "class_weight", "sampling", "output", "prior_bias")
    }


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("learning_rate", LogUniform),
        ("l2", LogUniform),
        ("l1", LogUniform),
        ("weight_decay", LogUniform),
        ("epsilon", LogUniform),
        ("clip_norm", LogUniform),
        ("momentum", OneMinusLogUniform),
        ("beta1", OneMinusLogUniform),
        ("beta2", OneMinusLogUniform),
        ("norm_beta", OneMinusLogUniform),
        ("average_weights", Choice),
        ("dropout", Uniform),
        ("label_smoothing", Uniform),
    ],
)
def test_the_scale_of_every_kind_of_setting(name, scale):
    assert isinstance(default_dimension(name, Config(), FEW), scale)


def test_penalties_are_relative_to_the_rows():
    """J has lambda / (2 m): ten times the rows want ten times the lambda."""
    few, many = (default_dimension("l2", Config(), split) for split in (classes(400, 100), classes(4_000, 100)))
    assert (many.low / few.low, many.high / few.high) == (pytest.approx(10), pytest.approx(10))


@functools.cache
def everything(split, base):
    """All default dimensions together, with words that let every one of them be read."""
    words = {
        "schedule": Choice("constant", "staircase", "exponential"),
        "loss": Choice("squared", "huber"),
        "initializer": Choice("he", "normal"),
    }
    return for_networks(Space(dimensions_of(base, split) | words), base)


@pytest.mark.parametrize(
    ("split", "base"),
    [
        (FEW, Config()),
        (quantity(400, 100), Config(hidden_units=(), optimizer="sgd", batch_size="full")),
        (IMAGES, CONVOLUTIONAL),
    ],
)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_point_of_all_default_dimensions_together_is_a_config(split, base, data):
    """In the whole of the space, its ends included, and `Config` refuses contradictions."""
    space = everything(split, base)
    places = data.draw(
        st.lists(st.sampled_from([0.0, 1.0]) | st.floats(0, 1), min_size=len(space), max_size=len(space))
    )
    point = space.point(dict(zip(space, places, strict=True)))
    read_back = space.values_of(space.config(point, base))
    assert {name: read_back[name] for name in point} == point


@pytest.mark.parametrize("name", SEARCHED)
def test_both_ends_of_every_dimension_are_configs_by_themselves(name):
    for base, split in [(Config(), FEW), (Config(), quantity(400, 100)), (CONVOLUTIONAL, IMAGES)]:
        with contextlib.suppress(BadSpace):
            dimension = default_dimension(name, base, split)
            ends = dimension.options if isinstance(dimension, Choice) else (dimension.low, dimension.high)
            drawn = [Space({name: dimension}).config({name: end}, base) for end in ends]
            assert len(set(drawn)) == len(ends) or name in ("decay_rate", "norm_statistics")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("learning_rat", "Did you mean 'learning_rate'?"),
        ("stop_after", "search epochs"),
        ("precision", "must not be searched by default"),
        ("kernel_size", "several sensible values"),
    ],
)
def test_what_has_no_default_is_said(name, message):
    with pytest.raises(BadSpace) as refused:
        default_dimension(name, Config(), FEW)
    assert message in str(refused.value)


def test_with_few_trials_the_most_important_settings_are_searched():
    """By the course's order: alpha; then units and mini-batch; then layers and decay; Adam's betas last of all."""
    config, whole = Config(optimizer="momentum"), around(Config(optimizer="momentum"))
    sizes = [len(default_space(config, FEW, trials=trials)) for trials in (1, 8, 16, 32, 64, 1_000)]
    assert sizes == [1, 1, 3, 6, 12, len(whole)]
    assert list(default_space(config, FEW, trials=10)) == ["learning_rate", "momentum"]
    assert list(default_space(Config(), FEW, trials=16)) == ["learning_rate", "units", "batch_size"]
    assert "beta1" not in default_space(Config(), FEW, trials=55)
    for fewer, more in itertools.pairwise(range(5, 80, 5)):
        assert set(default_space(config, FEW, trials=fewer)) <= set(default_space(config, FEW, trials=more))


def test_the_course_ranks_the_settings():
    assert [course_place(name) for name in ("learning_rate", "momentum", "layers", "beta2", "dropout")] == [
        *(1, 2, 3, 4, None)
    ]
    assert set(IMPORTANCE) <= set(SETTINGS)
    ranked = [place for name in IMPORTANCE if (place := course_place(name)) is not None]
    assert ranked == sorted(ranked)
    assert {name for names in COURSE for name in names} <= set(IMPORTANCE)
