"""TensorFlow tells of a refused write in a text of its own."""

import errno
from pathlib import Path

import pytest

from image_kit.exports.saved_model import _as_os_error


@pytest.mark.parametrize(
    ("said", "number", "words"),
    [
        ("{{function_node x}} a/variables_temp/part-0; No space left on device [Op:SaveV2]", errno.ENOSPC, "No space"),
        ("a/saved_model.pb.tmp1; File too large", errno.EFBIG, "File too large"),
        ("something else\nand more", 0, "something else"),
    ],
)
def test_a_refused_write_is_the_systems_error(said, number, words):
    error = _as_os_error(said, Path("a"))
    assert (error.errno, error.filename) == (number, "a")
    assert error.strerror.startswith(words)
