"""Batch normalization with frozen statistics, and convolutions that take it in.

A normalization with a fixed mean and variance multiplies each channel by a number and adds another. The convolution
before it can do that with its own kernel: two passes over its output less, forward and backward, which are a third of
a step of EfficientNet-Lite0. The function, and the gradients of kernel, gamma and beta, are the same up to rounding.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from image_kit.fast_keras.depthwise import depthwise_convolution


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's, with the stored mean and variance in training too. Gamma and beta are trained, if it is trainable.

    Attributes:
        is_folded: whether the convolution before it computes it already.
    """

    is_folded = False

    def call(self, inputs, training=None, mask=None):
        """Called by Keras; see Keras's method of this name."""
        return inputs if self.is_folded else super().call(inputs, training=False, mask=mask)

    def scale_and_shift(self) -> tuple[Any, Any]:
        """What each channel is multiplied by and what is then added: float32 (c,) each."""
        scale = tf.math.rsqrt(self.moving_variance + self.epsilon)
        if self.scale:
            scale *= self.gamma
        shift = -self.moving_mean * scale
        return scale, shift + self.beta if self.center else shift


class Conv2D(keras.layers.Conv2D):
    """Keras's, followed by the `BatchNormalization` of `norm`, in one operation."""

    norm: Callable[[], BatchNormalization]  # a function, because Keras would save a layer's layer twice

    def call(self, inputs):
        """Called by Keras, which casts nothing; see Keras's method of this name."""
        scale, shift = _folded(self)
        kernel = tf.cast(self.kernel * scale, self.compute_dtype)
        outputs = tf.nn.conv2d(tf.cast(inputs, self.compute_dtype), kernel, self.strides, self.padding.upper())
        return tf.nn.bias_add(outputs, tf.cast(shift, self.compute_dtype))


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras's, followed by the `BatchNormalization` of `norm`, in one operation.

    Its kernel's gradient needs float32: TensorFlow 2.21 takes up to ten times as long for it in bfloat16.
    """

    norm: Callable[[], BatchNormalization]  # see Conv2D

    def call(self, inputs):
        """Called by Keras, which casts nothing; see Keras's method of this name."""
        scale, shift = _folded(self)
        dtype = "float32" if self.trainable else self.compute_dtype
        # Channel c of the kernel's multiplier m is channel c * multipliers + m of the output.
        kernel = tf.cast(self.kernel * tf.reshape(scale, self.kernel.shape[2:]), dtype)
        outputs = depthwise_convolution(tf.cast(inputs, dtype), kernel, self.strides[0], self.padding.upper())
        return tf.cast(tf.nn.bias_add(outputs, tf.cast(shift, dtype)), self.compute_dtype)


def _folded(layer: Conv2D | DepthwiseConv2D) -> tuple[Any, Any]:
    """The factor and the summand of each output channel: those of the normalization, and the layer's own bias."""
    scale, shift = layer.norm().scale_and_shift()
    return scale, shift + layer.bias * scale if layer.use_bias else shift


def folded(
    convolution: keras.layers.Conv2D | keras.layers.DepthwiseConv2D, norm: BatchNormalization
) -> Conv2D | DepthwiseConv2D:
    """A convolution like this one that also computes the normalization, which then passes its inputs on.

    Args:
        convolution, norm: as `can_fold` says; the normalization built.
    """
    kind = DepthwiseConv2D if type(convolution) is keras.layers.DepthwiseConv2D else Conv2D
    # Without Keras's casts, small kernels are multiplied in float32 before they are rounded.
    layer = kind.from_config({**convolution.get_config(), "autocast": False})
    layer.norm, norm.is_folded = lambda: norm, True
    return layer


def can_fold(layer: keras.Layer, following: keras.Layer) -> bool:
    """Whether `layer` is a convolution that can take in the normalization that is the only one to use its output."""
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    if type(layer) not in kinds or type(following) is not keras.layers.BatchNormalization:
        return False
    return bool(
        layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
        and layer.strides[0] == layer.strides[1]
        and tuple(layer.dilation_rate) == (1, 1)
        and getattr(layer, "groups", 1) == 1
        and following.axis in (-1, 3)
    )
