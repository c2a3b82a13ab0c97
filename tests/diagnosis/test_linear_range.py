import numpy as np
import pytest

import by_hand
import caviar
from caviar.diagnosis.linear_range import share_linear
from caviar.errors import BadData
from training import toy_splits


def test_shares_are_those_counted_by_hand():
    split = toy_splits.classes()
    config = caviar.Config(hidden_units=(5, 3), activation=("tanh", "sigmoid"), epochs=3)
    (run,) = caviar.train(split, [config])
    layers = [{"w": layer.w, "b": layer.b} for layer in run.weights]
    _, seen = by_hand.forward(layers, split.x_train.T, config)
    z = [step["z"] + layer["b"][:, None] for step, layer in zip(seen[:-1], layers[:-1], strict=True)]
    counted = [(np.abs(z[0]) < 0.5).mean(), (np.abs(z[1]) < 1.0).mean()]
    np.testing.assert_allclose(share_linear(run, split), counted, atol=1e-6)
    assert 0 < counted[0] < 1


def test_strong_l2_makes_units_linear():
    split = toy_splits.classes()
    config = caviar.Config(hidden_units=(5, 3), activation="tanh", epochs=200, optimizer="sgd", learning_rate=0.1)
    weak, strong = caviar.train(split, [config, config.changed(l2=100.0)])
    assert share_linear(strong, split).min() > 0.9 > share_linear(weak, split).max()


def test_layers_of_other_activations_are_not_told():
    split = toy_splits.classes()
    configs = [caviar.Config(hidden_units=(5, 3), activation=("relu", word), epochs=1) for word in ("tanh", "relu")]
    mixed, straight = caviar.train(split, configs)
    assert np.isnan(share_linear(mixed, split)).tolist() == [True, False]
    with pytest.raises(BadData, match=r"got relu\. Train one with activation='tanh'"):
        share_linear(straight, split)
