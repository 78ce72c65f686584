"""Networks with branches: from a functional model to plain data and back, in Keras's order of layers."""

import json

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras import layers

from image_kit.compute import shapes_only
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.weights import Description, load_weights, save_weights
from image_kit.weights.building import build_network, network_of
from image_kit.weights.layout import keras_order
from image_kit.weights.network import (
    MAX_INPUTS,
    MAX_LAYERS,
    MERGING_LAYERS,
    UnknownLayer,
    check_network,
)
from tests.fixtures.networks import randomized, residual_model

SHAPE = (8, 8, 3)


def efficient_net(image_shape):
    """The pattern of EfficientNet-Lite: stem, inverted residual blocks, head; 61 layers."""

    def convolution(x, kind, activation=True, **settings):
        x = layers.BatchNormalization()(kind(padding="same", use_bias=False, **settings)(x))
        return layers.ReLU(6.0)(x) if activation else x

    x = image = keras.Input(image_shape)
    x = convolution(x, layers.Conv2D, filters=4, kernel_size=3, strides=2)
    for filters in (4, 4, 6, 6, 6, 6):
        before = x
        x = convolution(x, layers.Conv2D, filters=8, kernel_size=1)
        x = convolution(x, layers.DepthwiseConv2D, kernel_size=3)
        x = convolution(x, layers.Conv2D, activation=False, filters=filters, kernel_size=1)
        if before.shape == x.shape:
            x = layers.Add()([x, before])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(3)(layers.Dropout(0.2)(x)))


def two_branches(image_shape):
    """One branch is four layers deep, the other one; both have layers of the same class."""
    image = keras.Input(image_shape)
    shallow = layers.Conv2D(2, 1)(image)
    deep = image
    for _ in range(4):
        deep = layers.Conv2D(2, 1)(deep)
    return keras.Model(image, layers.Dense(2)(layers.Flatten()(layers.Add()([shallow, deep]))))


MODELS = {"residual": lambda shape: residual_model(shape, 3), "efficient": efficient_net, "two": two_branches}


@pytest.mark.parametrize("name", MODELS)
def test_a_functional_model_comes_back_and_computes_the_same(name):
    model = randomized(MODELS[name](SHAPE))
    network = network_of(model)
    again = build_network(check_network(json.loads(json.dumps(network))), SHAPE)
    assert network_of(again) == network
    again.set_weights(model.get_weights())
    images = np.random.default_rng(1).random((3, *SHAPE), np.float32)
    np.testing.assert_array_equal(again(images), model(images))


def test_every_merging_layer_is_used_above():
    assert {layer["class"] for layer in network_of(residual_model(SHAPE, 3))} >= set(MERGING_LAYERS)


def test_a_functional_model_without_branches_becomes_a_sequential():
    image = keras.Input(SHAPE)
    model = randomized(keras.Model(image, layers.Dense(2)(layers.Flatten()(image))))
    again = build_network(network_of(model), SHAPE)
    assert isinstance(again, keras.Sequential)
    again.set_weights(model.get_weights())
    images = np.random.default_rng(1).random((3, *SHAPE), np.float32)
    np.testing.assert_array_equal(again(images), model(images))


RELU = {"class": "ReLU", "max_value": None, "negative_slope": 0.0, "threshold": 0.0}


@st.composite
def graphs(draw):
    """Networks of Add and ReLU whose entries stand in any order that puts inputs first."""
    network, unused = [], []
    for index in range(draw(st.integers(1, 12))):
        inputs = draw(st.lists(st.integers(-1, index - 1), min_size=1, max_size=3))
        network.append({"class": "Add", "inputs": inputs} if len(inputs) > 1 else {**RELU, "inputs": inputs})
        unused = [each for each in unused if each not in inputs] + [index]
    return [*network, {"class": "Add", "inputs": [*unused, -1]}]


@settings(deadline=None, max_examples=60)
@given(graphs())
def test_the_order_of_layers_is_kerass_own(network):
    model = build_network(check_network(network), (2, 2, 1))
    kinds = [network[index]["class"] for index in keras_order(network)]
    assert [type(layer).__name__ for layer in model.layers[1:]] == kinds
    # Which of the layers of one class is which: Keras numbers their names in the order in which they were built.
    built = sorted(model.layers[1:], key=lambda layer: layer_number(layer.name))
    for kind in ("Add", "ReLU"):
        layers_of_kind = [layer for layer in built if type(layer).__name__ == kind]
        entries = [index for index, layer in enumerate(network) if layer["class"] == kind]
        ours = [entries.index(index) for index in keras_order(network) if index in entries]
        theirs = [layers_of_kind.index(layer) for layer in model.layers if type(layer).__name__ == kind]
        assert ours == theirs
    again = network_of(model)
    assert keras_order(again) == list(range(len(again)))


def layer_number(name):
    """The number in a name that Keras made: add has 0, add_12 has 12."""
    number = name.rpartition("_")[2]
    return int(number) if number.isdigit() else 0


def shared(image):
    convolution = layers.Conv2D(3, 1)
    return convolution(convolution(image))


def nested(image):
    inner = keras.Input(SHAPE)
    return keras.Model(inner, layers.Add()([inner, inner]))(image)


UNSUPPORTED = {
    "a layer called twice": (shared, "is called more than once"),
    "dropout at prediction": (
        lambda image: layers.Dropout(0.5)(image, training=True),
        "is called with arguments besides",
    ),
    "an operator": (lambda image: image + image, "is not one that a weights file may carry"),
    "a number": (lambda image: image * 2.0, "is not one that a weights file may carry"),
    "a function": (keras.ops.relu, "is not one that a weights file may carry"),
    "a model as a layer": (nested, "is not one that a weights file may carry"),
    "two outputs": (lambda image: [layers.ReLU()(image), layers.ReLU()(image)], "1 inputs and 2 outputs"),
}


@pytest.mark.parametrize(("function", "message"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_what_the_data_cannot_express_is_not_written(function, message):
    image = keras.Input(SHAPE)
    with pytest.raises(UnknownLayer, match=message):
        network_of(keras.Model(image, function(image)))


def test_a_second_input_is_not_written():
    images = [keras.Input(SHAPE), keras.Input(SHAPE)]
    with pytest.raises(UnknownLayer, match="2 inputs and 1 outputs"):
        network_of(keras.Model(images, layers.Add()(images)))


def test_a_layer_that_another_model_calls_too_is_written_once():
    image = keras.Input(SHAPE)
    relu, add = layers.ReLU(), layers.Add()
    model = keras.Model(image, add([relu(image), image]))
    expected = network_of(model)
    relu(relu(keras.Input(SHAPE)))
    assert network_of(model) == expected == [RELU, {"class": "Add", "inputs": [0, -1]}]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ([{**RELU, "inputs": [0]}], r"layer 0 \(ReLU\) takes inputs other than"),  # itself
        ([{**RELU, "inputs": [1]}, {**RELU, "inputs": [0]}], "takes inputs other than"),  # a cycle
        ([RELU, {"class": "Add", "inputs": [0, 2]}, RELU], "takes inputs other than"),  # a later layer
        ([RELU, {"class": "Add", "inputs": [0, -2]}], "takes inputs other than"),
        ([RELU, {"class": "Add", "inputs": [0, 10**30]}], "takes inputs other than"),
        ([RELU, {"class": "Add", "inputs": [0, True]}], "takes inputs other than"),
        ([RELU, RELU, {"class": "Add", "inputs": [0, 1.0]}], "takes inputs other than"),
        ([RELU, {"class": "Add", "inputs": [0, float("nan")]}], "takes inputs other than"),
        ([RELU, {"class": "Add", "inputs": [0, "0"]}], "takes inputs other than"),
        ([RELU, {"class": "Add", "inputs": [0, [0]]}], "takes inputs other than"),
        ([RELU, {"class": "Add", "inputs": {"0": 0}}], "must take a list"),
        ([RELU, {"class": "Add", "inputs": None}], "must take a list"),
        ([RELU, {"class": "Add", "inputs": "01"}], "must take a list"),
        ([RELU, {"class": "Add", "inputs": []}], r"layer 1 \(Add\) takes 0 inputs"),
        ([RELU, {"class": "Add", "inputs": [0]}], r"layer 1 \(Add\) takes 1 inputs"),
        ([RELU, {"class": "Concatenate", "axis": -1}], r"layer 1 \(Concatenate\) takes 1 inputs"),
        ([RELU, {**RELU, "inputs": [0, -1]}], r"layer 1 \(ReLU\) takes 2 inputs"),
        ([RELU, {**RELU, "inputs": []}], r"layer 1 \(ReLU\) takes 0 inputs"),
        ([RELU, {**RELU, "inputs": [-1]}], "nothing takes the output of its layer 0"),
        ([RELU, {"class": "Add", "inputs": [0] * (MAX_INPUTS + 1)}], "at most 4,000 together"),
        ([RELU, *[{"class": "Add", "inputs": [0] * MAX_LAYERS}] * 5], "at most 4,000 together"),
        ([RELU, {"class": "Add", "inputs": [0, -1], "axis": 1}], "the layer Add with axis"),
        ([RELU, {"class": "Dot", "inputs": [0, -1], "axes": 1}], "the layer Dot with axes"),
    ],
)
def test_forged_inputs_are_refused(network, message):
    with pytest.raises(ValueError, match=message):
        check_network(network)


@pytest.mark.parametrize(("inputs", "reason"), [([7, 9], "takes inputs other than"), (None, "must take a list")])
def test_a_file_with_forged_inputs_gives_one_line(tmp_path, inputs, reason):
    path, model = tmp_path / "a.weights.h5", residual_model(SHAPE, 3)
    description = Description("mine", ("a", "b", "c"), Preprocessing(SHAPE), network=network_of(model))
    save_weights(model, path, description, np.empty(0, np.uint64))
    with h5py.File(path, "r+") as file:
        values = json.loads(file.attrs["image_classifier_0"])
        next(layer for layer in values["network"] if layer["class"] == "Multiply")["inputs"] = inputs
        file.attrs["image_classifier_0"] = json.dumps(values)
    with pytest.raises(UserError, match=rf"a\.weights\.h5: its description is damaged \(.*{reason}"):
        load_weights(path)


def doubled(times):
    """Each layer concatenates the one before with itself."""
    return [{"class": "Concatenate", "axis": -1, "inputs": [index - 1] * 2} for index in range(times)]


def fanned_out(times, factor):
    """Branches that each enlarge the image, and their sum."""
    size = {"size": [factor] * 2, "data_format": "channels_last", "interpolation": "nearest"}
    branches = [{"class": "UpSampling2D", **size, "inputs": [-1]} for _ in range(times)]
    return [*branches, {"class": "Add", "inputs": list(range(times))}]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (doubled(40), "outputs more than 268,435,456 numbers"),
        (fanned_out(200, 512), "its layers output more than 1,073,741,824 numbers"),
        ([{"class": "Concatenate", "axis": 7, "inputs": [-1, -1]}], "cannot be built"),
        ([{"class": "Flatten", "data_format": None}, {"class": "Add", "inputs": [0, -1]}], "cannot be built"),
    ],
)
def test_branches_that_keras_cannot_build_or_that_take_gigabytes_are_refused(network, message):
    with shapes_only(), pytest.raises(ValueError, match=message):
        build_network(check_network(network), SHAPE)


RESIDUAL = network_of(residual_model(SHAPE, 3))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, len(RESIDUAL) - 1),
    st.lists(st.integers(-3, 16) | st.floats() | st.none(), max_size=4) | st.none() | st.text(),
)
def test_any_change_to_inputs_is_refused_or_built(place, inputs):
    network = [dict(layer) for layer in RESIDUAL]
    network[place]["inputs"] = inputs
    try:
        with shapes_only():
            build_network(check_network(network), SHAPE)
    except ValueError:
        pass
