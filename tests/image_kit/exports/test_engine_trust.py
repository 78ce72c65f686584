"""Temperature, prediction sets and novelty scores in the browser are those of image_kit/trust."""

import numpy as np
import pytest

from image_kit.trust import COVERAGE, Calibration, fit_feature_novelty, to_probabilities, with_temperature
from image_kit.trust.novelty import fit_novelty, image_statistics
from tests.fixtures.engine import encoded

RNG = np.random.default_rng(0)
FEATURES = RNG.gamma(1, size=(60, 200)).astype(np.float32)


def scores(n):
    return np.sort(RNG.random(n, np.float32))


@pytest.mark.parametrize("n", [5, 40, 500])  # too few for any coverage; enough for one error; enough for refusals
def test_prediction_sets(engine, n):
    probabilities = RNG.dirichlet(np.full(6, 0.4), 300).astype(np.float32)
    probabilities[:20] = np.round(probabilities[:20], 1)  # with ties
    calibration = Calibration(1.7, scores(n), scores(n), fit_feature_novelty(FEATURES))
    novelty = RNG.random(300, np.float32)
    limits = [None if np.isinf(each) else each for each in calibration.thresholds(COVERAGE)]
    # A class exactly at the threshold belongs to the set, and a score exactly at the other one is not refused.
    if None not in limits:
        probabilities[20, 0], novelty[20:22] = np.float32(1) - np.float32(limits[0]), limits[1]
    body = """
        const limits = {most_nonconformity: given.limits[0], most_novelty: given.limits[1]};
        return given.rows.map((row, i) => predictionSet(Float32Array.from(row), given.novelty[i], limits));"""
    sets = engine.run(body, rows=probabilities.tolist(), novelty=novelty.tolist(), limits=limits)
    assert [tuple(each) for each in sets] == calibration.prediction_sets(probabilities, novelty)


def test_temperature_and_heads(engine):
    rows = RNG.dirichlet(np.full(4, 0.2), 50).astype(np.float32)
    rows[0] = [1, 0, 0, 0]
    body = "return given.rows.map(row => [...withTemperature(Float32Array.from(row), given.temperature)]);"
    warm = engine.run(body, rows=rows.tolist(), temperature=0.4)
    np.testing.assert_allclose(warm, with_temperature(rows, 0.4), atol=1e-6)
    body = "return given.rows.map(row => [...toProbabilities(Float32Array.from(row), given.head)]);"
    for head, outputs in {"sigmoid": rows[:, :1], "softmax": rows, "logits": 90 * rows - 40}.items():
        ours = engine.run(body, rows=outputs.tolist(), head=head)
        np.testing.assert_allclose(ours, to_probabilities(outputs, head), atol=1e-6)


@pytest.mark.parametrize("n", [2, 60])  # fewer than the nearest three, and more
def test_novelty_of_features(engine, n):
    novelty = fit_feature_novelty(FEATURES[:n])
    new = RNG.gamma(1, size=(20, 200)).astype(np.float32)
    new[0] = 0  # has no direction
    body = """
        const novelty = {axes: Float32Array.from(given.axes), bank: Float32Array.from(given.bank)};
        return given.rows.map(row => featureNovelty(Float32Array.from(row), novelty));"""
    axes, bank = novelty.axes.ravel().tolist(), novelty.bank.ravel().tolist()
    ours = engine.run(body, rows=new.tolist(), axes=axes, bank=bank)
    np.testing.assert_allclose(ours, novelty.scores(new), atol=2e-6)


@pytest.mark.parametrize("shape", [(90, 130, 3), (28, 28, 1), (3, 2, 3), (1, 1, 1)])
def test_novelty_of_pixels(engine, shape):
    images = RNG.integers(0, 256, (12, *shape), np.uint8)
    images[:3] = images[:3] // 200 * 255  # black and white
    images[3] = 7
    novelty = fit_novelty(image_statistics(images[:8]))
    body = """
        const novelty = {mean: Float32Array.from(given.mean), whitening: Float32Array.from(given.whitening)};
        return given.images.map(each => pixelNovelty(bytesOf(each), given.shape, novelty));"""
    arrays = {"mean": novelty.mean.tolist(), "whitening": novelty.whitening.ravel().tolist()}
    ours = engine.run(body, images=[encoded(each.tobytes()) for each in images], shape=shape, **arrays)
    # The statistics are float32 in NumPy, and standard deviations lose a few of its digits.
    np.testing.assert_allclose(ours, novelty.scores(images), rtol=2e-3, atol=1e-3)
