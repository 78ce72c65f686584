"""The block of a trained network: what the browser answers from it, its size, and what is refused."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from image_kit.answering import LiteNetwork, flatbuffer
from image_kit.exports.page_data import (
    CODE,
    LEAST_BITS,
    MOST_BITS,
    bits_that_fit,
    bytes_allowed,
    compress,
    engine_text,
    pack_page_data,
)
from image_kit.exports.page_data_weights import Block, to_steps
from image_kit.trust import Calibration, Trust, fit_feature_novelty, with_temperature
from tests.fixtures.engine import encoded
from tests.fixtures.networks import entry, make_source

SHAPE = (24, 20, 3)
NETWORK = [
    entry("Conv2D", filters=16, strides=2, activation="relu"),
    entry("Conv2D", filters=24, activation="relu6"),
    entry("GlobalAveragePooling2D"),
    entry("UnitNormalization"),
    entry("Dense", units=3, activation="softmax"),
]


@pytest.fixture(scope="module")
def source():
    rng = np.random.default_rng(0)
    novelty = fit_feature_novelty(rng.random((50, 24), np.float32))
    calibration = Calibration(0.8, np.sort(rng.random(200, np.float32)), np.sort(rng.random(200, np.float32)), novelty)
    return make_source(NETWORK, SHAPE, 3, trust=Trust(calibration, None), crop=0.5)


@pytest.fixture(scope="module")
def packed(source):
    return pack_page_data(source)


def unpack(packed):
    raw = zlib.decompress(packed)
    (length,) = struct.unpack("<I", raw[:4])
    return json.loads(raw[4 : 4 + length]), raw[(4 + length + 3) // 4 * 4 :]


def pictures(n):
    rng = np.random.default_rng(1)
    for _ in range(n):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (40, 30, 3), np.uint8)).save(file, "PNG")
        yield file.getvalue()


def test_the_browser_answers_as_the_kit(engine, source, packed):
    files = list(pictures(4))
    messages = engine.ask(packed, [*files[:2], b"no picture", *files[2:]], until=6)
    assert engine.browser.get_log("browser") == []
    progress = [each["fraction"] for each in messages if each["kind"] == "progress"]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    ready, *answers = [each for each in messages if each["kind"] != "progress"]
    names = ["class 0", "class 1", "class 2"]
    assert ready == {"kind": "ready", "classNames": names, "facts": {"coverage": 0.95}}
    assert [each["id"] for each in answers] == [0, 1, 2, 3, 4]
    refused = answers.pop(2)
    assert (refused["kind"], refused["code"]) == ("refused", "unsupported")
    pixels = np.stack([source.description.preprocessing.photo(file) for file in files])
    with LiteNetwork(flatbuffer(NETWORK, source.weights, SHAPE), 1 / 255) as network:
        uncalibrated, features = network.run(pixels)
    calibration = source.trust.calibration
    sets = calibration.prediction_sets(uncalibrated, calibration.score_novelty(pixels, features))
    for answer, expected, allowed in zip(answers, with_temperature(uncalibrated, 0.8), sets, strict=True):
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-3)
        assert (tuple(answer["predictionSet"]), answer["isKnown"]) == (allowed, bool(allowed))
        assert answer["kind"] == "answer"
        assert answer["seconds"] > 0


def test_without_calibration_there_are_no_sets(engine):
    packed = pack_page_data(make_source(NETWORK, SHAPE, 3))
    *_, ready, answer = engine.ask(packed, pictures(1), until=2)
    assert ready["facts"] == {"coverage": None}
    assert (answer["predictionSet"], answer["isKnown"]) == (None, True)


def change_weights(header, data):
    """All weights of the second convolution, a tenth larger: their steps are."""
    steps = header["layers"][1]["weights"][0]["steps"]
    values = np.frombuffer(data, "<f4", 24, steps["start"]) * np.float32(1.1)
    return data[: steps["start"]] + values.tobytes() + data[steps["start"] + values.nbytes :]


def change_pixels(header, data):
    header["preprocessing"]["crop"] = 0
    return data


def change_expected_answer(header, data):
    header["golden"][0]["probabilities"][0] += 0.01
    return data


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_weights, "a probability differs"),
        (change_pixels, "reads other pixels"),
        (change_expected_answer, "a probability differs"),
    ],
)
def test_a_page_that_answers_otherwise_refuses_to_answer(engine, packed, change, reason):
    header, data = unpack(packed)
    changed = compress(header, change(header, data))
    *_, wrong = engine.ask(changed, pictures(1))
    assert wrong["kind"] == "wrong"
    assert reason in wrong["reason"]
    # Asked all the same, it says nothing: the next answer is that of the second load.
    assert engine.run("return [classifier, await queue.then(() => classifier)];") == [None, None]


@pytest.mark.parametrize("place", [0, 2, 0.5, -3])
def test_damaged_data_are_refused(engine, packed, place):
    at = int(len(packed) * place) if isinstance(place, float) else place
    damaged = bytearray(packed)
    damaged[at] ^= 0x55
    *_, wrong = engine.ask(damaged)
    assert (wrong["kind"], wrong["reason"]) == ("wrong", "the page's data are damaged")


def test_data_cut_short_are_refused(engine, packed):
    for data in (packed[: len(packed) // 2], packed[:-1], b""):
        *_, wrong = engine.ask(data)
        assert (wrong["kind"], wrong["reason"]) == ("wrong", "the page's data are damaged")


def test_equal_networks_make_equal_blocks(source, packed):
    assert pack_page_data(source) == packed


def test_weights_in_steps_stay_near_and_their_errors_cancel():
    weights = np.random.default_rng(0).normal(size=(3, 3, 40, 8)).astype(np.float32)
    weights[..., 1] = 0
    weights[0, 0, 0, 2] = 1e6  # an int16 must hold it
    weights[..., 3] *= 1e-6
    numbers, steps = to_steps(weights, 512)
    assert (numbers.shape, numbers.dtype, steps.shape) == (weights.shape, np.int16, (8,))
    errors = numbers * steps.astype(np.float64) - weights
    assert (np.abs(errors) <= steps * 1.001).all()
    assert (np.abs(errors.sum(axis=(0, 1, 2))) <= steps * 0.6).all()
    np.testing.assert_allclose(steps[0], np.sqrt(np.square(weights[..., 0]).mean()) / 512, rtol=1e-5)


def test_the_block_gives_back_what_it_took(engine):
    block = Block(1024)
    weights = np.random.default_rng(0).normal(size=(50, 30)).astype(np.float32)
    entry_, values = block.add_weights(weights)
    np.testing.assert_allclose(values, weights, atol=3e-3 * np.abs(weights).max())
    body = """
        const reader = Object.assign(new Classifier(), {buffer: bytesOf(given.data).buffer, start: 0});
        return [...reader.array(given.entry)];"""
    assert (np.float32(engine.run(body, data=encoded(block.data), entry=entry_)).reshape(50, 30) == values).all()


def test_steps_are_as_fine_as_the_page_allows():
    lite0 = 3_400_000
    assert bytes_allowed(lite0) * 4 / 3 + CODE == pytest.approx(8_000_000, abs=2)
    assert bytes_allowed(66_000_000) * 4 / 3 < 1.6 * 2 * 66_000_000
    assert bytes_allowed(122_570) * 4 / 3 + CODE <= 1.6 * 2 * 122_570
    layers = [lite0 // 10] * 10
    assert LEAST_BITS < bits_that_fit(layers, 5_800_000) < bits_that_fit(layers, 6_000_000) < MOST_BITS
    # One bit more for each weight takes an eighth of a byte.
    assert bits_that_fit(layers, 5_800_000 + lite0 // 8) == pytest.approx(
        bits_that_fit(layers, 5_800_000) + 1, abs=1e-4
    )


def test_the_engine_is_small():
    assert len(engine_text()) + 7_000 < 40_000
    assert "//" not in engine_text().replace("://", "")
