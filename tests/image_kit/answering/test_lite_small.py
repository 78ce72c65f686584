"""Networks in smaller numbers answer nearly as in float32, and are made of the integer operators that LiteRT has."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings, strategies as st

from image_kit.answering import FASTEST, FORMS, LiteNetwork, Unsupported, flatbuffer, quantized_flatbuffer
from image_kit.answering.lite_quantizer import quantize_weights, scale_for
from tests.fixtures.networks import NETWORKS, entry, network

RESCALE = 1 / 255
# Every step rounds to one of 256 numbers, so an error of a few 1/256 of the largest feature remains.
PRECISION = {"int8": 0.05, FASTEST: 0.05, "int8-weights": 0.03, "float16": 0.003}


def build(name, shape, classes):
    """One of the kit's networks: its layers, and random weights as large as after training."""
    model = NETWORKS.build(name, shape, classes)
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    rng = np.random.default_rng(0)
    for layer in layers:
        if len(weights := layer.get_weights()) == 2:
            layer.set_weights([weights[0], rng.normal(scale=0.1, size=weights[1].shape)])
    return network(name, shape, classes), [layer.get_weights() for layer in layers]


def both(layers, weights, shape, form):
    """Outputs and features in float32 and in this form, and the form's flatbuffer."""
    images = np.random.default_rng(1).integers(0, 256, (24, *shape), np.uint8)
    small = quantized_flatbuffer(layers, weights, shape, form, images[:16], RESCALE)
    with LiteNetwork(flatbuffer(layers, weights, shape), RESCALE) as exact, LiteNetwork(small, RESCALE) as ours:
        return exact.run(images[8:]), ours.run(images[8:]), small


def operators(content):
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytes(content)))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    return [names[model.operatorCodes[each.opcodeIndex].builtinCode] for each in model.subgraphs[0].operators]


@pytest.mark.parametrize("form", [*FORMS, FASTEST])
@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("elephants_cars", (32, 32, 3), 2), ("fashion_mnist", (28, 28, 1), 10), ("mnist_dense", (12, 12, 1), 3)],
)
def test_answers_and_features_are_nearly_those_of_float32(name, shape, classes, form):
    exact, ours, _ = both(*build(name, shape, classes), shape, form)
    assert [each.shape for each in exact] == [each.shape for each in ours]
    for expected, received in zip(exact, ours, strict=True):
        assert np.abs(received - expected).max() <= PRECISION[form] * np.abs(expected).max()
        assert not np.array_equal(received, expected)  # it did become smaller numbers


@pytest.mark.parametrize(("form", "factor"), [("int8", 3), ("int8-weights", 3), ("float16", 1.8)])
def test_the_file_is_smaller(form, factor):
    layers, weights = build("mnist_dense", (28, 28, 1), 10)
    images = np.zeros((1, 28, 28, 1), np.uint8)
    sizes = [len(flatbuffer(layers, weights, (28, 28, 1)))]
    sizes.append(len(quantized_flatbuffer(layers, weights, (28, 28, 1), form, images, RESCALE)))
    assert sizes[0] > factor * sizes[1]


def test_branches_paddings_and_averages():
    shape = (12, 12, 3)
    layers = [
        entry("Rescaling", scale=2.0, offset=-1.0),
        entry("Conv2D", filters=8, padding="same", activation="relu6", kernel_size=3),
        entry("ZeroPadding2D"),
        entry("DepthwiseConv2D", kernel_size=3),
        entry("Conv2D", filters=8, kernel_size=1),
        entry("Add", 4, 1),
        entry("MaxPooling2D"),
        entry("Activation", activation="tanh"),
        entry("GlobalAveragePooling2D"),
        entry("UnitNormalization"),
        entry("Dense", units=4, activation="softmax"),
    ]
    rng = np.random.default_rng(0)
    shapes = {1: [(3, 3, 3, 8), (8,)], 3: [(3, 3, 8, 1), (8,)], 4: [(1, 1, 8, 8), (8,)], 10: [(8, 4), (4,)]}
    weights = [[rng.normal(size=each) / 3 for each in shapes.get(number, [])] for number in range(len(layers))]
    weights = [[each.astype(np.float32) for each in layer] for layer in weights]
    exact, ours, small = both(layers, weights, shape, "int8")
    assert np.abs(exact[0] - ours[0]).max() < 0.02  # of a probability
    assert np.abs(exact[1] - ours[1]).max() < 0.05  # of features of length 1
    assert operators(small)[:4] == ["MUL", "ADD", "QUANTIZE", "CONV_2D"]
    assert operators(small)[-3:] == ["MUL", "FULLY_CONNECTED", "SOFTMAX"]  # the end is float32
    assert operators(small).count("QUANTIZE") == operators(small).count("DEQUANTIZE") == 1


def test_the_batch_may_have_any_size():
    layers, weights = build("elephants_cars", (32, 32, 3), 2)
    images = np.random.default_rng(1).integers(0, 256, (9, 32, 32, 3), np.uint8)
    small = quantized_flatbuffer(layers, weights, (32, 32, 3), "int8", images, RESCALE)
    with LiteNetwork(small, RESCALE) as one, LiteNetwork(small, RESCALE, chunk=9) as all_at_once:
        alone = np.concatenate([one.run(image[None])[0] for image in images])
        assert np.array_equal(all_at_once.run(images)[0], alone)


def test_an_unknown_layer_is_named():
    with pytest.raises(Unsupported, match="LayerNormalization"):
        quantized_flatbuffer([entry("LayerNormalization")], [[]], (4, 4, 3), "float16", np.empty(0), RESCALE)


def test_no_image_to_calibrate_on():
    layers, weights = build("mnist_dense", (12, 12, 1), 3)
    with pytest.raises(ValueError, match="no image"):
        quantized_flatbuffer(layers, weights, (12, 12, 1), "int8", np.empty((0, 12, 12, 1), np.uint8), RESCALE)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
@settings(max_examples=200, deadline=None)
def test_a_range_is_covered_and_zero_is_exact(one, other):
    lowest, highest = sorted((one, other))
    made = scale_for(lowest, highest)
    scale, steps = float(made.scale[0]), np.array([-128, 127]) - made.zero_point
    assert scale > 0
    assert -128 <= made.zero_point <= 127
    # The zero point is rounded to a whole step, so half a step may be cut off at one end.
    assert steps[0] * scale <= min(lowest, 0) + 0.51 * scale
    assert steps[1] * scale >= max(highest, 0) - 0.51 * scale


def test_weights_have_a_scale_for_each_channel():
    weights = np.array([[1.0, -100.0, 0.0], [-0.5, 50.0, 0.0]], np.float32)
    numbers, quantized = quantize_weights(weights, 1)
    assert np.array_equal(numbers, [[127, -127, 0], [-64, 64, 0]])
    assert np.allclose(quantized.scale, [1 / 127, 100 / 127, 1])
