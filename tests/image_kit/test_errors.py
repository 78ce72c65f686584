"""image_kit.errors: one line for a person."""

import errno
import io
import os

import pytest

from image_kit.errors import (
    MachineLost,
    UserError,
    describe_os_error,
    first_line,
    name_disk_failure,
    naming_missing_packages,
)


def test_the_first_line_of_a_message_or_its_type():
    assert first_line(ValueError("\n  one\ntwo")) == "one"
    assert first_line(KeyError()) == "KeyError"


@pytest.mark.parametrize(
    ("module", "install"), [("nothing_of_this_name.inside", "nothing_of_this_name"), ("cv2", "opencv-python-headless")]
)
def test_a_missing_package_is_named_with_the_way_to_install_it(module, install):
    package = module.partition(".")[0]
    with (
        pytest.raises(UserError, match=f"^tool: needs the package {package}, .*; run: pip install {install}$"),
        naming_missing_packages("tool"),
    ):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def test_without_a_name_the_message_begins_with_what_is_missing():
    with pytest.raises(UserError, match=r"^needs the package nothing_of_this_name,"), naming_missing_packages():
        import nothing_of_this_name  # noqa: F401


def test_a_missing_module_of_our_own_is_not_a_user_error():
    with pytest.raises(ModuleNotFoundError), naming_missing_packages():
        import image_kit.nothing_of_this_name  # noqa: F401


def test_the_line_of_a_lost_machine_is_short():
    error = MachineLost(RuntimeError("long\nCollective op aborted by: connection reset\nmore"))
    assert "(connection reset)" in str(error)
    assert "\n" not in str(error)
    assert "(ValueError)" in str(MachineLost(ValueError()))


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EIO", "ENOENT"])
def test_where_the_system_refuses_a_write_there_is_a_way_out(name):
    number = getattr(errno, name)
    said, _, way_out = describe_os_error(OSError(number, os.strerror(number), "a")).partition("; ")
    assert said.startswith(os.strerror(number))
    assert bool(way_out) == (name not in ("ENOENT", "EIO"))  # the one says enough, the other's way out follows a colon


def test_a_file_whose_place_the_disk_does_not_tell_is_not_damaged():
    assert "disk or network fails" in name_disk_failure(io.UnsupportedOperation("File or stream is not seekable."))
    assert name_disk_failure(io.UnsupportedOperation("write")) is None
