"""A network of pretrained features, from its folds to its answers: calibration, bytes, refusal."""

import json

import numpy as np
import pytest

from image_kit.answering.classifier import Classifier
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.trust import (
    Trust,
    cross_novelty_scores,
    expected_calibration_error,
    fit_cross_calibration,
    fit_feature_novelty,
    record_answers,
    with_temperature,
)
from image_kit.trust.calibration import MAX_SCORES
from image_kit.trust.heads import softmax
from image_kit.weights.description import Description

SHAPE, D, CLASSES = (8, 8, 3), 192, 3
COVERAGE, FOLDS = 0.9, 5
CENTRES = np.random.default_rng(0).uniform(60, 195, (CLASSES + 1, *SHAPE))  # the last class is a stranger
SPREAD = 130.0  # gray values of noise: the head is right three times in four


def images(n, seed, classes=CLASSES):
    """Pictures of each class's pattern in noise, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    pixels = CENTRES[labels] + rng.normal(size=(n, *SHAPE)) * SPREAD
    return pixels.clip(0, 255).astype(np.uint8), labels


def features_of(batch):
    rows = batch.reshape(len(batch), -1).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fit_head(rows, labels):
    """A nearest-mean head: weights and bias whose logits are minus the squared distances, twice as sure as they are."""
    means = np.stack([rows[labels == each].mean(axis=0) for each in range(CLASSES)])
    return 80 * means.T, -40 * (means**2).sum(axis=1)


class Pretrained(Classifier):
    """A backbone that only normalises the pixels, and a softmax head; counts the images that it computes."""

    def __init__(self, head_weights):
        super().__init__(Description("pretrained", ("a", "b", "c"), Preprocessing(SHAPE)), "softmax")
        self.head_weights = head_weights
        self.computed = 0

    def run(self, batch):
        self.computed += len(batch)
        rows = features_of(batch)
        return softmax(rows @ self.head_weights[0] + self.head_weights[1]).astype(np.float32), rows


def train(n, seed):
    """What training does: probabilities and novelty scores out of fold, then the head and the bank of all images."""
    pixels, labels = images(n, seed)
    rows, folds = features_of(pixels), np.arange(n) % FOLDS
    probabilities = np.empty((n, CLASSES), np.float32)
    for fold in range(FOLDS):
        weights, bias = fit_head(rows[folds != fold], labels[folds != fold])
        probabilities[folds == fold] = softmax(rows[folds == fold] @ weights + bias)
    scores = cross_novelty_scores(rows, folds)
    network = Pretrained(fit_head(rows, labels))
    calibration = fit_cross_calibration(probabilities, labels, scores, fit_feature_novelty(rows))
    network.trust = Trust(calibration, record_answers(network))
    network.computed = 0
    return network


@pytest.fixture(scope="module")
def trained():
    return train(400, 1)


def test_all_images_calibrate_and_the_network_is_computed_once_for_both_answers(trained):
    assert len(trained.trust.calibration.nonconformity_scores) == 400
    trained.computed = 0
    probabilities, sets = trained.answers(images(7, 2)[0])
    assert trained.computed == 7
    assert probabilities.shape == (7, CLASSES)
    assert len(sets) == 7
    empty = trained.answers(np.empty((0, *SHAPE), np.uint8))
    assert (empty[0].shape, empty[1]) == ((0, CLASSES), [])


def test_coverage_and_calibration_hold_on_new_images():
    """Measured on 8 trainings, since the 300 images that calibrate one of them move its coverage too."""
    covered, refused, errors = [], [], []
    for seed in range(8):
        network = train(300, seed)
        pixels, labels = images(1_000, 100 + seed)
        probabilities, sets = network.answers(pixels, COVERAGE)
        covered.append(np.mean([label in each for label, each in zip(labels, sets, strict=True)]))
        refused.append(np.mean([not each for each in sets]))
        errors.append(expected_calibration_error(probabilities, labels))
    error = 4 * np.sqrt(COVERAGE * (1 - COVERAGE) * (1 / 300 + 1 / 1_000) / 8)
    assert np.mean(covered) > COVERAGE - error
    assert np.mean(refused) < 0.02 + 4 * np.sqrt(0.02 * 0.98 * (1 / 300 + 1 / 1_000) / 8)
    assert np.mean(errors) < 0.06  # 1,000 images in 15 bins give .03 by chance alone


def test_strangers_are_refused_and_pictures_of_known_classes_are_not(trained):
    rng = np.random.default_rng(3)
    strange = np.zeros((50, *SHAPE), np.uint8)
    strange[:, :2] = rng.integers(200, 256, (50, 2, *SHAPE[1:]))  # nothing but a bright band
    assert all(not each for each in trained.answers(strange, COVERAGE)[1])
    assert np.mean([not each for each in trained.answers(images(500, 4)[0], COVERAGE)[1]]) < 0.06


def test_it_survives_the_way_through_bytes(trained):
    written = trained.trust.to_bytes()
    other = Pretrained(trained.head_weights)
    other.trust = Trust.from_bytes(written, SHAPE, CLASSES)
    assert other.trust.to_bytes() == written
    pixels = images(50, 5)[0]
    for ours, theirs in zip(trained.answers(pixels), other.answers(pixels), strict=True):
        np.testing.assert_array_equal(np.array(ours, dtype=object), np.array(theirs, dtype=object))


def edited(data, **changes):
    header, numbers = data.split(b"\n", 1)
    return json.dumps(json.loads(header) | changes).encode() + b"\n" + numbers


def test_a_damaged_block_is_refused(trained):
    data = trained.trust.to_bytes()
    arrays = json.loads(data.split(b"\n")[0])["arrays"]
    (d, p), (m, _) = arrays["novelty_axes"], arrays["novelty_bank"]
    for changes, message in (
        ({"float16": ["novelty_axes"]}, "its length is not"),
        ({"float16": ["novelty_axes", "novelty_bank", "more"]}, "names an array that it lacks"),
        ({"float16": 5}, "damaged"),
        ({"arrays": arrays | {"novelty_axes": [p, d]}}, "axes of shape"),
        ({"arrays": arrays | {"novelty_axes": [d * p]}}, "axes of shape"),
        ({"arrays": arrays | {"novelty_bank": [m * p, 1]}}, "axes of shape"),
    ):
        with pytest.raises(ValueError, match=message):
            Trust.from_bytes(edited(data, **changes), SHAPE, CLASSES)
    for length in range(0, len(data), len(data) // 50):
        with pytest.raises(ValueError, match=r"\w"):
            Trust.from_bytes(data[:length], SHAPE, CLASSES)


def other_width(trained, golden):
    novelty = fit_feature_novelty(np.random.default_rng(0).random((400, D + 1)))
    calibration = trained.trust.calibration
    scores = calibration.nonconformity_scores
    changed = type(calibration)(calibration.temperature, scores, calibration.novelty_scores, novelty)
    return Trust(changed, golden)


def test_the_bank_of_another_backbone_is_refused(trained):
    trust = other_width(trained, trained.trust.golden)
    with pytest.raises(ValueError, match="belongs to another network"):
        Trust.from_bytes(trust.to_bytes(), SHAPE, CLASSES)
    network = Pretrained(trained.head_weights)
    network.trust = trust  # as in a file whose self-test was forged to fit
    with pytest.raises(UserError, match=rf"is of another network \(expected {D + 1} features"):
        network.answers(images(2, 0)[0])


def test_more_images_than_a_file_keeps_are_thinned():
    n = MAX_SCORES + 2_000
    rng = np.random.default_rng(0)
    probabilities = softmax(rng.normal(size=(n, 2))).astype(np.float32)
    labels = (rng.random(n) > probabilities[:, 0]).astype(int)
    novelty = fit_feature_novelty(rng.random((10, 4)))
    made = fit_cross_calibration(probabilities, labels, rng.random(n), novelty)
    assert len(made.nonconformity_scores) == len(made.novelty_scores) == MAX_SCORES
    assert made.temperature == pytest.approx(1, rel=0.15)
    assert expected_calibration_error(with_temperature(probabilities, made.temperature), labels) < 0.03
