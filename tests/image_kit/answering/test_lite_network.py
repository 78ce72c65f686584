"""A flatbuffer on all cores: the same answers whatever runs together, and memory that comes back."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from image_kit.answering.lite_network import CHUNK, LiteNetwork
from image_kit.answering.lite_writer import flatbuffer
from image_kit.threads import threads

SHAPE = (16, 12, 3)
CONVOLUTION = {
    **{"class": "Conv2D", "filters": 8, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "groups": 1},
    **{"data_format": "channels_last", "dilation_rate": [1, 1], "activation": "relu", "use_bias": False},
}
POOLING = {"class": "GlobalAveragePooling2D", "data_format": "channels_last", "keepdims": False}
DENSE = {"class": "Dense", "units": 5, "activation": "linear", "use_bias": False}


@pytest.fixture(scope="module")
def content():
    rng = np.random.default_rng(0)
    weights = [[rng.normal(size=(3, 3, 3, 8)).astype(np.float32)], [], [rng.normal(size=(8, 5)).astype(np.float32)]]
    return flatbuffer([CONVOLUTION, POOLING, DENSE], weights, SHAPE)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (3 * CHUNK + 1, *SHAPE), np.uint8)


@pytest.fixture(scope="module")
def expected(content, images):
    """Both outputs for all images, by a single interpreter."""
    answers = Interpreter(model_content=bytes(content), num_threads=1).get_signature_runner()(
        images=images / np.float32(255)
    )
    return answers["output_0"], answers["output_1"]


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK + 1])
def test_any_number_of_images_is_answered(content, images, expected, count):
    with LiteNetwork(content, rescale=1 / 255) as network:
        for given in (images[:count], images[:count] / np.float32(255)):
            for ours, theirs in zip(network.run(given), expected, strict=True):
                assert (ours.shape, ours.dtype) == ((count, *theirs.shape[1:]), np.float32)
                np.testing.assert_allclose(ours, theirs[:count], rtol=1e-5, atol=1e-5)


def test_a_file_is_as_good_as_its_content(content, images, expected, tmp_path):
    (tmp_path / "a.tflite").write_bytes(content)
    with LiteNetwork(tmp_path / "a.tflite", rescale=1 / 255) as network:
        np.testing.assert_allclose(network.run(images)[0], expected[0], rtol=1e-5, atol=1e-5)
        assert network.image_shape == SHAPE


def test_threads_may_share_it(content, images, expected):
    """As those do that decode photos; there may be more threads than interpreters."""
    with LiteNetwork(content, rescale=1 / 255) as network:
        ours = list(threads().map(lambda number: network.run(images[number : number + 1])[1][0], [*range(13)] * 20))
        np.testing.assert_allclose(ours, np.tile(expected[1], (20, 1)), rtol=1e-5, atol=1e-5)


def test_other_images_are_refused(content):
    with LiteNetwork(content) as network:
        for wrong in (np.zeros((1, 12, 16, 3), np.uint8), np.zeros((1, *SHAPE)), np.zeros(SHAPE, np.uint8)):
            with pytest.raises(ValueError, match=r"images must be uint8 or float32 \(n, \*\(16, 12, 3\)\), not"):
                network.run(wrong)


def test_closed_is_closed(content, images):
    network = LiteNetwork(content)
    network.run(images)
    network.close()
    network.close()
    for count in (1, 9):
        with pytest.raises(ValueError, match="the network is closed"):
            network.run(images[:count])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_closed_network_has_no_memory():
    """With 4 MB of weights, 60 networks that were not freed would take 240 MB at least."""
    units = 2**20 // np.prod(SHAPE)
    weights = [[], [np.zeros((np.prod(SHAPE), units), np.float32)], [np.zeros((units, 5), np.float32)]]
    flatten = {"class": "Flatten", "data_format": "channels_last"}
    content = flatbuffer([flatten, {**DENSE, "units": int(units)}, DENSE], weights, SHAPE)
    networks = [_used_and_closed(content) for _ in range(5)]
    before = _resident_bytes()
    networks += [_used_and_closed(content) for _ in range(60)]
    assert _resident_bytes() - before < 50e6
    assert len(networks) == 65  # they are still here


def _used_and_closed(content):
    with LiteNetwork(content) as network:
        for count in (1, 2 * CHUNK + 1, 2):
            network.run(np.zeros((count, *SHAPE), np.uint8))
    return network


def _resident_bytes():
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")
