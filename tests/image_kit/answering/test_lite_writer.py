"""Flatbuffers that are written without TensorFlow answer as Keras does."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings, strategies as st

from image_kit.answering.lite_writer import Unsupported, flatbuffer, write_flatbuffer
from tests.fixtures.networks import build_layers, entry

IMAGE_SHAPE = (9, 8, 3)
BATCHES = (1, 2, 7, 1)
# float32 has a relative precision of 6e-8. Sums of up to 1,000 products in another order, and batch normalization that
# is folded into weights, lose up to a hundred times as much in these few layers.
PRECISION = 1e-5


def run(content, images):
    interpreter = Interpreter(model_content=bytes(content), num_threads=1)
    answers = interpreter.get_signature_runner()(images=images)
    return answers["output_0"], answers["output_1"]


def operators(content):
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytes(content)))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    return [names[model.operatorCodes[each.opcodeIndex].builtinCode] for each in model.subgraphs[0].operators]


def assert_same(network, image_shape=IMAGE_SHAPE, seed=0):
    """Compare with Keras on batches of several sizes in one interpreter; returns the flatbuffer."""
    model, weights = build_layers(network, image_shape, seed)
    content = flatbuffer(network, weights, image_shape)
    interpreter = Interpreter(model_content=bytes(content), num_threads=1)
    rng = np.random.default_rng(seed)
    for size in BATCHES:
        images = rng.normal(size=(size, *image_shape)).astype(np.float32)
        answers = interpreter.get_signature_runner()(images=images)
        for ours, theirs in zip((answers["output_0"], answers["output_1"]), model(images, training=False), strict=True):
            assert (ours.shape, ours.dtype) == (tuple(theirs.shape), np.float32)
            np.testing.assert_allclose(ours, theirs, rtol=PRECISION, atol=PRECISION * max(1, np.abs(theirs).max()))
    # XNNPACK runs all of it in one piece: the operators of the graph are followed by a single one that replaces them.
    ran = [each["op_name"] for each in interpreter._get_ops_details()]
    assert ran == [*operators(content), *["DELEGATE"][: len(ran) - len(operators(content))]]
    return content


CONV, DEPTHWISE = entry("Conv2D"), entry("DepthwiseConv2D")
BATCH_NORM, RELU6 = entry("BatchNormalization"), entry("ReLU", max_value=6)
HEAD = [entry("GlobalAveragePooling2D"), entry("Dense", activation="softmax")]
LAYERS = [
    *(entry("Conv2D", kernel_size=(3, 2), strides=(2, 1), padding=padding) for padding in ("same", "valid")),
    *(entry("Conv2D", dilation_rate=(2, 1), padding=padding, use_bias=False) for padding in ("same", "valid")),
    *(entry("DepthwiseConv2D", strides=2, padding=padding, depth_multiplier=2) for padding in ("same", "valid")),
    entry("DepthwiseConv2D", dilation_rate=2, use_bias=False),
    *(entry("Conv2D", activation=name) for name in ("relu", "relu6", "sigmoid", "tanh", "softmax", "linear")),
    *(entry(kind, pool_size=(3, 2), padding="same") for kind in ("MaxPooling2D", "AveragePooling2D")),
    *(entry(kind, pool_size=3, strides=(1, 2)) for kind in ("MaxPooling2D", "AveragePooling2D")),
    *(
        entry(kind, keepdims=keep)
        for kind in ("GlobalMaxPooling2D", "GlobalAveragePooling2D")
        for keep in (False, True)
    ),
    entry("BatchNormalization"),
    entry("BatchNormalization", center=False, epsilon=0.1),
    entry("BatchNormalization", scale=False),
    entry("UnitNormalization"),
    *(entry("Activation", activation=name) for name in ("relu", "relu6", "sigmoid", "tanh", "softmax", "linear")),
    entry("ReLU"),
    RELU6,
    entry("Softmax"),
    *(entry(kind) for kind in ("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise")),
    entry("Flatten"),
    entry("ZeroPadding2D", padding=((1, 0), (2, 3))),
    entry("Rescaling", scale=2.0, offset=-1.0),
    entry("Rescaling", scale=[1.0, 2.0, 3.0], offset=[0.5, 0.0, -1.0]),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer["class"])
def test_each_layer_answers_as_in_keras(layer):
    assert_same([layer])
    if not isinstance(layer.get("scale"), list):  # which fits three channels only
        assert_same([{**CONV, "padding": "same"}, layer, entry("Flatten"), entry("Dense", activation="sigmoid")])


def test_a_residual_network():
    block = [{**CONV, "padding": "same", "use_bias": False}, BATCH_NORM, RELU6]
    network = [*block, *block, entry("Add", 2, 5), entry("ReLU"), *HEAD]
    content = assert_same(network)
    assert operators(content) == ["CONV_2D", "CONV_2D", "ADD", "MEAN", "FULLY_CONNECTED", "SOFTMAX"]


@pytest.mark.parametrize("kind", ["Add", "Multiply", "Average", "Concatenate"])
def test_layers_with_several_inputs(kind):
    same = {**CONV, "padding": "same"}
    squeeze = [entry("GlobalAveragePooling2D", keepdims=True), entry("Conv2D", kernel_size=1, activation="sigmoid")]
    assert_same([same, {**same, "inputs": [-1]}, entry(kind, 0, 1), *HEAD])
    assert_same([same, {**same, "inputs": [-1]}, same, entry(kind, 0, 1, 2), entry("ReLU"), *HEAD])
    if kind != "Concatenate":
        assert_same([same, *squeeze, entry(kind, 0, 2), *HEAD])


def test_what_two_layers_need_is_not_changed():
    same = {**CONV, "padding": "same"}
    # The sum needs the convolution before its batch normalization, through a layer that does nothing, and after it.
    assert_same([same, entry("Dropout"), BATCH_NORM, RELU6, entry("Add", 1, 3), entry("Add", 1, 2), *HEAD])
    # So does the second output, which is what the last layer gets.
    assert_same([same, RELU6])
    assert_same([same, BATCH_NORM])


def test_batch_normalization_is_exact_where_float32_is_not():
    """Folding in float32 would lose what a tiny variance magnifies."""
    network, image_shape = [entry("Conv2D", kernel_size=1, filters=1), entry("BatchNormalization")], (1, 1, 1)
    bias, mean, variance = np.float32([1000.25]), np.float32([1000]), np.float32([1e-6])
    weights = [
        [np.ones((1, 1, 1, 1), np.float32), bias],
        [np.ones(1, np.float32), np.zeros(1, np.float32), mean, variance],
    ]
    expected = (0.25 / np.sqrt(np.float64(variance[0]) + network[1]["epsilon"])).astype(np.float32)
    content = flatbuffer(network, weights, image_shape, features_of=None)
    interpreter = Interpreter(model_content=bytes(content))
    assert interpreter.get_signature_runner()(images=np.zeros((1, 1, 1, 1), np.float32))["output_0"] == expected


@st.composite
def networks(draw):
    """A few layers after one another, with residual sums, for images of a drawn shape."""
    sides = st.integers(20, 24)  # three layers halve them to 1 at least
    shape = draw(st.tuples(sides, sides, st.integers(1, 4)))
    pair, padding = st.tuples(st.integers(1, 2), st.integers(1, 2)), st.sampled_from(["same", "valid"])
    activation, flag = st.sampled_from(["linear", "relu", "relu6", "sigmoid"]), st.booleans()
    shared = {"kernel_size": st.integers(1, 3), "padding": padding, "activation": activation, "use_bias": flag}
    pooling = st.fixed_dictionaries({"pool_size": pair, "padding": padding})
    kinds = {
        "Conv2D": st.fixed_dictionaries({**shared, "filters": st.integers(1, 6), "strides": pair}),
        "DepthwiseConv2D": st.fixed_dictionaries(
            {**shared, "strides": st.integers(1, 2), "depth_multiplier": st.integers(1, 3)}
        ),
        "MaxPooling2D": pooling,
        "AveragePooling2D": pooling,
        "BatchNormalization": st.fixed_dictionaries({"center": flag, "scale": flag}),
        "ReLU": st.fixed_dictionaries({"max_value": st.sampled_from([None, 6.0])}),
        "ZeroPadding2D": st.fixed_dictionaries({"padding": st.tuples(pair, pair)}),
        "Dropout": st.just({}),
    }
    network = []
    for kind in draw(st.lists(st.sampled_from(list(kinds)), min_size=1, max_size=3)):
        network.append((kind, (), draw(kinds[kind])))
        if draw(flag):
            start = len(network) - 1
            network.append(("DepthwiseConv2D", (), {"padding": "same", "use_bias": draw(flag)}))
            network += [("BatchNormalization", (), {}), ("Add", (start, start + 2), {})]
    network.append((draw(st.sampled_from(["Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"])), (), {}))
    return [*network, ("Dense", (), {"activation": draw(st.sampled_from(["softmax", "sigmoid", "linear"]))})], shape


@settings(max_examples=25, deadline=None, derandomize=True)
@given(networks(), st.integers(0, 2**32 - 1))
def test_networks_answer_as_in_keras(case, seed):
    drawn, shape = case
    network = [entry(kind, *inputs, **options) for kind, inputs, options in drawn]
    assert_same(network, shape, seed)


UNSUPPORTED = [
    (entry("UpSampling2D"), "the layer UpSampling2D"),
    (entry("Conv2D", activation="gelu"), "Conv2D with activation 'gelu'"),
    (entry("Conv2D", filters=3, groups=3), "Conv2D with groups 3"),
    (entry("Conv2D", data_format="channels_first"), "Conv2D with data_format 'channels_first'"),
    (entry("ReLU", max_value=1), r"ReLU with max_value 1"),
    (entry("ReLU", negative_slope=0.1), r"ReLU with negative_slope 0\.1"),
    (entry("Softmax", axis=1), "Softmax with axis 1"),
    (entry("BatchNormalization", axis=1), "BatchNormalization with axis 1"),
    (entry("UnitNormalization", axis=1), "UnitNormalization with axis 1"),
    (entry("Dense"), "Dense of 3 dimensions"),
]


@pytest.mark.parametrize(("layer", "message"), UNSUPPORTED)
def test_other_layers_and_settings_are_named(layer, message):
    _, weights = ([], []) if layer.get("data_format") == "channels_first" else build_layers([layer], IMAGE_SHAPE)
    weights = weights or [[np.zeros((3, 3, 3, 4), np.float32)]]
    with pytest.raises(Unsupported, match=message):
        flatbuffer([layer], weights, IMAGE_SHAPE)


def test_inputs_must_stand_before_their_layer():
    with pytest.raises(ValueError, match=r"layer 1, Add, has the inputs \[0, 1\]; they must stand before it"):
        flatbuffer([RELU6, entry("Add", 0, 1)], [[], []], IMAGE_SHAPE)


def test_a_window_larger_than_its_input_is_named():
    with pytest.raises(ValueError, match=r"MaxPooling2D: its window \(10, 10\) is larger than its input \(9, 8\)"):
        flatbuffer([entry("MaxPooling2D", pool_size=10)], [[]], IMAGE_SHAPE)


def test_the_file_is_what_keras_would_write(tmp_path):
    network = [CONV, entry("Flatten"), entry("Dense", units=40), entry("Dense", activation="softmax")]
    model, weights = build_layers(network, IMAGE_SHAPE)
    write_flatbuffer(tmp_path / "model.tflite", network, weights, IMAGE_SHAPE)
    model.export(tmp_path / "keras.tflite", format="litert", verbose=False)
    ours, theirs = (Interpreter(str(tmp_path / name)) for name in ("model.tflite", "keras.tflite"))
    assert ours.get_signature_list()["serving_default"]["outputs"] == ["output_0", "output_1"]
    assert ours.get_signature_list().keys() == theirs.get_signature_list().keys()
    for details in ("get_output_details", "get_input_details"):
        mine, others = (getattr(each.get_signature_runner(), details)() for each in (ours, theirs))
        for one, other in zip(mine.values(), others.values(), strict=True):
            for key in ("dtype", "shape", "shape_signature"):
                np.testing.assert_array_equal(one[key], other[key])
    assert (tmp_path / "model.tflite").stat().st_size <= (tmp_path / "keras.tflite").stat().st_size


def test_weights_are_stored_once_and_aligned():
    network = [CONV, entry("Flatten"), entry("Dense", units=40), entry("Dense")]
    _, weights = build_layers(network, IMAGE_SHAPE)
    content = bytes(flatbuffer(network, weights, IMAGE_SHAPE))
    kernels = [weights[0][0].transpose(3, 0, 1, 2), weights[2][0].T, weights[3][0].T]
    places = [content.find(kernel.tobytes()) for kernel in kernels]
    assert [place % 16 for place in places] == [0, 0, 0]
    assert len(content) < 4 * sum(each.size for layer in weights for each in layer) + 2_500


def test_features_may_be_left_out_or_chosen():
    network = [CONV, entry("GlobalAveragePooling2D"), entry("Dense", activation="relu"), entry("Dense")]
    model, weights = build_layers(network, IMAGE_SHAPE)
    images = np.ones((2, *IMAGE_SHAPE), np.float32)
    alone = Interpreter(model_content=bytes(flatbuffer(network, weights, IMAGE_SHAPE, features_of=None)))
    assert alone.get_signature_runner()(images=images).keys() == {"output_0"}
    pooled = keras.Model(model.inputs, model.layers[2].output)([images])
    for number in (2, -2):
        _, features = run(flatbuffer(network, weights, IMAGE_SHAPE, features_of=number), images)
        np.testing.assert_allclose(features, pooled, rtol=PRECISION, atol=PRECISION)


def test_writing_needs_neither_tensorflow_nor_keras():
    code = (
        "import sys, image_kit.answering.lite_writer; sys.exit(len({'tensorflow', 'keras', 'h5py'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
