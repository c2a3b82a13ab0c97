import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.extend.random import threefry_2x32

from caviar.network.draws import threefry, uniforms

WORDS = st.integers(0, 2**32 - 1)
F32 = np.dtype(np.float32)


@given(key=st.tuples(WORDS, WORDS), counters=st.lists(st.tuples(WORDS, WORDS), min_size=3, max_size=3))
@settings(max_examples=30)
def test_the_block_function_is_jax_s(key, counters):
    key = jnp.array(key, jnp.uint32)
    high, low = (jnp.array(words, jnp.uint32) for words in zip(*counters, strict=True))
    x, y = threefry(key, high, low)
    np.testing.assert_array_equal(jnp.concatenate([x, y]), threefry_2x32(key, jnp.concatenate([high, low])))


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_published_answers(key, counter, words):
    """Random123's known-answer file, threefry2x32 with 20 rounds."""
    x, y = threefry(jnp.array(key, jnp.uint32), *(jnp.uint32(c) for c in counter))
    assert (int(x), int(y)) == words


@pytest.mark.parametrize("batch", [1, 3, 4, 64])
def test_the_first_rows_do_not_depend_on_how_many_follow(batch):
    key = jax.random.key(7)
    np.testing.assert_array_equal(uniforms(key, 32, batch, F32)[:17], uniforms(key, 17, batch, F32))
    assert uniforms(key, 5, batch, F32).shape == (5, batch)


def test_they_are_uniform_and_independent():
    from scipy.stats import chisquare

    drawn = np.asarray(uniforms(jax.random.key(0), 400, 512, F32), float)
    assert 0 <= drawn.min() < 1e-3
    assert 1 - 1e-3 < drawn.max() < 1
    assert chisquare(np.histogram(drawn, 64, (0, 1))[0]).pvalue > 0.001
    assert drawn.std() == pytest.approx(12**-0.5, rel=0.01)
    for other in (np.roll(drawn, 1, 0), np.roll(drawn, 1, 1), np.roll(drawn, 128, 1)):
        assert abs(np.corrcoef(drawn.ravel(), other.ravel())[0, 1]) < 0.01
    np.testing.assert_array_equal(drawn * 2**16, np.floor(drawn * 2**16))


def test_keys_differ():
    one, other = (uniforms(jax.random.key(seed), 8, 8, F32) for seed in (0, 1))
    assert not np.array_equal(one, other)
    assert uniforms(jax.random.key(0), 2, 2, np.dtype(np.float16)).dtype == np.float16
