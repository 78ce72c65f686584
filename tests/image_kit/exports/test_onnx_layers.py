"""Layers as ONNX operators answer as in Keras."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from image_kit.answering import IMAGE, Unsupported, fold
from image_kit.exports.onnx_layers import OnnxGraph, write_layer
from image_kit.weights import build_network, keras_order
from tests.fixtures.networks import entry

SHAPE = (9, 8, 3)
# As in the tests of the writer for LiteRT: float32's 6e-8, in sums of up to 1,000 products.
PRECISION = 1e-5
SAME = entry("Conv2D", padding="same")
LAYERS = [
    *(entry("Conv2D", kernel_size=(3, 2), strides=(2, 1), padding=padding) for padding in ("same", "valid")),
    entry("Conv2D", dilation_rate=(2, 1), padding="same", use_bias=False),
    entry("Conv2D", filters=6, groups=2),
    *(entry("DepthwiseConv2D", strides=2, padding=padding, depth_multiplier=2) for padding in ("same", "valid")),
    *(entry("Conv2D", activation=name) for name in ("relu6", "sigmoid", "tanh", "silu", "elu", "selu", "leaky_relu")),
    *(entry(kind, pool_size=(3, 2), padding="same") for kind in ("MaxPooling2D", "AveragePooling2D")),
    *(entry(kind, pool_size=3, strides=(1, 2)) for kind in ("MaxPooling2D", "AveragePooling2D")),
    *(entry(kind, keepdims=keep) for kind in ("GlobalMaxPooling2D", "GlobalAveragePooling2D") for keep in (0, 1)),
    entry("BatchNormalization"),
    entry("UnitNormalization"),
    entry("LeakyReLU", negative_slope=0.1),
    entry("ELU", alpha=0.5),
    entry("ReLU", max_value=6),
    entry("Dropout"),
    entry("Flatten"),
    entry("ZeroPadding2D", padding=((1, 0), (2, 3))),
    entry("Rescaling", scale=2.0, offset=-1.0),
]


def assert_same(network, seed=0):
    """Compare with Keras on batches of 1 and 3 images; the network must end in (n, values)."""
    rng = np.random.default_rng(seed)
    model = random_model(network, rng)
    images = rng.normal(size=(3, *SHAPE)).astype(np.float32)
    session = onnxruntime.InferenceSession(to_onnx(network, weights_of(model, network)))
    for batch in (images[:1], images):
        (ours,) = session.run(None, {"images": batch})
        theirs = np.asarray(model(batch, training=False))
        np.testing.assert_allclose(ours, theirs, rtol=PRECISION, atol=PRECISION * max(1, np.abs(theirs).max()))


def random_model(network, rng):
    """The Keras model with random weights; variances are positive."""
    model = build_network(network, SHAPE)
    for layer in model.layers:
        for variable in layer.variables:
            if "seed" not in variable.path:
                low = 0.2 if "variance" in variable.path else -1.0
                variable.assign(rng.uniform(low, 1, variable.shape))
    return model


def weights_of(model, network):
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    found = [[] for _ in network]
    for index, layer in zip(keras_order(network), layers, strict=True):
        found[index] = layer.get_weights()
    return found


def to_onnx(network, weights):
    graph, helper = OnnxGraph(), onnx.helper
    height, width, channels = SHAPE
    folded = fold(network, weights, None)
    names = {IMAGE: graph.add("Transpose", ["images"], (channels, height, width), perm=[0, 3, 1, 2])}
    for number, layer in folded.layers.items():
        names[number] = write_layer(graph, layer, [names[each] for each in layer.inputs])
    given = helper.make_tensor_value_info("images", 1, ["n", *SHAPE])
    answer = helper.make_tensor_value_info(names[folded.output], 1, ["n", *graph.shapes[names[folded.output]]])
    made = helper.make_graph(graph.nodes, "test", [given], [answer], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer["class"])
def test_each_layer_answers_as_in_keras(layer):
    assert_same([SAME, layer, entry("Flatten"), entry("Dense", activation="softmax")])


@pytest.mark.parametrize("kind", ["Add", "Multiply", "Average", "Concatenate"])
def test_layers_with_several_inputs(kind):
    squeeze = [entry("GlobalAveragePooling2D", keepdims=True), entry("Conv2D", kernel_size=1, activation="sigmoid")]
    end = [entry("Flatten"), entry("Dense")]
    assert_same([SAME, {**SAME, "inputs": [-1]}, SAME, entry(kind, 0, 1, 2), entry("ReLU"), *end])
    if kind != "Concatenate":
        assert_same([SAME, *squeeze, entry(kind, 0, 2), *end])


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (entry("GroupNormalization", groups=1), "the layer GroupNormalization"),
        (entry("Conv2D", activation="gelu"), "Conv2D with activation 'gelu'"),
        (entry("Conv2D", data_format="channels_first"), "Conv2D with data_format 'channels_first'"),
    ],
)
def test_what_the_writer_does_not_know_is_named(layer, named):
    with pytest.raises(Unsupported, match=named):
        to_onnx([layer], [[np.ones((3, 3, 3, 4), np.float32), np.ones(4, np.float32)]])
