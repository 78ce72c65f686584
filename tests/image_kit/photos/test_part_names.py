"""What the names of folders mean."""

import sys

import pytest

from image_kit.photos.part_names import are_photos_and_masks, part_of_name

CODE = """
import sys
from pathlib import Path
from image_kit.photos import list_classes
print(ascii(list(list_classes(Path(sys.argv[1])))))
"""


def test_words_that_begin_alike_mean_something_else():
    assert part_of_name("trainingsset") == part_of_name("Trainings-Set") == "train"
    assert are_photos_and_masks(["img", "gt"])
    assert not are_photos_and_masks(["img", "gtr"])  # a car


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
def test_the_classes_of_a_run_have_the_same_names_in_every_locale(run_python):
    """They are text already, unless an older version has written bytes."""
    code = """
from image_kit.photos import class_spelling
print(ascii([class_spelling(name) for name in ("\\xe9", "e\\u0301", "\\u732b", "\\udcc3\\udca9", "\\ud800")]))
"""
    for variables in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "C.UTF-8"}):
        process = run_python("-c", code, **variables)
        assert process.stdout == "['\\xe9', '\\xe9', '\\u732b', '\\xe9', '\\ud800']\n", process.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
def test_classes_have_the_same_names_in_every_locale(tmp_path, run_python):
    for name in ("é", "猫"):
        (tmp_path / name).mkdir()
    for variables in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "C.UTF-8"}):
        assert run_python("-c", CODE, str(tmp_path), **variables).stdout == "['\\xe9', '\\u732b']\n"
