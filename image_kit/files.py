"""Atomic writing: whatever interrupts it, a file is either the old one or the complete new one."""

import contextlib
import errno
import itertools
import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

MAX_JSON = 2**27  # bytes; the largest, metrics.json of 1,000 classes with their confusion matrix, has 8 MB
MAX_DIGITS = 300


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Write a file under a temporary name and rename it only when it is complete.

    The body writes one file at the temporary path. That path is in the same folder (a move between disks would not be
    atomic), is hidden, and ends in the whole final name, because Keras and others choose a format by the suffixes.
    Parent folders are created. If the body raises, also by Ctrl-C, the temporary file is removed and a file that
    already exists at `path` is not changed.

    Yields:
        The temporary path; no file exists there yet.

    After a power failure too there is the old file or the new one: the new one is on the disk before it is renamed.

    Raises:
        OSError: the folder cannot be written, `path` is a folder, the body wrote no file, or the disk is full. It names
            `path`, not the temporary file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not `tempfile`: its files can be read by their owner only, also after the move.
    temporary = path.with_name(f".tmp-{os.urandom(4).hex()}.{path.name}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)  # otherwise the new name may be lost
    except OSError as error:
        if error.errno and error.filename in (None, str(temporary)):  # others are about files that the body reads
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        # Windows does not remove a file that is still open; that must not hide the body's own error.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk. Windows has no such call for folders, some disks have none."""
    try:
        number = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):  # the disk has not kept what it took
            raise
    finally:
        os.close(number)


@contextlib.contextmanager
def new_folder(path: Path | str) -> Iterator[Path]:
    """Fill a folder under a temporary name and rename it when it is complete, so that there is never half of one.

    Yields:
        An empty, hidden folder in the same parent folder; if the body raises, it is removed with everything in it, and
        so is an empty folder at `path`, as `take_folder` makes it.

    Raises:
        OSError: the folder cannot be made, or `path` exists and is not empty.
    """
    path = Path(path)
    try:
        with hidden_folder(path.parent, path.name) as temporary:
            yield temporary
            with contextlib.suppress(FileNotFoundError):
                path.rmdir()  # Windows does not rename over an empty folder
            temporary.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            path.rmdir()
        raise


@contextlib.contextmanager
def hidden_folder(parent: Path, name: str) -> Iterator[Path]:
    """An empty, hidden folder in `parent`, for files that are moved from it; it is removed at the end in any case.

    Parent folders are created.

    Raises:
        OSError: the folder cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    temporary = parent / f".tmp-{os.urandom(4).hex()}.{name}"
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text file atomically and keep its line ends; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path | str, value: Any) -> None:
    """Write a value as JSON atomically: indented by 2, keys in their own order, a newline at the end.

    NumPy scalars and arrays become numbers and lists. NaN and infinities become null, because JSON cannot express them.

    Raises:
        TypeError: the value contains something that JSON cannot express.
        OSError: see `replacing`.
    """
    plain = _plain(value)
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    if not _is_utf8(text):  # Linux allows file names that are not valid UTF-8; as escapes (\udcXX) they survive
        text = json.dumps(plain, indent=2, ensure_ascii=True, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path | str) -> Any:
    """The value in a JSON file that anybody may have written; see `parse_json`.

    Raises:
        OSError: it cannot be read.
        ValueError: it has more than MAX_JSON bytes, or is not such a text.
    """
    with open(path, "rb") as file:
        data = file.read(MAX_JSON + 1)
    if len(data) > MAX_JSON:
        raise ValueError(f"it has more than {MAX_JSON:,} bytes")
    return parse_json(data.decode("utf-8"))


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError unless all of its numbers are finite and it is not nested too deep."""
    try:
        return json.loads(text, parse_constant=_refuse_number, parse_float=_finite_float, parse_int=_finite_int)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _refuse_number(text: str) -> None:
    raise ValueError(f"{text[:20]} is not a finite number")


def _finite_float(text: str) -> float:
    if not math.isfinite(number := float(text)):
        _refuse_number(text)
    return number


def _finite_int(text: str) -> int:
    if len(text) > MAX_DIGITS:  # which no float can hold
        _refuse_number(text)
    return int(text)


def shortened(absolute: Path | str) -> Path:
    """A path that is easier to read in messages, if it lies below the current folder."""
    path = Path(absolute)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def take_folder(path: Path) -> Path:
    """Make the first of path-1, path-2, ... that does not exist, so that no other command takes it at the same time.

    Returns:
        An empty folder, for `new_folder` or to be filled.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for candidate in free_paths(path):
        with contextlib.suppress(FileExistsError):  # another command took it just now
            candidate.mkdir()
            return candidate
    raise AssertionError("there is always another number")


@contextlib.contextmanager
def taking_file(path: Path, suffix: str, separator: str = "-") -> Iterator[Path]:
    """Take the first free one of path-1.suffix, path-2.suffix, ... for the body, so that no other command does.

    Yields:
        The path of an empty file, which the body replaces. If the body raises before that, the file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for candidate in free_paths(path, suffix, separator):
        with contextlib.suppress(FileExistsError):
            candidate.touch(exist_ok=False)
            break
    try:
        yield candidate
    finally:
        with contextlib.suppress(OSError):
            if not candidate.stat().st_size:
                candidate.unlink()


def free_paths(path: Path, suffix: str = "", separator: str = "-") -> Iterator[Path]:
    """All of path-1, path-2, ..., with a suffix such as ".png", that do not exist when they are asked for."""
    for number in itertools.count(1):
        candidate = path.with_name(f"{path.name}{separator}{number}{suffix}")
        if not candidate.exists():
            yield candidate


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
