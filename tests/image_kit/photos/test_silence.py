"""Pillow's warnings are ignored in a thread that decodes, and everywhere else they are as the program has them."""

import re
import threading
import warnings
from pathlib import Path

import PIL
import pytest

from image_kit.photos.silence import pillow_silenced


def warn_as(module: str) -> None:
    warnings.warn_explicit("odd metadata", UserWarning, "file.py", 1, module=module)


@pytest.fixture
def errors():
    """Every warning is an error; the filters are restored afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_pillows_warnings_are_ignored_inside_only(errors):
    with pytest.raises(UserWarning):
        warn_as("PIL.Image")
    with pillow_silenced():
        warn_as("PIL.TiffImagePlugin")
        with pillow_silenced():
            pass
        warn_as("PIL.Image")
        with pytest.raises(UserWarning):
            warn_as("PILLOW.Image")
    with pytest.raises(UserWarning):
        warn_as("PIL.Image")


def test_a_later_filter_does_not_decide_for_pillow(errors):
    with pillow_silenced():
        pass
    warnings.simplefilter("error", UserWarning)
    with pillow_silenced():
        warn_as("PIL.Image")


def test_other_threads_keep_their_warnings(errors):
    entered, left = threading.Event(), threading.Event()

    def decode() -> None:
        with pillow_silenced():
            entered.set()
            left.wait()

    thread = threading.Thread(target=decode)
    thread.start()
    entered.wait()
    with pytest.raises(UserWarning):
        warn_as("PIL.Image")
    warnings.filterwarnings("ignore", message="of another thread")
    left.set()
    thread.join()
    warnings.warn("of another thread", stacklevel=1)  # its filter is still there


def test_many_decodings_add_one_filter(errors):
    before = len(warnings.filters)
    for _ in range(100):
        with pillow_silenced():
            pass
    assert len(warnings.filters) <= before + 1


LOG = """
import logging, sys
from PIL import TiffImagePlugin
from image_kit.photos.silence import pillow_silenced
if "asked" in sys.argv:
    logging.basicConfig(format="log: %(message)s")
with pillow_silenced():
    TiffImagePlugin.logger.error("of a photo")
TiffImagePlugin.logger.error("of the program's own")
"""


def test_what_pillow_logs_is_not_printed_but_where_logs_were_asked_for(run_python):
    assert run_python("-c", LOG).stderr == "of the program's own\n"
    assert run_python("-c", LOG, "asked").stderr == "log: of a photo\nlog: of the program's own\n"


def test_no_other_module_of_pillow_logs_errors():
    """Their loggers would need the same filter."""
    logging = [
        path.name
        for path in Path(PIL.__file__).parent.glob("*.py")
        if re.search(r"logger\.(warning|error|exception|critical)", path.read_text(encoding="utf-8"))
    ]
    assert logging == ["TiffImagePlugin.py"]
