"""Reading again where a disk fails for a moment, as network disks do."""

import functools
import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from image_kit.errors import DISK_FAILURES, UserError, causes, name_disk_failure

WAITS = 0.1, 0.4, 1.0  # seconds before the second try and those after it
# Of a disk that is gone, not every file is waited for, and a result without all of its photos helps nobody.
FEWEST_IN_VAIN, MOST_IN_VAIN = 5, 20  # reads in a row that fail for good
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
_in_vain = 0


def read_again(read: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Have a function that only reads try up to four times, if its disk fails.

    Each try must open the file again, because a network disk may have forgotten the one that is open. A function of
    this kind within another is tried by itself, and not once more by the outer one.

    Returns:
        The function. Where the disk fails for good, it raises its own error; an OSError then names the file, if the
        first argument is its path. After MOST_IN_VAIN files in a row it raises a UserError.
    """

    @functools.wraps(read)
    def read_patiently(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        for wait in WAITS:
            try:
                return _succeeded(read(*arguments, **options))
            except Exception as error:
                if not name_disk_failure(error) or _was_tried(error) or _in_vain >= FEWEST_IN_VAIN:
                    return _give_up(error, arguments)
            time.sleep(wait)
        try:
            return _succeeded(read(*arguments, **options))
        except Exception as error:
            return _give_up(error, arguments)

    return read_patiently


@read_again
def is_folder(path: Path | str) -> bool:
    """Whether this is a folder; raises OSError if its disk fails, which `os.path` takes for a folder that is absent."""
    return Path(path).is_dir()


@read_again
def is_file(path: Path | str) -> bool:
    """Whether this is a file; see `is_folder`."""
    return Path(path).is_file()


@read_again
def is_there(path: Path | str) -> bool:
    """Whether there is anything with this name; see `is_folder`."""
    return Path(path).exists()


class FileForZip(io.FileIO):
    """A file for `zipfile`, which takes a disk that fails for an archive that is damaged.

    Attributes:
        failure: the error of its disk; None if there was none.
    """

    failure: OSError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """See `io.FileIO`."""
        try:
            return super().seek(offset, whence)
        except OSError as error:
            if error.errno in DISK_FAILURES:
                self.failure = error
            raise


def _succeeded(result: Result) -> Result:
    global _in_vain
    _in_vain = 0
    return result


def _was_tried(error: Exception) -> bool:
    return any(getattr(each, "was_tried_again", False) for each in causes(error))


def _give_up(error: Exception, arguments: tuple) -> "Result":  # type: ignore[type-var]  # it always raises
    global _in_vain
    failure = name_disk_failure(error)
    if not failure or _was_tried(error):
        raise error
    error.was_tried_again = True  # type: ignore[attr-defined]
    path = arguments[0] if arguments and isinstance(arguments[0], str | os.PathLike) else None
    if path is None:
        raise error
    _in_vain += 1
    if _in_vain >= MOST_IN_VAIN:
        raise UserError(
            f"{path}: cannot be read, nor the {MOST_IN_VAIN - 1} files before it ({failure}); "
            "when their disk is there again, run this again"
        ) from error
    if isinstance(error, OSError) and error.filename is None and error.errno:
        raise OSError(error.errno, error.strerror, str(Path(path))) from error
    raise error
