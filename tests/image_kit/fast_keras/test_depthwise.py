"""The faster depthwise convolution is TensorFlow's, values and gradients."""

import numpy as np
import pytest
import tensorflow as tf

from image_kit.fast_keras.depthwise import depthwise_convolution


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("size", "kernel", "multiplier"),
    [((9, 9), (5, 5), 1), ((8, 11), (5, 5), 2), ((7, 7), (7, 6), 1), ((10, 9), (3, 3), 1), ((5, 12), (2, 4), 1)],
)
def test_it_is_tensorflows(size, kernel, multiplier, stride, padding):
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=(3, *size, 4)), tf.float32)
    weights = tf.constant(rng.normal(size=(*kernel, 4, multiplier)), tf.float32)
    found = []
    for convolve in (
        lambda: depthwise_convolution(images, weights, stride, padding),
        lambda: tf.nn.depthwise_conv2d(images, weights, [1, stride, stride, 1], padding),
    ):
        with tf.GradientTape() as tape:
            tape.watch((images, weights))
            outputs = convolve()
            loss = tf.reduce_sum(outputs * tf.sin(tf.range(tf.size(outputs), dtype=tf.float32)[: outputs.shape[-1]]))
        found.append((outputs, *tape.gradient(loss, (images, weights))))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)  # sums of up to 400 numbers around 1


def test_a_batch_of_any_size_in_a_graph():
    @tf.function(input_signature=[tf.TensorSpec((None, 6, 6, 2)), tf.TensorSpec((5, 5, 2, 1))])
    def gradient(images, weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = tf.reduce_sum(depthwise_convolution(images, weights, 1, "SAME") ** 2)
        return tape.gradient(loss, weights)

    for count in (1, 4):
        assert np.isfinite(gradient(tf.ones((count, 6, 6, 2)), tf.ones((5, 5, 2, 1)))).all()
