"""Heat maps of networks that are built to look at known places."""

import keras
import numpy as np
import pytest

from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.pictures.heat_maps import HeatMaps
from image_kit.weights.description import Description

SHAPE = (12, 16, 1)


def looking_at(spots, activation, classes):
    """A network in which the logit of class i grows with the brightness at row, column spots[i] of the image."""
    units = len(spots)
    inputs = [keras.layers.Input(SHAPE), keras.layers.Conv2D(1, 1, activation="relu"), keras.layers.Flatten()]
    model = keras.Sequential([*inputs, keras.layers.Dense(units, activation=activation)])
    kernel = np.zeros((*SHAPE[:2], units), np.float32)
    for unit, spot in enumerate(spots):
        kernel[*spot, unit] = 50  # so sure that the sigmoid's own gradient would be 0
    model.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1), kernel.reshape(-1, units), np.zeros(units)])
    names = tuple("abcd"[:classes])
    return KerasClassifier(model, Description("mnist_cnn", names, Preprocessing(SHAPE)))


def peak(heat):
    assert heat.shape == SHAPE[:2]
    assert (heat.min(), heat.max()) == (0, 1)
    return np.unravel_index(heat.argmax(), heat.shape)


IMAGE = np.random.default_rng(0).integers(100, 256, SHAPE, np.uint8)


@pytest.mark.parametrize("activation", ["softmax", "linear"])
def test_each_class_is_explained_by_its_own_spot(activation):
    spots = [(2, 3), (9, 14), (0, 0)]
    classifier = looking_at(spots, activation, 3)
    for number, spot in enumerate(spots):
        assert peak(HeatMaps(classifier)(IMAGE, number)) == spot


def test_one_unit_speaks_for_its_second_class_and_against_its_first():
    classifier = looking_at([(7, 5)], "sigmoid", 2)
    assert classifier.probabilities(IMAGE[None])[0, 1] == 1
    assert peak(HeatMaps(classifier)(IMAGE, 1)) == (7, 5)
    assert HeatMaps(classifier)(IMAGE, 0).max() == 0  # nothing in the picture speaks for the first class
    *before, kernel, bias = classifier.model.get_weights()
    classifier.model.set_weights([*before, -kernel, bias])
    assert peak(HeatMaps(classifier)(IMAGE, 0)) == (7, 5)
    assert HeatMaps(classifier)(IMAGE, 1).max() == 0


def test_weights_that_are_not_trained_are_explained_too():
    classifier = looking_at([(7, 5)], "sigmoid", 2)
    classifier.model.trainable = False
    assert peak(HeatMaps(classifier)(IMAGE, 1)) == (7, 5)


def test_a_network_without_a_convolution_is_refused():
    model = keras.Sequential([keras.layers.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)])
    classifier = KerasClassifier(model, Description("mnist_dense", ("a", "b", "c"), Preprocessing(SHAPE)))
    with pytest.raises(UserError, match="--explain: mnist_dense has no convolution, so there is no heat map"):
        HeatMaps(classifier)


@pytest.mark.parametrize(("activation", "units"), [("sigmoid", 1), ("softmax", 2)])
def test_a_head_without_bias_is_explained_too(activation, units):
    layers = [keras.layers.Input(SHAPE), keras.layers.Conv2D(1, 1, activation="relu"), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(units, activation=activation, use_bias=False)])
    kernel = np.zeros((*SHAPE[:2], units), np.float32)
    kernel[7, 5, -1] = 50
    model.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1), kernel.reshape(-1, units)])
    classifier = KerasClassifier(model, Description("mine", ("a", "b"), Preprocessing(SHAPE)))
    assert peak(HeatMaps(classifier)(IMAGE, 1)) == (7, 5)


def with_branches(image, x):
    """Two ways that both end at x's own values: a residual block around nothing, and a gate that is always open."""
    layers = keras.layers
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(1, 1, activation="sigmoid", kernel_initializer="zeros", bias_initializer="ones")(gate)
    return layers.Multiply()([layers.Add()([x, layers.Conv2D(1, 1, kernel_initializer="zeros")(x)]), gate])


ONES = {"depthwise_initializer": "ones", "pointwise_initializer": "ones"}
CONVOLUTIONS = {
    "separable": lambda image: keras.layers.SeparableConv2D(1, 1, activation="relu", **ONES)(image),
    "depthwise": lambda image: keras.layers.DepthwiseConv2D(1, activation="relu", depthwise_initializer="ones")(image),
    "normalized": lambda image: keras.layers.ReLU()(
        keras.layers.BatchNormalization()(keras.layers.Conv2D(1, 1, kernel_initializer="ones")(image))
    ),
    "branches": lambda image: with_branches(image, keras.layers.Conv2D(1, 1, kernel_initializer="ones")(image)),
    "one place": lambda image: keras.layers.Conv2D(1, (12, 16), kernel_initializer="ones")(
        keras.layers.Conv2D(1, 1, kernel_initializer="ones")(image)
    ),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_other_convolutions_and_branches_are_explained_too(name):
    image = keras.Input(SHAPE)
    x = keras.layers.Flatten()(CONVOLUTIONS[name](image))
    model = keras.Model(image, keras.layers.Dense(1, activation="sigmoid")(x))
    if x.shape[-1] > 1:
        kernel = np.zeros(SHAPE, np.float32)
        kernel[7, 5] = 50
        model.layers[-1].set_weights([kernel.reshape(-1, 1), np.zeros(1)])
    else:  # the last convolution has one place, so the one before is explained
        weights = np.zeros((12, 16, 1, 1), np.float32)
        weights[7, 5] = 50
        model.layers[2].set_weights([weights, np.zeros(1)])
        model.layers[-1].set_weights([np.ones((1, 1)), np.zeros(1)])
    classifier = KerasClassifier(model, Description("mine", ("a", "b"), Preprocessing(SHAPE)))
    assert peak(HeatMaps(classifier)(IMAGE, 1)) == (7, 5)


@pytest.mark.parametrize("makes_negative", [False, True])
def test_evidence_is_measured_behind_the_sum_that_ends_a_residual_block(makes_negative):
    """What reaches the head past the last convolution counts as well."""
    layers = keras.layers
    image = keras.Input(SHAPE)
    residual = layers.Conv2D(1, 1, kernel_initializer="zeros", name="last")(image)
    x = layers.Flatten()(layers.Add()([image, residual]))
    model = keras.Model(image, layers.Dense(1, activation="sigmoid")(x))
    kernel = np.zeros(SHAPE, np.float32)
    kernel[7, 5] = -50 if makes_negative else 50
    model.layers[-1].set_weights([kernel.reshape(-1, 1), np.zeros(1)])
    heat = HeatMaps(KerasClassifier(model, Description("mine", ("a", "b"), Preprocessing(SHAPE))))
    assert peak(heat(IMAGE, 0 if makes_negative else 1)) == (7, 5)
