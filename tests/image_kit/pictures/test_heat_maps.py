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
