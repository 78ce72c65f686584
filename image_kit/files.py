"""Atomic writing: whatever interrupts it, a file is either the old one or the complete new one."""

import contextlib
import itertools
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from image_kit.durable import make_folder, sync, sync_tree
from image_kit.leftovers import remove_leftovers, temporary_name
from image_kit.retries import is_there
from image_kit.windows import rename_patiently


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Write a file under a temporary name and rename it only when it is complete.

    The body writes one file at the temporary path. That path is in the same folder (a move between disks would not be
    atomic), is hidden, and ends in the final name, because Keras and others choose a format by the suffixes. Parent
    folders are created. If the body raises, also by Ctrl-C, the temporary file is removed and a file that already
    exists at `path` is not changed. What a killed process left in the folder is removed first.

    Yields:
        The temporary path; no file exists there yet.

    After a power failure too there is the old file or the new one: the new one is on the disk before it is renamed.

    Raises:
        OSError: the folder cannot be written, `path` is a folder, the body wrote no file, or the disk is full. It names
            `path`, not the temporary file.
    """
    path = Path(path)
    with _temporary_file(path) as temporary:
        yield temporary
        sync(temporary)
        rename_patiently(os.replace, temporary, path)
        sync(path.parent)  # otherwise the new name may be lost


@contextlib.contextmanager
def _temporary_file(path: Path) -> Iterator[Path]:
    """The path of a file that does not exist yet; one that exists after the body is removed. Errors name `path`."""
    make_folder(path.parent)
    remove_leftovers(path.parent)
    # Not `tempfile`: its files can be read by their owner only, also after the move.
    temporary = path.with_name(temporary_name(path.name))
    try:
        yield temporary
    except OSError as error:
        if error.errno and error.filename in (None, str(temporary)):  # others are about files that the body reads
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        # Windows does not remove a file that is still open; that must not hide the body's own error.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def fill_file(
    chosen: Path | None, numbered: Path, suffix: str, write: Callable[[Path], object], separator: str = "-"
) -> Path:
    """Write a new file under a temporary name, and give it its own when it is complete. Nothing is replaced.

    Args:
        chosen: the path; None for the first free one of numbered-1.suffix, numbered-2.suffix, ... If another command
            has made a file there meanwhile, this one gets a number too.
        numbered: see `chosen`.
        suffix: such as ".png".
        write: writes the file at the path that it is given.
        separator: before the number.

    Returns:
        The path of the complete file.

    Raises:
        OSError: see `replacing`.
    """
    names = free_paths(numbered, suffix, separator)
    if chosen:
        names = itertools.chain([chosen], free_paths(chosen.with_suffix(""), chosen.suffix, separator))
    with _temporary_file(chosen or numbered.with_name(numbered.name + suffix)) as temporary:
        write(temporary)
        sync(temporary)
        path = _take_free(temporary, names, _rename_to_free)
        sync(path.parent)
        return path


def write_new(path: Path, write: Callable[[Path], object]) -> bool:
    """As `replacing`, unless there is a file of this name, also one that another command makes at this moment.

    Args:
        path: the file.
        write: writes it at the path that it is given.

    Returns:
        Whether the file was written; False if there is another, which stays.
    """
    with _temporary_file(path) as temporary:
        write(temporary)
        sync(temporary)
        try:
            _rename_to_free(temporary, path)
        except FileExistsError:
            return False
        sync(path.parent)
        return True


def _take_free(temporary: Path, names: Iterable[Path], rename: Callable[[Path, Path], object]) -> Path:
    """Give a file or folder the first of some names that no other command takes."""
    for name in names:
        try:
            rename_patiently(rename, temporary, name)
            return name
        except OSError:
            if not os.path.lexists(name):
                raise
    raise AssertionError("there is always another number")


def _rename_to_free(path: Path, new: Path) -> None:
    """Give a file a new name. Raises FileExistsError if there is such a file."""
    if os.name == "nt":  # where `rename` refuses to replace a file
        path.rename(new)
        return
    try:
        os.link(path, new)  # its old name goes at the end of `_temporary_file`
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links: there the name is taken first, by an empty file
        new.touch(exist_ok=False)
        path.replace(new)


@contextlib.contextmanager
def new_folder(path: Path | str) -> Iterator[Path]:
    """Fill a folder under a temporary name and rename it when it is complete, so that there is never half of one.

    Yields:
        An empty, hidden folder in the same parent folder; if the body raises, it is removed with everything in it.

    Raises:
        OSError: the folder cannot be made, or `path` exists and is not empty.
    """
    path = Path(path)
    with hidden_folder(path.parent, path.name) as temporary:
        yield temporary
        sync_tree(temporary)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                path.rmdir()  # Windows does not rename over an empty folder
        rename_patiently(Path.rename, temporary, path)
        sync(path.parent)


def fill_folder(chosen: Path | None, numbered: Path, fill: Callable[[Path], object]) -> Path:
    """Fill a new folder under a temporary name, and give it its own when it is complete. Nothing is replaced.

    Args:
        chosen: the folder; None for the first free one of numbered-1, numbered-2, ... If another command has made a
            folder there meanwhile, this one gets a number too.
        numbered: see `chosen`.
        fill: writes the files, at least one, into the folder that it is given.

    Returns:
        The path of the complete folder.

    Raises:
        OSError: see `hidden_folder`.
    """
    names = itertools.chain([chosen], free_paths(chosen)) if chosen else free_paths(numbered)
    folder = chosen or numbered
    with hidden_folder(folder.parent, folder.name) as temporary:
        fill(temporary)
        sync_tree(temporary)
        path = _take_free(temporary, names, Path.rename)
        sync(path.parent)
        return path


@contextlib.contextmanager
def hidden_folder(parent: Path, name: str) -> Iterator[Path]:
    """An empty, hidden folder in `parent`, for files that are moved from it; it is removed at the end in any case.

    Parent folders are created. What a killed process left in `parent` is removed first.

    Raises:
        OSError: the folder cannot be made, or what the body raises. It names `parent / name`, not the hidden folder.
    """
    make_folder(parent)
    remove_leftovers(parent)
    temporary = parent / temporary_name(name)
    try:
        temporary.mkdir()
        yield temporary
    except OSError as error:
        shown = str(error.filename).replace(str(temporary), str(parent / name))
        if shown != str(error.filename):
            raise OSError(error.errno, error.strerror, shown) from error
        raise
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


def shortened(absolute: Path | str) -> Path:
    """A path that is easier to read in messages, if it lies below the current folder."""
    path = Path(absolute)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def free_paths(path: Path, suffix: str = "", separator: str = "-") -> Iterator[Path]:
    """All of path-1, path-2, ..., with a suffix such as ".png", that do not exist when they are asked for."""
    for number in itertools.count(1):
        candidate = path.with_name(f"{path.name}{separator}{number}{suffix}")
        if not is_there(candidate):
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
