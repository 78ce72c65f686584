"""Importing the room's light names must not take TensorFlow's three seconds."""

CODE = """
import sys
from image_kit.datasets import (
    CLASS_NAMES, Data, ImageSet, load_arrays, load_photos, load_test_image, load_unseen_photos, shift_image_set
)
from image_kit.photo_sets import draw_demo
heavy = {"tensorflow", "keras", "cv2", "scipy", "matplotlib", "h5py", "requests"}
print(sorted(heavy & set(sys.modules)))
"""


def test_light_names_import_no_heavy_module(run_python):
    done = run_python("-c", CODE)
    assert done.stdout == "[]\n", done.stderr
