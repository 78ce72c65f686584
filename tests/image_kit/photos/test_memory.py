"""What tune_memory changes, and that an import changes nothing."""

import ctypes
import sys

import pytest
from PIL import Image

from image_kit.machine import cpu_cores
from image_kit.photos.memory import tune_memory

CODE = """
import warnings
import numpy  # which adds filters of its own
from PIL import Image
before = Image.MAX_IMAGE_PIXELS, list(warnings.filters), Image.core.get_blocks_max()
import image_kit.photos as room
from image_kit.photos import folders, keras_loading, look_alikes, memory, opening, parts, preprocessing, sources, store
assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters), Image.core.get_blocks_max()) == before
"""


@pytest.fixture
def blocks():
    """Pillow's number of blocks, restored afterwards."""
    before = Image.core.get_blocks_max()
    yield
    Image.core.set_blocks_max(before)


def test_an_import_changes_nothing(run_python):
    done = run_python("-c", CODE)
    assert (done.returncode, done.stderr) == (0, "")


def test_pillow_keeps_two_blocks_for_each_core(blocks):
    tune_memory()
    assert Image.core.get_blocks_max() == min(2 * cpu_cores(), 16)


@pytest.mark.parametrize(
    ("platform", "error"), [("win32", AssertionError), ("linux", OSError), ("linux", AttributeError)]
)
def test_without_glibc_the_rest_works(blocks, monkeypatch, platform, error):
    def refuse(name):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    monkeypatch.setattr(sys, "platform", platform)
    tune_memory()
