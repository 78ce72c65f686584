"""The tutorials' networks: their size, their heads, the losses that follow, and that all of them can learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from image_kit.compute import device as compute
from image_kit.errors import UserError
from image_kit.training.network import loss_for
from image_kit.weights import is_binary
from presets import PRESETS
from tests.fixtures.networks import NETWORKS

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
    assert tuple(SIZES) == NETWORKS.names()
    for preset in PRESETS.values():
        if not preset.backbone:
            assert preset.parameters == SIZES[preset.model][2]


@pytest.mark.parametrize("name", SIZES)
def test_parameters(name):
    shape, classes, parameters = SIZES[name]
    with compute.dtype_policy("float32"):
        model = NETWORKS.build(name, shape, classes)
    assert isinstance(model, keras.Sequential)
    assert model.count_params() == parameters
    assert model.input_shape == (None, *shape)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == parameters


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_head_follows_from_the_classes(name, classes):
    model = NETWORKS.build(name, SMALL, classes)
    outputs = np.asarray(model(np.random.default_rng(0).random((4, *SMALL), np.float32)))
    logits = name == "cifar10_small"
    assert outputs.shape == (4, 1 if classes == 2 and not logits else classes)
    assert is_binary(model) == (classes == 2 and not logits)
    head = model.layers[-1].activation
    if logits:
        assert head is keras.activations.linear
    else:
        assert head is (keras.activations.sigmoid if classes == 2 else keras.activations.softmax)
        assert ((outputs >= 0) & (outputs <= 1)).all()
    if classes > 2 and not logits:
        assert outputs.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_the_loss_of_a_sigmoid_is_binary_cross_entropy():
    loss = loss_for(NETWORKS.build("mnist_cnn", (28, 28, 1), 2))
    truth, answer = np.float32([[1], [0]]), np.float32([[0.8], [0.4]])
    assert float(loss(truth, answer)) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2, rel=1e-5)


def test_the_loss_of_a_softmax_is_cross_entropy_of_class_numbers():
    loss = loss_for(NETWORKS.build("mnist_cnn", (28, 28, 1), 3))
    answer = np.float32([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]])
    assert float(loss(np.int32([0, 1]), answer)) == pytest.approx(-(np.log(0.7) + np.log(0.25)) / 2, rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_loss_of_a_linear_head_takes_logits(classes):
    loss = loss_for(NETWORKS.build("cifar10_small", SMALL, classes))
    logits = np.float32([[2, -1, 0.5], [0, 3, -2]])[:, :classes]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -(np.log(probabilities[0, 1]) + np.log(probabilities[1, 0])) / 2
    assert float(loss(np.int32([1, 0]), logits)) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_one_linear_unit_takes_a_logit():
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    value = float(loss_for(model)(np.float32([[1]]), np.float32([[2]])))
    assert value == pytest.approx(np.log1p(np.exp(-2)), rel=1e-5)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("classes", [2, 3])
def test_every_weight_gets_a_gradient(name, classes):
    model = NETWORKS.build(name, SMALL, classes)
    images = np.random.default_rng(1).random((8, *SMALL), np.float32)
    labels = np.arange(8) % classes
    labels = labels[:, None].astype(np.float32) if is_binary(model) else labels
    with tf.GradientTape() as tape:
        loss = loss_for(model)(labels, model(images, training=True))
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient), weight.path


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        *(("elephants_cars", 22), ("one_conv", 4), ("fashion_mnist", 10), ("cifar10", 22)),
        *(("cifar10_small", 18), ("mnist_cnn", 10)),
    ],
)
def test_smaller_images_than_the_network_takes(name, smallest):
    NETWORKS.build(name, (smallest, smallest, 1), 2)
    with pytest.raises(
        UserError, match=f"--image-size: {smallest} x {smallest - 1} pixels are too few for the network"
    ):
        NETWORKS.build(name, (smallest, smallest - 1, 1), 2)


def test_a_network_that_does_not_exist():
    with pytest.raises(UserError, match=r"models\.py: has no network 'vgg'; .* choose from elephants_cars, one_conv"):
        NETWORKS.build("vgg", SMALL, 2)
