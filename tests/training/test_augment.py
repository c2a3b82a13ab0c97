"""Augmentation beside plain loops, and what it must leave alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy_splits
from toy_splits import assert_same_bits

import caviar
from caviar.network.config import AUGMENT_USUAL
from caviar.network.shapes import Image
from caviar.training.augment import Amounts, Draws, amounts, augmented, draws

IMAGE = Image(7, 6, 2)
BATCH = 9


def given(augment, dtype="f"):
    return Amounts(*[jnp.asarray(value, dtype) for value in amounts(augment)])


def by_hand(x, config, drawn):
    """One image and one pixel at a time; bilinear by its definition."""
    most_of = dict(config.augment)
    x = x.reshape(-1, 2, 7, 6)
    out = np.zeros_like(x)
    for n in range(len(x)):
        moves = {}
        for word, down, across in (("crop", "crop_down", "crop_across"), ("shift", "down", "across")):
            most = most_of.get(word, 0)
            moves[word] = [int(getattr(drawn, part)[n] * (2 * most + 1)) - most for part in (down, across)]
        angle = np.deg2rad((2 * float(drawn.angle[n]) - 1) * most_of.get("rotate", 0))
        for i in range(7):
            for j in range(6):
                a, b = i + moves["crop"][0], j + moves["crop"][1]
                if not (0 <= a < 7 and 0 <= b < 6):
                    continue
                a, b = a + moves["shift"][0], b + moves["shift"][1]
                y, w = a - 3.0, b - 2.5
                a = 3.0 + y * np.cos(angle) - w * np.sin(angle)
                b = 2.5 + y * np.sin(angle) + w * np.cos(angle)
                if drawn.flip[n] < most_of.get("flip", 0):
                    b = 5 - b
                a, b = np.clip(a, 0, 6), np.clip(b, 0, 5)
                for row in range(7):
                    for column in range(6):
                        share = max(0, 1 - abs(a - row)) * max(0, 1 - abs(b - column))
                        out[n, :, i, j] += share * x[n, :, row, column]
        if side := most_of.get("cutout", 0):
            top, left = int(drawn.cut_down[n] * 7) - side // 2, int(drawn.cut_across[n] * 6) - side // 2
            out[n, :, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
    return out.reshape(len(x), -1)


CASES = [
    ("flip",),
    (("shift", 2),),
    (("crop", 2),),
    (("rotate", 40),),
    (("cutout", 3),),
    (("cutout", 4), "flip"),
    (("shift", 1), ("crop", 1), ("flip", 1.0), ("rotate", 90), ("cutout", 2)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_beside_plain_loops(case):
    config = caviar.Config(augment=case)
    rng = np.random.default_rng(0)
    x, drawn = rng.normal(size=(BATCH, 84)), Draws(*rng.random((8, BATCH)))
    with jax.enable_x64(True):
        came = augmented(
            jnp.asarray(x),
            IMAGE,
            tuple(word for word, _ in config.augmentation),
            given(config.augmentation, float),
            Draws(*map(jnp.asarray, drawn)),
        )
    np.testing.assert_allclose(came, by_hand(x, config, drawn), rtol=1e-10, atol=1e-12)
    assert not np.allclose(came, x)


@pytest.mark.parametrize("word", AUGMENT_USUAL)
def test_an_amount_of_nothing_changes_nothing(word):
    x = np.random.default_rng(0).normal(size=(BATCH, 84)).astype("f")
    drawn = draws(jax.random.key(0), BATCH, np.dtype("f"))
    came = augmented(jnp.asarray(x), IMAGE, (word,), given(((word, 0),)), drawn)
    np.testing.assert_array_equal(came, x)


def test_moves_reach_both_ends_with_equal_chances():
    """Every whole number from -2 to 2 comes a fifth of the time: within 4.5 sigma of 10,000 draws."""
    x = np.tile(np.arange(7.0)[:, None], (10_000, 1, 6)).reshape(10_000, 42)
    drawn = draws(jax.random.key(1), 10_000, np.dtype("f"))
    came = np.asarray(augmented(jnp.asarray(x, "f"), Image(7, 6, 1), ("shift",), given((("shift", 2),)), drawn))
    moved = np.bincount(came.reshape(-1, 7, 6)[:, 3, 0].astype(int) - 1, minlength=5)
    assert len(moved) == 5
    assert np.abs(moved - 2000).max() < 4.5 * np.sqrt(10_000 * 0.2 * 0.8)


BASE = caviar.Config(hidden_units=(8,), epochs=3, batch_size=16, learning_rate=0.01)
AUGMENTED = [BASE.changed(augment=case) for case in CASES] + [
    BASE.changed(augment=("flip",), filters=4),
    BASE.changed(augment=(("flip", 0.2),), l2=1.0),
]


def test_in_training_only_and_the_same_bits_in_any_company():
    split = toy_splits.images()
    together = caviar.train(split, [BASE, *AUGMENTED, *[AUGMENTED[0].changed(l2=float(n)) for n in range(1, 9)]])
    for number in (1, 4, 7, 9):
        assert_same_bits(together[number], caviar.train(split, [together[number].config])[0])
    weights = [run.weights[0].w for run in together[:8]]
    assert all(not np.array_equal(a, weights[0]) for a in weights[1:])
    # An amount of nothing is the network without, measured on images that are never changed.
    (nothing,) = caviar.train(split, [BASE.changed(augment=(("shift", 0), ("cutout", 0)))])
    for name, curve in together[0].history.items():
        np.testing.assert_allclose(nothing.history[name], curve, rtol=1e-5)


def test_words_have_usual_amounts():
    assert caviar.Config(augment="flip").augment == (("flip", 0.5),)
    config = caviar.Config(augment=("shift", ("cutout", 3), "crop"))
    assert config.augment == (("crop", 4), ("cutout", 3), ("shift", 2))
    assert caviar.Config.from_mapping(config.to_json()) == config
