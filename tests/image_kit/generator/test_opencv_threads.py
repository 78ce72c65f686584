"""image_kit.generator.opencv_threads: off while batches are made, and back as the program had set them."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from image_kit.generator import ImageDataGenerator
from image_kit.generator.opencv_threads import one_opencv_thread


@pytest.fixture(autouse=True)
def three_threads():
    """The program's own setting."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    yield
    cv2.setNumThreads(before)


def test_the_setting_comes_back():
    with one_opencv_thread():
        assert cv2.getNumThreads() == 1
        with one_opencv_thread():
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 3


def test_the_setting_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), one_opencv_thread():
        raise ZeroDivisionError
    assert cv2.getNumThreads() == 3


def test_a_setting_made_in_the_meantime_stays():
    with one_opencv_thread():
        cv2.setNumThreads(2)
    assert cv2.getNumThreads() == 2


def test_batches_in_several_threads_leave_it_as_it_was():
    images = np.random.default_rng(0).integers(0, 256, (24, 100, 100, 3)).astype(np.uint8)
    flow = ImageDataGenerator(rotation_range=30).flow(images, seed=1, batch_size=4)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(flow.__getitem__, [*range(6)] * 5))
    assert cv2.getNumThreads() == 3
    assert all(np.array_equal(together[number], together[number % 6]) for number in range(30))
