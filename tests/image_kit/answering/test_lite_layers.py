"""Layers of forged files: whatever settings and weights they have, they are written or refused with a ValueError."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from image_kit.answering.lite_layers import WRITERS
from image_kit.answering.lite_writer import flatbuffer
from image_kit.weights.network import ALLOWED_LAYERS, MERGING_LAYERS
from tests.fixtures.networks import entry

IMAGE_SHAPE = (9, 8, 3)
CONV = entry("Conv2D")
MISFITS = [
    ([CONV, entry("Conv2D")], [(3, 3, 3, 4), (3, 3, 5, 4)], "Conv2D of 5 channels gets 4"),
    ([entry("DepthwiseConv2D")], [(3, 3, 1, 1)], "DepthwiseConv2D of 1 channels gets 3"),
    ([entry("GlobalMaxPooling2D"), entry("Dense")], [None, (7, 5)], "Dense of 7 channels gets 3"),
    ([entry("MaxPooling2D"), entry("BatchNormalization")], [None, (1,)], "BatchNormalization of 1 channels gets 3"),
    # Repeated to the other's size, these would take 80 GB.
    (
        [entry("Conv2D", filters=1, kernel_size=1), entry("BatchNormalization")],
        [(1, 1, 10**5, 1), (10**5,)],
        "a BatchNormalization of 100,000 channels after a Conv2D of 1",
    ),
]


@pytest.mark.parametrize(("network", "shapes", "message"), MISFITS)
def test_weights_that_do_not_fit_are_refused(network, shapes, message):
    counts = {"BatchNormalization": 4}
    weights = [
        [np.ones(shape, np.float32)] * counts.get(layer["class"], 1) if shape else []
        for layer, shape in zip(network, shapes, strict=True)
    ]
    with pytest.raises(ValueError, match=message):
        flatbuffer(network, weights, IMAGE_SHAPE, features_of=None)


SETTINGS = [(kind, name) for kind in WRITERS for name in ALLOWED_LAYERS[kind].split()]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.sampled_from(["", "same", "relu"])
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(SETTINGS), st.one_of(VALUES, st.lists(VALUES, max_size=3)))
def test_settings_of_a_forged_file_are_written_or_refused(changed, value):
    kind, name = changed
    needed = {"Rescaling": {"scale": 2.0}, "Activation": {"activation": "relu"}}
    layer = {**entry(kind, **needed.get(kind, {})), "inputs": [0, 0] if kind in MERGING_LAYERS else [0], name: value}
    flat = entry("GlobalAveragePooling2D")
    network = [flat if kind == "Dense" else CONV, layer]
    channels, rng = 3 if kind == "Dense" else 4, np.random.default_rng(0)
    shapes = {
        "Conv2D": [(3, 3, channels, 4), (4,)],
        "DepthwiseConv2D": [(3, 3, channels, 1), (4,)],
        "Dense": [(channels, 5), (5,)],
        "BatchNormalization": [(4,)] * 4,
    }
    weights = [[rng.random(shape, np.float32) for shape in shapes.get(each["class"], [])] for each in network]
    if network[0] is CONV:
        weights[0] = [rng.random((3, 3, 3, 4), np.float32), np.zeros(4, np.float32)]
    with contextlib.suppress(ValueError):
        flatbuffer(network, weights, IMAGE_SHAPE)
