import pytest
from hypothesis import given, settings

from any_config import configs
from caviar.network.config import Config
from caviar.training.plan import epochs_planned, written_out
from caviar.tuning.defaults import WIDEST, WIDEST_FOR_FEW, default_space
from caviar.tuning.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from diagnosis.made_scores import classes, quantity

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
    assert space["batch_norm"] == Choice(False, True)
    assert space["activation"] == Choice("relu", "silu")


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
