"""dropout: Keras's own distribution, scaling and gradient, from fewer random bytes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from image_kit.fast_keras.dropout import Dropout

SHAPE = (50, 7, 9, 31)  # a number of values that is not a multiple of 4


def dropped(layer, images, **function):
    """What a layer gives in training inside a tf.function, and the gradient of its sum."""

    @tf.function(**function)
    def run(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
        return outputs, tape.gradient(outputs, images)

    return run(images)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("rate", [0.25, 0.5, 1 / 256, 0.2])
def test_the_right_number_is_dropped_and_the_rest_are_scaled(rate, dtype):
    images = tf.ones(SHAPE, dtype)
    outputs, gradient = dropped(Dropout(rate, seed=0, dtype=dtype), images)
    assert outputs.dtype == images.dtype
    values = np.asarray(tf.cast(outputs, tf.float32))
    n, kept = values.size, values != 0
    assert abs((~kept).sum() - n * rate) < 5 * np.sqrt(n * rate * (1 - rate))  # five standard deviations
    np.testing.assert_allclose(values[kept], 1 / (1 - rate), rtol=float(np.finfo("float16").eps) * 8)
    np.testing.assert_array_equal(tf.cast(gradient, tf.float32), values)  # inputs of ones: the outputs are the mask


def test_no_position_and_no_neighbour_is_favoured():
    kept = np.asarray(dropped(Dropout(0.25, seed=3), tf.ones((40_000, 8)))[0]) != 0
    deviation = np.sqrt(0.25 * 0.75 / 40_000)
    assert np.abs(kept.mean(axis=0) - 0.75).max() < 5 * deviation
    correlations = np.corrcoef(kept.T) - np.eye(8)
    assert np.abs(correlations).max() < 5 / np.sqrt(40_000)


def test_every_call_draws_again_and_a_seed_repeats_the_draws():
    first, second = Dropout(0.5, seed=1), Dropout(0.5, seed=1)
    images = tf.ones((100, 10))
    calls = [np.asarray(first(images, training=True)) for _ in range(2)]
    assert (calls[0] != calls[1]).any()
    for call in calls:
        np.testing.assert_array_equal(call, second(images, training=True))


def test_nothing_is_dropped_outside_training():
    images = tf.random.normal((4, 5))
    np.testing.assert_array_equal(Dropout(0.5)(images), images)
    np.testing.assert_array_equal(Dropout(0.0)(images, training=True), images)


@pytest.mark.parametrize("options", [{"rate": 0.2}, {"rate": 0.5, "noise_shape": (4, 1)}, {"rate": 1.0}])
def test_what_bytes_cannot_distinguish_is_left_to_keras(options):
    images = tf.ones((4, 100))
    ours, theirs = Dropout(**options, seed=5), keras.layers.Dropout(**options, seed=5)
    np.testing.assert_array_equal(ours(images, training=True), theirs(images, training=True))


def test_it_compiles_for_a_gpu():
    """XLA, which Keras uses there by itself."""
    values = np.asarray(dropped(Dropout(0.25, seed=0), tf.ones(SHAPE), jit_compile=True)[0])
    assert abs((values == 0).mean() - 0.25) < 0.01
