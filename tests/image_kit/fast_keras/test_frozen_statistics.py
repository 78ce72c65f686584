"""A network with branches and frozen batch statistics, accelerated: the same function, gradients and files."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from image_kit.errors import UserError
from image_kit.fast_keras import accelerate, copied

SHAPE = (12, 12, 3)


def residual_network():
    """Blocks like EfficientNet-Lite's; convolutions with and without bias; a normalization after a sum."""
    layers = keras.layers
    image = keras.Input(SHAPE)
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.Activation("relu6")(layers.BatchNormalization(epsilon=0.01)(x))
    before = x
    for kernel, stride in ((5, 1), (3, 2)):
        x = layers.BatchNormalization(scale=stride == 1)(layers.Conv2D(12, 1)(x))
        x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=stride == 2)(layers.Activation("relu6")(x))
        x = layers.BatchNormalization(center=stride == 2)(x)
        x = layers.BatchNormalization()(layers.Conv2D(6, 1, use_bias=False)(layers.Activation("relu6")(x)))
        if stride == 1:
            x = layers.Add()([before, x])
    x = layers.Activation("relu")(layers.BatchNormalization()(layers.Add()([x, layers.Conv2D(6, 1)(x)])))
    x = layers.Dropout(0.0)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, layers.Dense(3)(x), name="residual")
    rng = np.random.default_rng(0)
    for layer in model.layers:
        # Fixed draws instead of Keras's, which depend on the tests before; positive, because some are variances.
        layer.set_weights([rng.uniform(0.2, 1.2, each.shape) for each in layer.get_weights()])
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(rng.normal(size=layer.kernel.shape) * 0.3)
    return model


IMAGES = np.random.default_rng(1).random((5, *SHAPE), np.float32)
LABELS = np.arange(5) % 3


def gradients(model, training):
    with tf.GradientTape() as tape:
        outputs = model(IMAGES, training=training)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(LABELS, outputs)
    return outputs, dict(zip(places(model), tape.gradient(loss, model.trainable_weights), strict=True))


def places(model):
    """(class, number among its class, variable) of each trainable variable."""
    found = []
    for kind in ("Conv2D", "DepthwiseConv2D", "BatchNormalization", "Dense"):
        layers = [layer for layer in model.layers if type(layer).__name__ == kind]
        found += [(id(weight), (kind, i, weight.name)) for i, layer in enumerate(layers) for weight in layer.weights]
    names = dict(found)
    return [names[id(weight)] for weight in model.trainable_weights]


@pytest.mark.parametrize("make", [accelerate, copied])
def test_outputs_and_gradients_are_those_of_the_stored_statistics(make):
    plain = residual_network()
    ours = make(plain, frozen_statistics=True)
    expected, wanted = gradients(plain, training=False)
    got, found = gradients(ours, training=True)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert found.keys() == wanted.keys()
    for place, values in wanted.items():
        np.testing.assert_allclose(found[place], values, rtol=1e-3, atol=1e-4, err_msg=str(place))


def test_without_frozen_statistics_training_is_keras():
    plain = residual_network()
    fast = accelerate(plain)
    for model in (plain, fast):
        model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(IMAGES, LABELS, batch_size=5, epochs=3, verbose=0)
    for ours, theirs in zip(fast.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("make", ["accelerate", "copied"])
def test_frozen_layers_and_statistics_do_not_change_and_all_others_do(policy, make):
    plain, frozen = residual_network(), 9  # to the first depthwise convolution's normalization
    before = plain.get_weights()
    settings = {"frozen_layers": frozen, "frozen_statistics": True}
    model = accelerate(plain, policy, **settings) if make == "accelerate" else copied(plain, **settings)
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(IMAGES, LABELS, batch_size=5, epochs=2, verbose=0)
    for number, (layer, original) in enumerate(zip(model.layers[1:], plain.layers[1:], strict=True)):
        for ours, theirs in zip(layer.weights, original.weights, strict=True):
            stays = number < frozen or "moving" in ours.name
            assert np.array_equal(ours, theirs) == stays, (number, ours.name)
    for weights, originals in zip(plain.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, originals)


def contents(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if hasattr(item, "shape") else None)
    return {name: value for name, value in found.items() if "seed_generator" not in name}


@pytest.mark.parametrize("make", [accelerate, copied])
def test_weights_files_are_interchangeable(make, tmp_path):
    plain = residual_network()
    fast = make(plain, frozen_statistics=True, frozen_layers=3)
    plain.save_weights(tmp_path / "plain.weights.h5")
    fast.save_weights(tmp_path / "fast.weights.h5")
    expected, ours = contents(tmp_path / "plain.weights.h5"), contents(tmp_path / "fast.weights.h5")
    assert ours.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(ours[name], values)
    fast.set_weights([weights * 0 for weights in fast.get_weights()])
    fast.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(fast(IMAGES), plain(IMAGES), rtol=1e-4, atol=1e-5)


def test_most_normalizations_are_computed_by_the_convolution_before():
    fast = accelerate(residual_network(), frozen_statistics=True)
    norms = [layer for layer in fast.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert [layer.is_folded for layer in norms] == [True] * 7 + [False]  # the last one follows a sum


def test_a_network_must_keep_a_layer_to_train():
    with pytest.raises(UserError, match=r"--frozen-layers: must be below \d+, the layers of the network, received 99"):
        accelerate(residual_network(), frozen_layers=99)
