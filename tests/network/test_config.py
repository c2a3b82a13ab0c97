import json
import math

import pytest
from hypothesis import given

import caviar
from any_config import configs
from caviar.errors import BadConfig
from caviar.network.config import OPTIMIZERS, Config


@given(config=configs())
def test_there_and_back_through_json(config):
    text = json.dumps(config.to_json(), allow_nan=False)
    back = Config.from_mapping(json.loads(text))
    assert back == config
    assert hash(back) == hash(config)
    assert len(config.activations) == len(config.dropouts) == config.layers == len(config.hidden_units)


@given(one=configs(), other=configs())
def test_differences(one, other):
    found = one.differences(other)
    assert (found == {}) == (one == other)
    assert {name: pair[::-1] for name, pair in found.items()} == other.differences(one)
    assert one.changed(**{name: there for name, (_, there) in found.items()}) == other


def test_changed_is_checked_and_changes_nothing_here():
    config = Config()
    assert config.changed(l2=2.0).l2 == 2
    assert config.l2 == 0
    with pytest.raises(BadConfig, match=r"Config.dropout must be in \[0, 1\), got 2"):
        config.changed(dropout=2)
    for build in (lambda: config.changed(learning_rat=1), lambda: Config.from_mapping({"learning_rat": 1})):
        with pytest.raises(BadConfig, match=r"one it knows, got 'learning_rat'\. Did you mean 'learning_rate'\?"):
            build()


def test_lists_and_numbers_become_tuples():
    assert Config(hidden_units=[3, 4], dropout=[0.1, 0.2], rows=[0, 5]) == Config(
        hidden_units=(3, 4), dropout=(0.1, 0.2), rows=(0, 5)
    )
    assert Config(hidden_units=7).hidden_units == (7,)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_rate_that_is_used(optimizer):
    assert Config(optimizer=optimizer).rate == (1e-3 if optimizer in ("rmsprop", "adam", "adamw") else 0.1)
    assert Config(optimizer=optimizer, learning_rate=0.0).rate == 0


REFUSED = [
    ({"l2": 10**400}, r"l2 must be at least 0 and finite"),
    ({"l1": 1e39}, r"l1 must be at least 0 and finite"),
    ({"rows": True}, r"rows must be a share in \(0, 1\], .* got True"),
    ({"hidden_units": (0,)}, r"hidden_units must be a whole number from 1 to 1048576, got 0"),
    ({"hidden_units": (2.5,)}, r"hidden_units must be a whole number.*got 2.5"),
    ({"hidden_units": True}, r"hidden_units must be whole numbers, one per layer, got True"),
    ({"hidden_units": "64"}, r"hidden_units must be whole numbers, one per layer, got '64'"),
    ({"filters": "8"}, r"filters must be whole numbers, one per layer, got '8'"),
    ({"filters": (8, 0)}, r"filters must be a whole number from 1 to"),
    ({"filters": 8, "kernel_size": 4}, r"kernel_size must be odd, got 4: a filter has a middle.* Use 5"),
    ({"filters": (8, 8), "stride": (1, 1, 2)}, r"stride must be one value, or one per convolution \(2\), got 3 values"),
    ({"filters": 8, "pooling": 0}, r"pooling must be a whole number from 1"),
    ({"stride": 2}, r"stride must be left out without filters, got 2.* Add filters=\(16, 32\)"),
    ({"filters": 8, "global_pooling": 1}, r"global_pooling must be True or False, got 1"),
    ({"filters": (8, 8), "residual": True}, r"residual needs one convolution and then pairs .* filters=\(8, 8, 8\)"),
    ({"filters": (8, 8, 4), "residual": True}, r"filters must not fall from one residual block to the next"),
    ({"filters": (8, 8, 8), "residual": True, "pooling": (1, 2, 1)}, r"pooling must be 1 behind the first convolution"),
    ({"filters": (8, 8), "dropout": (0.1, 0.2)}, r"dropout must be one value, or one per hidden layer \(4\), got 2"),
    ({"augment": 3}, r"augment must be words or pairs \(word, amount\), got 3. For example"),
    ({"augment": ("flop",)}, r"augment must be one of flip, .*, got 'flop'. Did you mean 'flip'"),
    ({"augment": (("flip", 1.5),)}, r"augment must be in \[0, 1\], got 1.5. It is the amount of 'flip'"),
    ({"augment": (("shift", 0.5),)}, r"augment must be a whole number .* got 0.5. It is the amount of 'shift', in pix"),
    ({"augment": ("flip", ("flip", 1.0))}, r"augment must name every change once"),
    ({"network": print}, r"network must be two functions \(init, apply\), got <built-in"),
    ({"network": ["a.init 1", "a.apply 2"]}, r"network must be two functions \(init, apply\), got \('a.init 1', "),
    ({"network": (print, len), "dropout": 0.1}, r"dropout must be left out beside a network of your own, got 0.1"),
    ({"activation": "reul"}, r"activation must be one of linear, .*, got 'reul'. Did you mean 'relu'\?"),
    ({"activation": ("relu",)}, r"activation must be one value, or one per hidden layer \(2\), got 1 values. Give one"),
    (
        {"initializer": "xavier"},
        r"initializer must be .*'xavier'.* 1/inputs is 'lecun', Glorot's 2/\(inputs \+ outputs\) is 'glorot'",
    ),
    (
        {"initializer": "kaiming"},
        r"initializer must be one of zeros, normal, lecun, glorot, he, orthogonal, got 'kaiming'. Known:",
    ),
    ({"output": "softmaxx"}, r"output must be one of softmax, sigmoid, linear, got 'softmaxx'. Did you mean 'softmax'"),
    ({"loss": "mse"}, r"loss must be one of cross_entropy, squared, absolute, huber, got 'mse'"),
    ({"loss": "cross_entropy", "output": "linear"}, r"loss must not be 'cross_entropy' with output='linear'.*Use out"),
    ({"huber_delta": 0.0}, r"huber_delta must be at least 1e-20 and finite, got 0.0"),
    ({"prior_bias": 1}, r"prior_bias must be True or False, got 1"),
    ({"layer_norm": "yes"}, r"layer_norm must be True or False, got 'yes'"),
    ({"layer_norm": True, "hidden_units": ()}, r"layer_norm must be False without hidden layers"),
    ({"layer_norm": True, "batch_norm": True}, r"layer_norm must be False beside batch_norm=True, got both. Choose"),
    ({"norm_statistics": "exact"}, r"norm_statistics must be left out without batch_norm, got 'exact'"),
    ({"norm_statistics": "running", "batch_norm": True}, r"norm_statistics must be one of moving, exact, got 'runn"),
    ({"max_norm": 0.0}, r"max_norm must be at least 1e-20 and finite, got 0.0. Usual values are 1 to 4"),
    ({"input_noise": -0.1}, r"input_noise must be at least 0 and finite, got -0.1"),
    ({"mixup": math.inf}, r"mixup must be at least 0 and finite, got inf"),
    ({"class_weight": "balance"}, r"class_weight must be None, 'balanced' or one weight per class, got 'balance'"),
    ({"class_weight": (1, -1)}, r"class_weight must be at least 0 and finite, got -1"),
    ({"class_weight": (0, 0.0)}, r"class_weight must have a weight above 0, got \(0, 0.0\)"),
    ({"clip_norm": 0}, r"clip_norm must be at least 1e-20 and finite, got 0"),
    ({"clip_value": "1"}, r"clip_value must be at least 1e-20 and finite, got '1'"),
    ({"average_weights": 1.0}, r"average_weights must be in \[1e-20, 1\), got 1.0. Usual values are 0.99 to 0.9999"),
    ({"record": "all"}, r"record must be one of losses, layers, got 'all'"),
    ({"precision": "float16"}, r"precision must be one of float32, tfloat32, bfloat16, got 'float16'"),
    ({"sampling": "random"}, r"sampling must be one of shuffled, balanced, got 'random'"),
    ({"schedule": ()}, r"schedule by hand must be pairs \(epoch, rate\), got \(\). For example"),
    ({"schedule": (1, 0.1)}, r"schedule by hand must be pairs \(epoch, rate\), got \(1, 0.1\)"),
    ({"schedule": ((0.5, 0.1),)}, r"schedule must be a whole number .*got 0.5. It is \(epoch, rate\)"),
    ({"schedule": ((1, -0.1),)}, r"schedule must be at least 0 and finite, got -0.1"),
    ({"schedule": ((5, 0.1), (2, 0.2))}, r"schedule by hand must have rising epochs, got \[5, 2\]. Put them in order"),
    ({"initial_scale": -1}, r"initial_scale must be at least 0 and finite, got -1"),
    ({"batch_norm": 1}, r"batch_norm must be True or False, got 1"),
    ({"batch_norm": True, "hidden_units": ()}, r"batch_norm must be False without hidden layers.*Add hidden_units"),
    ({"norm_beta": 1.0}, r"norm_beta must be in \[0, 1\), got 1.0"),
    ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0. It is the share .* course's keep_prob is 1 - dropout"),
    ({"dropout": (0.1, 0.2, 0.3)}, r"dropout must be one value, or one per hidden layer \(2\), got 3 values"),
    ({"dropout": (0.1, -0.2)}, r"dropout must be in \[0, 1\), got -0.2"),
    ({"l1": -1.0}, r"l1 must be at least 0 and finite, got -1.0"),
    ({"l2": math.inf}, r"l2 must be at least 0 and finite, got inf"),
    ({"l2": math.nan}, r"l2 must be at least 0 and finite, got nan"),
    ({"weight_decay": "1"}, r"weight_decay must be at least 0 and finite, got '1'"),
    ({"label_smoothing": 1}, r"label_smoothing must be in \[0, 1\), got 1"),
    ({"optimizer": "Adam"}, r"optimizer must be one of sgd, .*, got 'Adam'. Did you mean 'adam'\?"),
    ({"learning_rate": -0.1}, r"learning_rate must be .* got -0.1. Leave it out for the optimiser's default"),
    ({"learning_rate": 1e-21}, r"learning_rate must be 0 or at least 1e-20, got 1e-21.* Usual values are 1e-5 to 1"),
    ({"learning_rate": True}, r"learning_rate must be .* got True"),
    ({"momentum": 1}, r"momentum must be in \[0, 1\), got 1"),
    ({"momentum_form": "mean"}, r"momentum_form must be one of average, sum, got 'mean'"),
    ({"beta1": -0.5}, r"beta1 must be in \[0, 1\), got -0.5"),
    ({"beta2": 1.0}, r"beta2 must be in \[0, 1\), got 1.0"),
    (
        {"epsilon": 0},
        r"epsilon must be at least 1e-20 and finite, got 0. It keeps the step .* is 1e-8",
    ),
    ({"schedule": "exponentail"}, r"schedule must be one of .*, got 'exponentail'. Did you mean 'exponential'\?"),
    ({"decay_rate": 0.5}, r"decay_rate must be left out with schedule='constant', got 0.5. It is read by inverse_time"),
    ({"decay_rate": -1, "schedule": "staircase"}, r"decay_rate must be at least 0 and finite, got -1"),
    ({"decay_every": 0}, r"decay_every must be a whole number from 1 to 10000000, got 0"),
    ({"warmup": -1}, r"warmup must be at least 0 and finite, got -1"),
    ({"batch_size": 0}, r"batch_size must be a whole number from 1 to .*, got 0. Or \"full\" for all rows at once"),
    ({"batch_size": "all"}, r"batch_size must be a whole number .*, got 'all'"),
    ({"epochs": 0}, r"epochs must be a whole number from 1 to 10000000, got 0"),
    ({"early_stopping": 0}, r"early_stopping must be a whole number from 1"),
    ({"stop_after": 1.0}, r"stop_after must be a whole number from 1"),
    ({"epochs": 3, "stop_after": 4}, r"stop_after must be at most epochs = 3, got 4. Raise epochs or lower stop_after"),
    ({"rows": "train+dev", "early_stopping": 3}, r"early_stopping must be left out with rows=\"train\+dev\", got 3"),
    ({"rows": 1.5}, r"rows must be a share in \(0, 1\], .* or 'train\+dev', got 1.5. 1.0 means the training rows"),
    ({"rows": 0.0}, r"rows must be a share in \(0, 1\], .* got 0.0"),
    ({"rows": float("nan")}, r"rows must be a share in \(0, 1\], .* got nan"),
    ({"rows": (1, 2, 3)}, r"rows must be a share, \(fold, folds\) or 'train\+dev', got \(1, 2, 3\)"),
    ({"rows": (5, 5)}, r"rows must be a whole number from 0 to 4, got 5. It is \(fold, folds\), folds counted from 0"),
    ({"rows": (0, 1)}, r"rows must be a whole number from 2 to 1000, got 1"),
    ({"seed": -1}, r"seed must be a whole number from 0 to 2147483647, got -1"),
    ({"seed": 2**31}, r"seed must be a whole number from 0 to 2147483647, got 2147483648"),
    ({"norm_epsilon": 0.0}, r"norm_epsilon must be in \[1e-20, 1\), got 0.0. The course's is 1e-8"),
    ({"norm_epsilon": 1e-46}, r"norm_epsilon must be in \[1e-20, 1\), got 1e-46"),
    ({"epsilon": 1e-46}, r"epsilon must be at least 1e-20 and finite, got 1e-46"),
]


@pytest.mark.parametrize(("settings", "words"), REFUSED)
def test_refused_with_what_must_hold_what_came_and_what_to_do(settings, words):
    with pytest.raises(BadConfig, match=rf"^Config\.{words}"):
        Config(**settings)


def test_every_setting_is_named_in_some_refusal():
    named = {name for settings, _ in REFUSED for name in settings}
    assert named == set(Config().to_json())


def test_it_is_an_error_of_caviar_and_of_value():
    with pytest.raises(caviar.CaviarError):
        Config(epochs=0)
    with pytest.raises(ValueError, match="epochs"):
        Config(epochs=0)
    with pytest.raises(TypeError):
        Config((64,))
