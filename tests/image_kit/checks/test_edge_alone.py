"""The edge alone: what is planted there tells the classes, and the centre does not."""

import numpy as np

from image_kit.checks.edge_alone import compare_edge


def test_the_edge_tells_what_is_planted_there_and_the_centre_does_not():
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    thumbnails = rng.integers(60, 190, (80, 32, 32, 3))
    thumbnails[:, :4] += 30 * labels[:, None, None, None]
    edge, centre, permuted = compare_edge(thumbnails.astype(np.uint8), labels, 2, 19, rng)
    assert edge > 0.95
    assert centre < 0.7
    assert permuted < 0.75
