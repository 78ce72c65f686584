"""An accelerated network is plain Keras's: outputs, gradients, training and weights files."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from image_kit.fast_keras import accelerate, copied
from image_kit.fast_keras.dropout import Dropout
from image_kit.fast_keras.side_by_side import SideBySide
from image_kit.training.network import loss_for
from image_kit.weights import is_binary
from tests.fixtures.networks import NETWORKS

SMALL = (32, 32, 3)  # an input that every network takes


def users_network(pooling=keras.layers.MaxPooling2D):
    """A network that is not a tutorial's: batch statistics, relus of every kind, a pooling over all places."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(SMALL),
            layers.Conv2D(4, 3, activation="relu", padding="same", kernel_regularizer="l2"),
            pooling(3, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.SeparableConv2D(6, 3, activation="relu"),
            pooling(2),
            layers.Conv2D(5, 3, activation="elu"),
            pooling(2),
            layers.Conv2D(5, 1),
            layers.ReLU(),
            pooling(2),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.3),
            layers.Dense(3),
        ]
    )


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def batch_of(model, count=8):
    rng = np.random.default_rng(1)
    labels = np.arange(count) % max(2, model.output_shape[-1])
    images = rng.random((count, *model.input_shape[1:]), np.float32)
    return images, labels[:, None].astype(np.float32) if is_binary(model) else labels


def gradients(model, images, labels, training):
    with tf.GradientTape() as tape:
        outputs = model(images, training=training)
        loss = loss_for(model)(labels, outputs)
    return outputs, tape.gradient(loss, model.trainable_weights)


@pytest.mark.parametrize("build", [*NETWORKS.names(), "users"])
@pytest.mark.parametrize("slices", [1, 3])
def test_outputs_and_gradients_are_those_of_keras(build, slices):
    """Without dropout, which draws other numbers. Sums over slices are taken in another order."""
    plain = users_network() if build == "users" else NETWORKS.build(build, SMALL, 3)
    fast = accelerate(plain, slices=slices)
    found = [gradients(model, *batch_of(plain), training=False) for model in (plain, fast)]
    tolerance = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(found[1][0], found[0][0], **tolerance)
    for ours, theirs in zip(found[1][1], found[0][1], strict=True):
        np.testing.assert_allclose(ours, theirs, **tolerance)


def test_training_steps_are_those_of_keras():
    """With batch statistics and a regularizer, and a dropout that keeps everything."""
    plain = users_network()
    plain.layers[-2].rate = 0.0
    fast = accelerate(plain)
    for model in (plain, fast):
        model.compile(keras.optimizers.SGD(0.1), loss_for(model))
        model.fit(*batch_of(plain, 24), batch_size=8, epochs=3, shuffle=False, verbose=0)
    for ours, theirs in zip(fast.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def contents(path):
    """Name -> value of every data set that contains weights."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if hasattr(item, "shape") else None)
    return {name: value for name, value in found.items() if "seed_generator" not in name}


@pytest.mark.parametrize("build", [*NETWORKS.names(), "users"])
def test_saved_weights_are_those_of_keras(tmp_path, build):
    plain = users_network() if build == "users" else NETWORKS.build(build, SMALL, 3)
    for name, model in (("plain", plain), ("fast", accelerate(plain, slices=2)), ("copy", copied(plain))):
        model.save_weights(tmp_path / f"{name}.weights.h5")
    expected = contents(tmp_path / "plain.weights.h5")
    for name in ("fast", "copy"):
        ours = contents(tmp_path / f"{name}.weights.h5")
        assert ours.keys() == expected.keys()
        for data_set, values in expected.items():
            np.testing.assert_array_equal(ours[data_set], values)


def test_a_relu_moves_behind_a_max_pooling_only():
    assert kinds(accelerate(users_network())) == (
        ["Conv2D", "MaxPooling2D", "ReLU", "BatchNormalization", "SeparableConv2D", "MaxPooling2D", "ReLU"]
        + ["Conv2D", "MaxPooling2D", "Conv2D", "ReLU", "MaxPooling2D", "GlobalAveragePooling2D", "Dropout", "Dense"]
    )
    averaging = users_network(keras.layers.AveragePooling2D)
    assert kinds(accelerate(averaging)) == kinds(averaging)


def test_the_original_and_its_copy_stay_plain():
    plain = users_network()
    before = plain.get_config()
    fast, copy = accelerate(plain, "mixed_bfloat16", 2), copied(plain)
    assert isinstance(fast, SideBySide)
    assert type(fast.layers[-2]) is Dropout
    assert plain.get_config() == before
    assert [layer.get_config() for layer in copy.layers] == [layer.get_config() for layer in plain.layers]
    fast.set_weights([weights + 1 for weights in fast.get_weights()])
    for ours, theirs in zip(copy.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("build", NETWORKS.names())
@pytest.mark.parametrize(("policy", "classes"), [("mixed_bfloat16", 2), ("mixed_bfloat16", 3), ("mixed_float16", 3)])
def test_heads_and_weights_are_float32_in_mixed_precision(build, policy, classes):
    model = accelerate(NETWORKS.build(build, SMALL, classes), policy)
    assert model.layers[-1].compute_dtype == "float32"
    assert all(layer.compute_dtype == policy.removeprefix("mixed_") for layer in model.layers[:-1])
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert np.asarray(model(np.zeros((1, *SMALL), np.float32))).dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_relu_behind_a_pooling_is_relu_before_it(dtype):
    """On a few whole numbers, so that equal maxima and maxima of 0 and below are frequent."""
    rng = np.random.default_rng(0)
    x = tf.Variable(tf.cast(rng.integers(-3, 3, (4, 21, 20, 8)), dtype))
    weights = tf.cast(rng.normal(size=(4, 10, 10, 8)), dtype)
    found = []
    for before in (False, True):
        layers = [keras.layers.MaxPooling2D(2, dtype=dtype), keras.layers.ReLU(dtype=dtype)]
        with tf.GradientTape() as tape:
            outputs = keras.Sequential(layers[:: -1 if before else 1])(x)
            loss = tf.reduce_sum(outputs * weights)
        found.append((outputs, tape.gradient(loss, x)))
    assert found[0][0].dtype == dtype
    for behind, before in zip(*found, strict=True):
        np.testing.assert_array_equal(tf.cast(behind, tf.float32), tf.cast(before, tf.float32))
    assert 0.05 < np.mean(tf.cast(found[0][1], tf.float32) != 0) < 0.25
