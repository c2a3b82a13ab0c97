from caviar.network.config import Config
from caviar.remedies.remedy import with_layers
from remedies.fake_bench import remedy


def test_remedies_that_change_the_same_setting_touch():
    assert remedy("a", l2=1.0).touches(remedy("b", l2=2.0))
    assert not remedy("a", l2=1.0).touches(remedy("b", dropout=0.2))
    assert remedy("a", scale="robust").touches(remedy("b", scale="standard"))
    assert not remedy("a", scale="robust").touches(remedy("b", l2=1.0))


def test_layers_that_are_taken_away_take_their_settings_with_them():
    config = Config(hidden_units=(8, 4), activation=("tanh", "relu"), dropout=(0.1, 0.3))
    assert with_layers(config, (5,)) == {"hidden_units": (5,), "activation": ("tanh",), "dropout": (0.1,)}
    assert with_layers(config, (5, 5)) == {"hidden_units": (5, 5)}
    assert with_layers(Config(), (5, 5, 5)) == {"hidden_units": (5, 5, 5)}


def test_a_first_layer_has_the_usual_settings():
    linear = Config(hidden_units=(), activation=(), dropout=())
    assert linear.changed(**with_layers(linear, (5,))) == Config(
        hidden_units=(5,), activation=("relu",), dropout=(0.0,)
    )
