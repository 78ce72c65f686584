"""What a user points at, to the photos that are meant: files, folders, patterns, and what comes through a pipe."""

import glob
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from image_kit.errors import UserError
from image_kit.photos.folders import list_photos
from image_kit.photos.photo import is_photo_name

STDIN = "-"
NO_PHOTO = "holds no photo"
_CONTROLS = bytes(set(range(32)) - set(b"\0\t\n\r"))
MAX_STDIN = 2**30  # bytes of an image or a list


@dataclass(frozen=True)
class PhotoSource:
    """One photo to answer, or the reason why there is none.

    Attributes:
        name: what to call it; the path as the user gave it.
        content: for `Preprocessing.photo`: a path, or the bytes of a file; or an image ready for the network, uint8
            (height, width, channels); None if there is no photo.
        error: the reason.
    """

    name: str
    content: Path | bytes | np.ndarray | None = None
    error: str | None = None


def find_photos(arguments: Sequence[str], stdin: BinaryIO | None = None) -> list[PhotoSource]:
    """All photos that arguments mean, in their order.

    An argument is a file of any name; a folder, whose photos at any depth are taken (see `list_photos`); a pattern
    such as "photos/**/*.jpg"; or "-": standard input, one image's bytes or a list of such arguments, one a line or
    parted by zero bytes.
    """
    return [source for argument in arguments for source in _meant_by(argument, stdin)]


def _meant_by(argument: str, stdin: BinaryIO | None) -> Iterator[PhotoSource]:
    if argument == STDIN:
        yield from _from_stdin(stdin)
    elif os.path.isdir(argument):
        yield from _in_folder(argument)
    elif not os.path.lexists(argument) and glob.has_magic(argument):
        yield from _matching(argument) or [PhotoSource(argument, error="matches no file")]
    else:
        yield PhotoSource(argument, Path(argument))


def _matching(pattern: str) -> list[PhotoSource]:
    """Each once: `**` matches a folder, the folders in it and their files. What is no photo by its name counts only
    where nothing else matches: "photos/*" means the photos, not the notes beside them."""
    photos, others = {}, {}
    for path in sorted(glob.glob(pattern, recursive=True)):
        is_folder = os.path.isdir(path)
        for source in _in_folder(path) if is_folder else [PhotoSource(path, Path(path))]:
            is_other = source.error == NO_PHOTO if is_folder else not is_photo_name(Path(path))
            (others if is_other else photos).setdefault(source.name, source)
    return list((photos or others).values())


def _in_folder(folder: str) -> list[PhotoSource]:
    try:
        found = list_photos(Path(folder))
    except UserError as error:  # a folder in it that may not be read
        return [PhotoSource(folder, error=str(error))]
    return [PhotoSource(str(path), path) for path in found] or [PhotoSource(folder, error=NO_PHOTO)]


def _from_stdin(stdin: BinaryIO | None) -> Iterator[PhotoSource]:
    content = stdin.read(MAX_STDIN + 1) if stdin else b""
    if len(content) > MAX_STDIN:
        yield PhotoSource(STDIN, error=f"standard input holds more than {MAX_STDIN:,} bytes")
    elif not content.strip():
        yield PhotoSource(STDIN, error="standard input is empty; pipe an image's bytes or a list of paths into it")
    elif _is_image(content) or not (lines := _lines(content)):
        yield PhotoSource(STDIN, content)
    else:
        for line in lines:
            yield from [PhotoSource(line, Path(line))] if line == STDIN else _meant_by(line, None)


def _lines(content: bytes) -> list[str]:
    """The paths of a list, which line ends part, or zero bytes as `find -print0` writes them; none if it is no list."""
    by_zeros = b"\0" in content
    # Bytes are split at line ends only, text at characters that a name may hold too.
    parts = [part for part in (content.split(b"\0") if by_zeros else content.splitlines()) if part.strip()]
    # A damaged image has zero bytes too, but others that names lack, and between them nothing that is there.
    is_text = len(content.translate(None, _CONTROLS)) == len(content)
    if by_zeros and not (is_text and any(len(part) > 1 and _is_meant(os.fsdecode(part)) for part in parts)):
        return []
    return [os.fsdecode(part) for part in parts]


def _is_meant(argument: str) -> bool:
    return os.path.lexists(argument) or (glob.has_magic(argument) and bool(glob.glob(argument, recursive=True)))


def _is_image(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content)):
            return True
    except Exception:  # whatever a decoder makes of a list of paths
        return False
