"""Small splits that the tests of training share, so that they share compiled programs too."""

import functools

import numpy as np

import caviar


def blobs(rows, classes, features, seed=0):
    """Overlapping clouds of points, one per class."""
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    return rng.normal(size=(classes, features))[y] * 1.5 + rng.normal(size=(rows, features)), y


@functools.cache
def classes():
    """Three classes, 4 features, 96 train and 32 dev rows."""
    x, y = blobs(160, 3, 4)
    return caviar.split(caviar.read((x, np.array(["ant", "bee", "cow"])[y])), dev=32, test=32)


@functools.cache
def numbers():
    """Regression, 4 features, 96 train and 32 dev rows; the target's unit is not 1."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(160, 4))
    return caviar.split(caviar.read((x, 50 + 7 * np.tanh(x[:, 0] * x[:, 1]) + rng.normal(size=160))), dev=32, test=32)


@functools.cache
def images():
    """Three classes of 8 x 6 pixels in 2 channels, 96 train and 32 dev rows."""
    x, y = blobs(160, 3, 96)
    return caviar.split(caviar.read((x.reshape(160, 8, 6, 2).astype(np.float32), y)), dev=32, test=32)


def assert_same_bits(one, other):
    """Two runs have the same bits, in weights and in history."""
    assert (one.config, one.status, one.best_epoch) == (other.config, other.status, other.best_epoch)
    for here, there in zip((*one.weights, *one.statistics), (*other.weights, *other.statistics), strict=True):
        for a, b in zip(here, there, strict=True):
            np.testing.assert_array_equal(a, b)
    assert one.history.keys() == other.history.keys()
    for name, curve in one.history.items():
        np.testing.assert_array_equal(curve, other.history[name])
