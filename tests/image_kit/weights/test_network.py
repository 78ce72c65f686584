"""A network as data: what may be written comes back the same, and nothing else is built."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from image_kit.compute import shapes_only
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.weights import Description, load_weights, save_weights
from image_kit.weights.building import build_network, head_of, network_of
from image_kit.weights.network import (
    ALLOWED_LAYERS,
    MAX_LAYERS,
    MERGING_LAYERS,
    UnknownLayer,
    check_network,
    head_of_network,
)
from tests.fixtures.networks import NETWORKS, network

SHAPE = (24, 24, 3)
# One of each allowed layer, with settings that are not Keras's defaults. All take (8, 8, 4).
LAYERS = keras.layers
EXAMPLES = {
    "Conv2D": LAYERS.Conv2D(6, 3, strides=2, padding="same", groups=2, activation="gelu", use_bias=False),
    "Conv2DTranspose": LAYERS.Conv2DTranspose(3, 3, strides=2, activation="tanh"),
    "DepthwiseConv2D": LAYERS.DepthwiseConv2D(3, depth_multiplier=2, activation="relu6"),
    "SeparableConv2D": LAYERS.SeparableConv2D(5, 3, dilation_rate=2, activation="elu"),
    "Dense": LAYERS.Dense(7, activation="softplus", use_bias=False),
    "MaxPooling2D": LAYERS.MaxPooling2D(3, strides=1, padding="same"),
    "AveragePooling2D": LAYERS.AveragePooling2D((2, 4)),
    "GlobalMaxPooling2D": LAYERS.GlobalMaxPooling2D(keepdims=True),
    "GlobalAveragePooling2D": LAYERS.GlobalAveragePooling2D(),
    "BatchNormalization": LAYERS.BatchNormalization(epsilon=0.5, scale=False),
    "LayerNormalization": LAYERS.LayerNormalization(epsilon=0.5, center=False),
    "GroupNormalization": LAYERS.GroupNormalization(2, epsilon=0.5),
    "UnitNormalization": LAYERS.UnitNormalization(),
    "Activation": LAYERS.Activation("silu"),
    "ReLU": LAYERS.ReLU(max_value=0.5, negative_slope=0.25, threshold=0.125),
    "LeakyReLU": LAYERS.LeakyReLU(negative_slope=0.75),
    "PReLU": LAYERS.PReLU(shared_axes=[1, 2]),
    "ELU": LAYERS.ELU(alpha=0.5),
    "Softmax": LAYERS.Softmax(axis=1),
    "Dropout": LAYERS.Dropout(0.5, noise_shape=(None, 1, 1, 4)),
    "SpatialDropout2D": LAYERS.SpatialDropout2D(0.5),
    "AlphaDropout": LAYERS.AlphaDropout(0.5),
    "GaussianDropout": LAYERS.GaussianDropout(0.5),
    "GaussianNoise": LAYERS.GaussianNoise(0.5),
    "Flatten": LAYERS.Flatten(),
    "Reshape": LAYERS.Reshape((16, -1)),
    "Permute": LAYERS.Permute((2, 1, 3)),
    "ZeroPadding2D": LAYERS.ZeroPadding2D(((1, 2), (3, 4))),
    "Cropping2D": LAYERS.Cropping2D((1, 2)),
    "UpSampling2D": LAYERS.UpSampling2D((2, 3), interpolation="bilinear"),
    "Rescaling": LAYERS.Rescaling(0.5, offset=-1),
}


def test_every_allowed_layer_has_an_example():
    assert EXAMPLES.keys() == ALLOWED_LAYERS.keys() - set(MERGING_LAYERS)  # test_branches.py has examples of those
    assert all(type(layer).__name__ == name for name, layer in EXAMPLES.items())


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_layer_comes_back_and_computes_the_same(name):
    model = keras.Sequential([keras.Input((8, 8, 4)), EXAMPLES[name]])
    model.set_weights([np.random.default_rng(0).random(weight.shape, np.float32) for weight in model.get_weights()])
    again = build_network(json.loads(json.dumps(network_of(model))), (8, 8, 4))
    again.set_weights(model.get_weights())
    images = np.random.default_rng(1).normal(size=(3, 8, 8, 4)).astype(np.float32)
    for training in (False, True) if "Dropout" not in name and "Noise" not in name else (False,):
        np.testing.assert_array_equal(again(images, training=training), model(images, training=training))


@pytest.mark.parametrize("name", NETWORKS.names())
def test_the_tutorials_networks_come_back(name):
    model = NETWORKS.build(name, SHAPE, 3)
    again = build_network(network_of(model), SHAPE)
    assert network_of(again) == network_of(model)
    again.set_weights(model.get_weights())
    images = np.random.default_rng(0).random((2, *SHAPE), np.float32)
    np.testing.assert_array_equal(again(images), model(images))


class MyDense(keras.layers.Dense):
    """A layer with code of its own."""


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Lambda(lambda x: x),
        keras.layers.Dense(3, activation=lambda x: x),
        keras.layers.Dense(3, activation=keras.ops.abs),
        MyDense(3),
        keras.Sequential([keras.layers.Dense(3)]),
    ],
    ids=["lambda", "function", "operation", "subclass", "nested"],
)
def test_code_is_not_written(layer):
    with pytest.raises(UnknownLayer, match="layer"):
        network_of(keras.Sequential([keras.Input((8,)), layer]))


FLATTEN = {"class": "Flatten", "data_format": "channels_last"}
SOFTMAX = {"activation": "softmax", "use_bias": True}
HEAD = [FLATTEN, {"class": "Dense", "units": 2, **SOFTMAX}]


@pytest.mark.parametrize(
    "hostile",
    [
        [{"class": "Lambda", "function": "x"}],
        [{"class": "TFSMLayer", "filepath": "/"}],
        [{"class": "__class__"}],
        [{"class": "Dense", "units": 3, "activation": "relu"}],
        [{"class": "Dense", "units": 3, "activation": "os.system", "use_bias": True}],
        [{"class": "Dense", "units": {"module": "os"}, "activation": "relu", "use_bias": True}],
        [{"class": "Dense", "units": float("nan"), "activation": "relu", "use_bias": True}],
        [{**FLATTEN, "name": "x"}],
        [{"class": "Activation", "activation": ["relu"]}],
        [{"class": "Reshape", "target_shape": [[[[1]]]]}],
        [{"class": ["Dense"]}],
        [FLATTEN] * (MAX_LAYERS + 1),
        [],
        {},
        None,
        ["Flatten"],
    ],
)
def test_other_data_are_refused(hostile):
    with pytest.raises(ValueError, match=r"."):
        check_network(hostile)


@pytest.mark.parametrize(
    "layer",
    [
        {"class": "Dense", "units": -1, "activation": "relu", "use_bias": True},
        {"class": "Dense", "units": "many", "activation": "relu", "use_bias": True},
        {"class": "Reshape", "target_shape": [7]},
        {"class": "Permute", "dims": [9, 9]},
        {"class": "UpSampling2D", "size": [99_999] * 2, "data_format": "channels_last", "interpolation": "nearest"},
    ],
)
def test_what_keras_cannot_build_or_takes_gigabytes_is_a_value_error(layer):
    with shapes_only(), pytest.raises(ValueError, match=r"its layers? "):
        build_network(check_network([layer]), SHAPE)


@pytest.mark.parametrize(
    "network",
    [
        [{"class": "GlobalAveragePooling2D", "data_format": "channels_last", "keepdims": False}],
        [{"class": "Flatten", "data_format": "channels_last"}, {"class": "Dense", "units": 3, **SOFTMAX}],
        [{"class": "Dense", "units": 2, **SOFTMAX}],
        [*HEAD, {"class": "Dropout", "rate": 0.5, "noise_shape": None}],
    ],
)
def test_a_file_whose_network_has_no_head_for_its_classes_is_refused(tmp_path, network):
    model = build_network(check_network(network), SHAPE)
    description = Description("mine", ("a", "b"), Preprocessing(SHAPE), network=network)
    save_weights(model, tmp_path / "a.weights.h5", description, np.empty(0, np.uint64))
    with pytest.raises(UserError, match=r"a\.weights\.h5: does not fit the network mine \(must end in Dense"):
        load_weights(tmp_path / "a.weights.h5")


@pytest.mark.parametrize("activation", ["sigmoid", "softmax", "linear"])
def test_the_head_of_a_network_is_that_of_its_model(activation):
    layers = [{"class": "Dense", "units": 1, "activation": activation, "use_bias": True}]
    assert head_of_network(layers) == head_of(build_network(layers, SHAPE))
    for other in ({"activation": "tanh"}, {"class": "Conv2D"}):
        with pytest.raises(ValueError, match="it ends in "):
            head_of_network([layers[0] | other])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(range(5)), st.text(max_size=9) | st.sampled_from(["units", "activation", "class"]), json_values)
def test_any_change_to_a_network_is_refused_or_built(place, key, value):
    layers = [dict(layer) for layer in network("mnist_dense", (6, 6, 1), 3)]
    layers[place][key] = value
    try:
        with shapes_only():
            build_network(check_network(layers), (6, 6, 1))
    except ValueError:
        pass  # UnknownLayer is one
