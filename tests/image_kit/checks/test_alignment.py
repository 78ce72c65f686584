"""Alignment: a moved and darker picture agrees with itself, another one does not."""

import numpy as np

from image_kit.checks.alignment import correlate_aligned

pytest_plugins = ["tests.fixtures.checked_sets"]


def test_alignment_tells_the_same_picture_from_another(picture):
    one = np.asarray(picture(1, (128, 128)).convert("L").resize((64, 64)))
    moved = np.asarray(picture(1, (128, 128)).crop((6, 0, 128, 122)).convert("L").resize((64, 64)))
    other = np.asarray(picture(2, (128, 128)).convert("L").resize((64, 64)))
    alike = correlate_aligned(np.stack([one, one, one]), np.stack([one, moved // 2 + 40, other]), (-1.0, -1.0))
    assert alike[0] > 0.999
    assert alike[1] > 0.93
    assert alike[2] < 0.7
    assert correlate_aligned(one[:0], one[:0], (0.0, 0.0)).shape == (0,)
