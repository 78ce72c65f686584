"""What benchmarks/checks_files.py plants: each change makes another image of a subject, the same for one seed."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest_plugins = ["tests.fixtures.checked_sets"]
BENCHMARKS = str(Path(__file__).resolve().parents[2] / "benchmarks")


@pytest.fixture(scope="module")
def planted():
    """The module, which is a program's part and in no package."""
    sys.path.insert(0, BENCHMARKS)
    try:
        import checks_planted
    finally:
        sys.path.remove(BENCHMARKS)
    return checks_planted


def test_each_change_makes_another_image(planted, picture):
    image = picture(3, (120, 90))
    changes = planted.COPIES | {kind: change for kind, (change, _) in planted.SHORTCUTS.items()}
    for name, change in changes.items():
        one, again = (change(image, np.random.default_rng(5)) for _ in range(2))
        assert one.mode == "RGB", name
        assert np.array_equal(np.asarray(one), np.asarray(again)), name
        if name != "JPEG quality":  # which saving changes
            assert one.size != image.size or not np.array_equal(np.asarray(one), np.asarray(image)), name


def test_a_planted_wall_leaves_the_middle_as_it_is(planted, picture):
    image = picture(4, (120, 90))
    changed = np.asarray(planted.change_background(image, np.random.default_rng(0)))
    assert np.array_equal(changed[30:60, 40:80], np.asarray(image)[30:60, 40:80])
    assert np.abs(changed[:4, :4].mean(axis=(0, 1)) - [60, 130, 80]).max() < 40  # the light differs by a quarter
