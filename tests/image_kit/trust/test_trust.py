import json

import numpy as np
import pytest

from image_kit.answering.classifier import Classifier
from image_kit.datasets import ImageSet
from image_kit.photos import Preprocessing
from image_kit.trust import measure as trust_measure
from image_kit.trust.trust import Trust
from image_kit.weights.description import Description

SHAPE = (16, 16, 3)


class Brightness(Classifier):
    """Says "light" of a light picture; one sigmoid unit, computed in NumPy."""

    def __init__(self):
        super().__init__(Description("elephants_cars", ("dark", "light"), Preprocessing(SHAPE)), "sigmoid")

    def run(self, batch):
        logits = 10 * (batch.mean((1, 2, 3)) - 0.5)
        return (1 / (1 + np.exp(-logits)))[:, None].astype(np.float32), logits[:, None].astype(np.float32)


def images(n, seed):
    """Pictures of random brightness, labelled as if the network's logits ought to be twice as large."""
    rng = np.random.default_rng(seed)
    brightness = rng.uniform(60, 195, (n, 1, 1, 1))
    pixels = (brightness + rng.normal(size=(n, *SHAPE)) * 10).clip(0, 255).astype(np.uint8)
    labels = (rng.random(n) < 1 / (1 + np.exp(-20 * (brightness.ravel() / 255 - 0.5)))).astype(np.int32)
    return ImageSet(pixels, labels, [str(i) for i in range(n)])


@pytest.fixture(scope="module")
def measured():
    return trust_measure.measure_trust(Brightness(), images(600, 0), images(500, 1))


def test_a_measured_network_answers_in_three_ways(measured):
    calibrated, network = measured[0].calibration, Brightness()
    pixels = np.stack([np.full(SHAPE, value) for value in (80, 128, 180)]).astype(np.float64)
    pixels = (pixels + np.random.default_rng(2).normal(size=pixels.shape) * 10).round().astype(np.uint8)
    noise = np.random.default_rng(3).integers(0, 256, (1, *SHAPE)).astype(np.uint8)
    shown = np.concatenate([pixels, noise])
    sets = calibrated.prediction_sets(network.probabilities(shown), calibrated.novelty.scores(shown), 0.95)
    assert sets[0] == (0,)
    assert sorted(sets[1]) == [0, 1]
    assert sets[2] == (1,)
    assert sets[3] == ()


def test_the_coverage_holds_on_new_images(measured):
    calibrated, new = measured[0].calibration, images(4_000, 5)
    probabilities = Brightness().probabilities(new.images)
    sets = calibrated.prediction_sets(probabilities, calibrated.novelty.scores(new.images), 0.8)
    covered = np.mean([label in each for label, each in zip(new.labels, sets, strict=True)])
    # 4 standard deviations of 500 calibration and 4,000 new images.
    assert covered > 0.8 - 4 * np.sqrt(0.8 * 0.2 * (1 / 500 + 1 / 4_000))


def test_the_record_says_what_calibration_did(measured):
    record = measured[1]
    assert record["images"] == 500
    assert record["temperature"] == measured[0].calibration.temperature == pytest.approx(0.5, rel=0.2)
    assert record["validation_ece_after"] < record["validation_ece_before"]


def test_it_survives_the_way_through_bytes(measured):
    written = measured[0].to_bytes()
    read = Trust.from_bytes(written, SHAPE, 2)
    assert read.to_bytes() == written
    assert len(written) < 12_000
    shown = images(50, 6).images
    probabilities = Brightness().probabilities(shown)
    ours, theirs = (each.calibration for each in (measured[0], read))
    scores = ours.novelty.scores(shown)
    np.testing.assert_array_equal(scores, theirs.novelty.scores(shown))
    assert ours.prediction_sets(probabilities, scores) == theirs.prediction_sets(probabilities, scores)
    read.golden.refuse_changed_answers(Brightness(), "a")


def edited(data, **changes):
    header, numbers = data.split(b"\n", 1)
    return json.dumps(json.loads(header) | changes).encode() + b"\n" + numbers


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "another format"),
        ({"temperature": 1e9}, "temperature must be"),
        ({"temperature": None}, "incomplete"),
        ({"more": 1}, "it contains more, written by a newer version"),
        ({"arrays": {}}, "its length is not"),
    ],
)
def test_a_damaged_block_is_refused(measured, changes, message):
    with pytest.raises(ValueError, match=message):
        Trust.from_bytes(edited(measured[0].to_bytes(), **changes), SHAPE, 2)


@pytest.mark.parametrize(("shape", "classes"), [((16, 16, 1), 2), (SHAPE, 3)])
def test_the_block_of_another_network_is_refused(measured, shape, classes):
    with pytest.raises(ValueError, match="belongs to another network"):
        Trust.from_bytes(measured[0].to_bytes(), shape, classes)
