"""The tutorials' networks: their size, their heads, the losses that follow, and that all of them can learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from image_kit.compute import device as compute
from presets import MODELS, PRESETS

# (height, width, channels), classes and parameters, as the tutorials print them.
SIZES = {
    "elephants_cars": ((300, 300, 3), 2, 5_046_369),
    "one_conv": ((256, 256, 3), 2, 66_065_537),
    "fashion_mnist": ((28, 28, 1), 10, 140_682),
    "cifar10": ((32, 32, 3), 10, 276_138),
    "cifar10_small": ((32, 32, 3), 10, 122_570),
    "mnist_dense": ((28, 28, 1), 10, 669_706),
    "mnist_cnn": ((28, 28, 1), 10, 34_826),
}
SMALL = (32, 32, 3)  # an input that every network takes


@pytest.fixture(autouse=True)
def same_weights_every_time():
    keras.utils.set_random_seed(0)


def test_presets_and_table_name_every_network():
    assert set(SIZES) == set(MODELS)
    for preset in PRESETS.values():
        assert preset.parameters == SIZES[preset.model][2]


@pytest.mark.parametrize("name", SIZES)
def test_parameters(name):
    shape, classes, parameters = SIZES[name]
    with compute.dtype_policy("float32"):
        model = models.build(name, shape, classes)
    assert isinstance(model, keras.Sequential)
    assert model.count_params() == parameters
    assert model.input_shape == (None, *shape)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == parameters


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_head_follows_from_the_classes(name, classes):
    model = models.build(name, SMALL, classes)
    outputs = np.asarray(model(np.random.default_rng(0).random((4, *SMALL), np.float32)))
    logits = name == "cifar10_small"
    assert outputs.shape == (4, 1 if classes == 2 and not logits else classes)
    assert models.is_binary(model) == (classes == 2 and not logits)
    head = model.layers[-1].activation
    if logits:
        assert head is keras.activations.linear
    else:
        assert head is (keras.activations.sigmoid if classes == 2 else keras.activations.softmax)
        assert ((outputs >= 0) & (outputs <= 1)).all()
    if classes > 2 and not logits:
        assert outputs.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize(("policy", "classes"), [("mixed_bfloat16", 2), ("mixed_bfloat16", 3), ("mixed_float16", 3)])
def test_heads_and_weights_are_float32_in_mixed_precision(name, policy, classes):
    low = policy.removeprefix("mixed_")
    with compute.dtype_policy(policy):
        model = models.build(name, SMALL, classes)
    assert model.layers[-1].compute_dtype == "float32"
    assert all(layer.compute_dtype == low for layer in model.layers[:-1])
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert np.asarray(model(np.zeros((1, *SMALL), np.float32))).dtype == np.float32


def test_the_loss_of_a_sigmoid_is_binary_cross_entropy():
    loss = models.loss_for(models.build("mnist_cnn", (28, 28, 1), 2))
    truth, answer = np.float32([[1], [0]]), np.float32([[0.8], [0.4]])
    assert float(loss(truth, answer)) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2, rel=1e-5)


def test_the_loss_of_a_softmax_is_cross_entropy_of_class_numbers():
    loss = models.loss_for(models.build("mnist_cnn", (28, 28, 1), 3))
    answer = np.float32([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]])
    assert float(loss(np.int32([0, 1]), answer)) == pytest.approx(-(np.log(0.7) + np.log(0.25)) / 2, rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_loss_of_a_linear_head_takes_logits(classes):
    loss = models.loss_for(models.build("cifar10_small", SMALL, classes))
    logits = np.float32([[2, -1, 0.5], [0, 3, -2]])[:, :classes]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -(np.log(shares[0, 1]) + np.log(shares[1, 0])) / 2
    assert float(loss(np.int32([1, 0]), logits)) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_one_linear_unit_takes_a_logit():
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    value = float(models.loss_for(model)(np.float32([[1]]), np.float32([[2]])))
    assert value == pytest.approx(np.log1p(np.exp(-2)), rel=1e-5)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("classes", [2, 3])
def test_every_weight_gets_a_gradient(name, classes):
    model = models.build(name, SMALL, classes)
    images = np.random.default_rng(1).random((8, *SMALL), np.float32)
    labels = np.arange(8) % classes
    labels = labels[:, None].astype(np.float32) if models.is_binary(model) else labels
    with tf.GradientTape() as tape:
        loss = models.loss_for(model)(labels, model(images, training=True))
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient), weight.path


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_relu_behind_a_pooling_is_relu_before_it(dtype):
    """Of few whole numbers, so that equal maxima and maxima of 0 and below are frequent."""
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


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        *(("elephants_cars", 22), ("one_conv", 4), ("fashion_mnist", 10), ("cifar10", 22)),
        *(("cifar10_small", 18), ("mnist_cnn", 10)),
    ],
)
def test_smaller_images_than_the_network_takes(name, smallest):
    models.build(name, (smallest, smallest, 1), 2)
    with pytest.raises(ValueError, match="output size would be"):
        models.build(name, (smallest, smallest - 1, 1), 2)


def test_a_network_that_does_not_exist():
    with pytest.raises(KeyError):
        models.build("vgg", SMALL, 2)
