"""Finds the photos that a user names: files, folders, patterns, and standard input."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from image_kit.errors import UserError, describe_os_error, name_disk_failure
from image_kit.photos.opening import is_image
from image_kit.photos.patterns import expand
from image_kit.photos.photo_files import is_photo_name
from image_kit.photos.walking import list_photos
from image_kit.retries import is_folder, is_there
from image_kit.tables import as_utf8, existing_spelling

STDIN = "-"
NO_PHOTO = "contains no photo"
QUOTES = "\"'"
_CONTROLS = bytes(set(range(32)) - set(b"\0\t\n\r"))
MAX_STDIN = 2**30  # bytes of an image or of a list


@dataclass(frozen=True)
class PhotoSource:
    """One photo to answer, or the reason why there is none.

    Attributes:
        name: for the user: the path as it was given.
        content: a path or the bytes of a file, for `Preprocessing.photo`; or an image ready for the network, uint8
            (height, width, channels); None if there is no photo.
        error: the reason why there is no photo.
    """

    name: str
    content: Path | bytes | np.ndarray | None = None
    error: str | None = None


def find_photos(arguments: Sequence[str], stdin: BinaryIO | None = None) -> list[PhotoSource]:
    """All photos that arguments name, in their order.

    An argument is a file with any name; a folder (all its photos at any depth, see `list_photos`); a pattern such as
    "photos/**/*.jpg"; or "-", which is standard input: the bytes of one image, or a list of such arguments, separated
    by line ends or by zero bytes.
    """
    return [source for argument in arguments for source in _find(argument, stdin)]


def _find(argument: str, stdin: BinaryIO | None) -> Iterator[PhotoSource]:
    if argument == STDIN:
        yield from _from_stdin(stdin)
        return
    try:
        if is_folder(argument):
            yield from _in_folder(argument)
        elif glob.has_magic(argument) and not is_there(argument):
            yield from _matching(argument)
        else:
            yield PhotoSource(argument, Path(argument))
    except OSError as error:  # a name that is too long, or a folder where this user may not look: reading tells which
        failure = name_disk_failure(error)
        yield PhotoSource(argument, error=failure) if failure else PhotoSource(argument, Path(argument))


def _matching(pattern: str) -> list[PhotoSource]:
    """The photos that match, each once: `**` matches a folder, the folders in it and their files.

    A file without a photo's name counts only if nothing else matches: "photos/*" means the photos, not a text file
    in the same folder. A folder that cannot be read follows with the reason, as it may hold more of them.
    """
    photos: dict[str, PhotoSource] = {}
    others: dict[str, PhotoSource] = {}
    failed: list[OSError] = []
    for path in sorted(expand(*_split(pattern), failed.append)):
        is_inner = os.path.isdir(path)
        for source in _in_folder(path) if is_inner else [PhotoSource(path, Path(path))]:
            is_other = source.error == NO_PHOTO if is_inner else not is_photo_name(Path(path))
            (others if is_other else photos).setdefault(source.name, source)
    lost = {str(each.filename): PhotoSource(str(each.filename), error=describe_os_error(each)) for each in failed}
    found = [*(photos or others).values(), *(lost[name] for name in lost if name not in photos)]
    return found or [PhotoSource(pattern, error="matches no file")]


def _split(pattern: str) -> tuple[str, str]:
    """The folders that a pattern begins with, taken as they are, and the rest: `trip [2024]`, if it is there, `*.jpg`.

    Windows's shells leave patterns to the commands, and many folders there have brackets in their names.
    """
    start, rest = os.path.split(pattern)
    while start and not os.path.isdir(start):
        if start == os.path.dirname(start):
            return "", pattern
        start, name = os.path.split(start)
        rest = os.path.join(name, rest)
    return start, rest


def _in_folder(folder: str) -> list[PhotoSource]:
    try:
        found = list_photos(Path(folder))
    except UserError as error:  # a folder inside it may not be read
        if isinstance(cause := error.__cause__, OSError) and cause.filename == folder:  # said once is enough
            return [PhotoSource(folder, error=describe_os_error(cause))]
        return [PhotoSource(folder, error=str(error))]
    return [PhotoSource(str(path), path) for path in found] or [PhotoSource(folder, error=NO_PHOTO)]


def _from_stdin(stdin: BinaryIO | None) -> Iterator[PhotoSource]:
    content = stdin.read(MAX_STDIN + 1) if stdin else b""
    if len(content) > MAX_STDIN:
        yield PhotoSource(STDIN, error=f"standard input has more than {MAX_STDIN:,} bytes")
    elif not content.strip():
        yield PhotoSource(STDIN, error="standard input is empty; pipe an image's bytes or a list of paths into it")
    elif is_image(content) or not (lines := _lines(content)):
        yield PhotoSource(STDIN, content)
    else:
        for line in map(_spelled, lines):
            yield from [PhotoSource(line, Path(line))] if line == STDIN else _find(line, None)


def _lines(content: bytes) -> list[str]:
    """The paths of a list, separated by line ends, or by zero bytes as from `find -print0`; [] if it is not a list."""
    content = as_utf8(content)
    has_zeros = b"\0" in content
    # Bytes are split at line ends only; str.splitlines would also split at other characters, which a name may contain.
    parts = [part for part in (content.split(b"\0") if has_zeros else content.splitlines()) if part.strip()]
    # A damaged image has zero bytes too. But it also has control characters, and between the zeros no existing path.
    is_text = len(content.translate(None, _CONTROLS)) == len(content)
    if has_zeros and not (is_text and any(len(part) > 1 and _exists(os.fsdecode(part)) for part in parts)):
        return []
    return [os.fsdecode(part) for part in parts]


def _spelled(line: str) -> str:
    """A path without the spaces and quotes around it, as Windows copies it, if there is such a file and none with.

    The same for accents that are one letter there and two here, as in a list from macOS.
    """
    bare = line.strip()
    if bare == line and bare[0] not in QUOTES and line.isascii():
        return line
    unquoted = bare[1:-1] if bare[0] in QUOTES and bare[0] == bare[-1] else bare
    return next((each for each in (line, bare, unquoted, existing_spelling(unquoted)) if each and _exists(each)), line)


def _exists(argument: str) -> bool:
    return os.path.lexists(argument) or (
        glob.has_magic(argument) and any(expand(*_split(argument), lambda error: None))
    )
