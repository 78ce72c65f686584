"""Each kind of layer in the browser computes what LiteRT does."""

import numpy as np
import pytest

from image_kit.answering import LiteNetwork, Unsupported, flatbuffer
from image_kit.exports import page_data_weights
from image_kit.exports.page_data import pack_page_data
from tests.fixtures.engine import encoded
from tests.fixtures.networks import entry, make_source

SHAPE = (11, 10, 3)
SAME = entry("Conv2D", padding="same")
WIDE = entry("Conv2D", filters=20, padding="same", activation="relu6")  # more than one panel, and more than 16 channels
HEAD = [entry("GlobalAveragePooling2D"), entry("Dense", activation="softmax")]
SQUEEZE = [entry("GlobalAveragePooling2D", keepdims=True), entry("Conv2D", kernel_size=1, activation="sigmoid")]
LAYERS = [
    *(entry("Conv2D", kernel_size=(3, 2), strides=(2, 1), padding=padding) for padding in ("same", "valid")),
    *(entry("Conv2D", filters=13, dilation_rate=2, padding=padding, use_bias=False) for padding in ("same", "valid")),
    *(entry("Conv2D", kernel_size=1, strides=strides) for strides in (1, 2)),
    *(entry("DepthwiseConv2D", strides=2, padding=padding) for padding in ("same", "valid")),
    entry("DepthwiseConv2D", kernel_size=5, dilation_rate=2, padding="same", activation="relu"),
    entry("DepthwiseConv2D", depth_multiplier=2, use_bias=False),
    *(entry("Conv2D", activation=name) for name in ("relu", "relu6", "sigmoid", "tanh", "softmax")),
    *(
        entry(kind, pool_size=(3, 2), strides=strides, padding=padding)
        for kind in ("MaxPooling2D", "AveragePooling2D")
        for strides, padding in ((None, "valid"), ((1, 2), "same"))
    ),
    *(entry(kind, keepdims=keep) for kind in ("GlobalMaxPooling2D", "GlobalAveragePooling2D") for keep in (0, 1)),
    entry("BatchNormalization"),
    entry("UnitNormalization"),
    *(entry("Activation", activation=name) for name in ("relu", "relu6", "sigmoid", "tanh", "softmax")),
    entry("ReLU", max_value=6),
    entry("Softmax"),
    entry("Dropout"),
    entry("Flatten"),
    entry("ZeroPadding2D", padding=((1, 0), (2, 3))),
    entry("Rescaling", scale=2.0, offset=-1.0),
]
END = [entry("Flatten"), entry("Dense", activation="sigmoid")]
NETWORKS = [
    *([layer, *END] for layer in LAYERS),
    *([WIDE, layer, *END] for layer in LAYERS),
    [entry("Rescaling", scale=[1.0, 2.0, 3.0], offset=[0.5, 0.0, -1.0]), *END],
    *([SAME, {**SAME, "inputs": [-1]}, SAME, entry(kind, 0, 1, 2), *HEAD] for kind in ("Add", "Multiply", "Average")),
    *([SAME, {**WIDE, "inputs": [-1]}, entry("Concatenate", 0, 1, axis=axis), *HEAD] for axis in (-1, 3)),
    [SAME, {**SAME, "inputs": [-1]}, entry("Concatenate", 0, 1, axis=1), *HEAD],
    *([SAME, *SQUEEZE, entry(kind, 0, 2), entry("ReLU"), *HEAD] for kind in ("Add", "Multiply")),
    # A long network, in which places are given back and taken again, and one output is needed until the end.
    [WIDE, *[{**WIDE, "use_bias": False}, entry("BatchNormalization")] * 3, entry("Add", 0, 6), *HEAD],
]
# Sums of up to 2,200 products in another order, as a fraction of the largest output.
PRECISION = 2e-5
RUN = """
const answers = [];
for (const each of given.blocks) {
  const loaded = await Classifier.load(await unpack(bytesOf(each).buffer));
  const runs = given.images.map(image => loaded.network.run(bytesOf(image), loaded.data.preprocessing.rescale));
  answers.push(runs.map(outputs => outputs.map(values => [...values])));
}
return answers;"""


def test_all_layers_compute_what_litert_does(engine, monkeypatch):
    monkeypatch.setattr(page_data_weights, "SMALL", 10**6)  # all weights as they are, not rounded
    images = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), np.uint8)
    sources = [make_source(network, SHAPE, 5, rescale=1 / 127) for network in NETWORKS]
    blocks = [encoded(pack_page_data(source)) for source in sources]
    answers = engine.run(RUN, blocks=blocks, images=[encoded(image.tobytes()) for image in images])
    for network, source, answer in zip(NETWORKS, sources, answers, strict=True):
        with LiteNetwork(flatbuffer(network, source.weights, SHAPE), 1 / 127) as lite:
            expected = lite.run(images)
        for number, values in enumerate(expected):
            ours = np.stack([np.float32(run[number]) for run in answer])
            precision = PRECISION * max(1, np.abs(values).max())
            np.testing.assert_allclose(ours, values.reshape(2, -1), rtol=0, atol=precision, err_msg=str(network))


def test_a_layer_that_the_engine_does_not_know_is_named():
    with pytest.raises(Unsupported, match="the layer UpSampling2D"):
        pack_page_data(make_source([entry("UpSampling2D"), *HEAD], SHAPE, 5))
