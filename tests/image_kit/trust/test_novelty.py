import numpy as np
import pytest

from image_kit.trust import novelty


def pictures(n, shape=(32, 32, 3), seed=0):
    """Blurred colours, each picture with a brightness and contrast of its own: alike as photos are."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(n, 8, 8, shape[2])) * rng.uniform(20, 50, (n, 1, 1, 1))
    coarse += rng.normal(size=(n, 1, 1, 1)) * 20
    fine = np.repeat(np.repeat(coarse, -(-shape[0] // 8), axis=1), -(-shape[1] // 8), axis=2)[:, : shape[0], : shape[1]]
    return (128 + fine + rng.normal(size=fine.shape) * 5).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (100, 70, 3), (1, 1, 1), (2, 3, 3)])
def test_statistics_have_their_shape_and_are_finite(shape):
    rng = np.random.default_rng(0)
    images = np.concatenate([rng.integers(0, 256, (300, *shape)), np.zeros((1, *shape)), np.full((1, *shape), 255)])
    found = novelty.image_statistics(images.astype(np.uint8))
    assert found.shape == (302, novelty.COUNTS[shape[2]])
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert novelty.image_statistics(images[:0].astype(np.uint8)).shape == (0, novelty.COUNTS[shape[2]])


def test_an_image_has_the_same_statistics_alone_and_among_others():
    images = pictures(novelty.BATCH + 5)
    together = novelty.image_statistics(images)
    np.testing.assert_allclose(together[-1], novelty.image_statistics(images[-1:])[0], rtol=1e-5)


def test_other_kinds_of_picture_score_higher_than_nearly_all_of_the_same_kind():
    fitted = novelty.fit_novelty(novelty.image_statistics(pictures(1_000)))
    usual = np.quantile(fitted.scores(pictures(1_000, seed=1)), 0.99)
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 256, (50, 32, 32, 3)).astype(np.uint8)
    drawing = np.where(rng.random((50, 32, 32, 1)) < 0.1, 255, 0).astype(np.uint8).repeat(3, axis=3)
    flat = np.full((1, 32, 32, 3), 90, np.uint8)
    gray = pictures(50, (32, 32, 1), seed=3).repeat(3, axis=3)
    for strange in (noise, drawing, flat, gray):
        assert (fitted.scores(strange) > usual).all()


def test_scores_are_squared_mahalanobis_distances():
    rng = np.random.default_rng(0)
    statistics = rng.normal(size=(100_000, 12)) * np.arange(1, 13)
    fitted = novelty.fit_novelty(statistics)
    whitened = (statistics - fitted.mean) @ fitted.whitening
    np.testing.assert_allclose(np.cov(whitened.T), np.eye(12), atol=0.02)


@pytest.mark.parametrize("n", [1, 3])
def test_a_few_pictures_or_equal_ones_are_enough_to_fit(n):
    fitted = novelty.fit_novelty(novelty.image_statistics(np.repeat(pictures(1), n, axis=0)))
    assert np.isfinite(fitted.scores(pictures(5, seed=1))).all()
    assert fitted.scores(pictures(1))[0] == pytest.approx(0, abs=1e-3)


def test_statistics_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"statistics of images of shape \(12,\) and \(12, 11\)"):
        novelty.NoveltyScorer(np.zeros(12, np.float32), np.zeros((12, 11), np.float32))
