"""Which files are photos, judged by their names, and what identifies a photo."""

import hashlib
import os
from pathlib import Path

PHOTO_SUFFIXES = frozenset(
    (".avif", ".bmp", ".dib", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm")
    + (".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp")
)
PROGRAMS_FILES = {"thumbs.db", "desktop.ini", "__macosx", "__pycache__"}  # of other programs; in lower case


class PhotoError(Exception):
    """A file is not a readable photo. The message is the reason, without the file's name."""


def is_hidden(path: Path) -> bool:
    """Whether a file or folder belongs to a program and not to the user: .git, .DS_Store, __MACOSX, Thumbs.db."""
    return path.name.startswith(".") or path.name.lower() in PROGRAMS_FILES


def is_photo_name(path: Path) -> bool:
    """Whether a photo's file has such a name; the content is not looked at."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not is_hidden(path)


def content_hash(data: bytes) -> str:
    """SHA-256 of a file's bytes, in hexadecimal: it identifies a photo whatever its name."""
    return hashlib.sha256(data).hexdigest()


def read_file(path: Path | str) -> bytes:
    """The bytes of a photo's file.

    Raises:
        PhotoError: there is no such file, it is a folder or a pipe, or it may not be read.
    """
    refuse_other_than_files(path)
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise PhotoError("no such file") from None
    except OSError as error:
        raise PhotoError(error.strerror or str(error)) from None


def refuse_other_than_files(path: Path | str) -> None:
    """Raise PhotoError if the path is a folder, or a pipe, which might never end; a missing file passes."""
    # pathlib's functions raise where a parent folder may not be read, or where a name is too long. These do not.
    if os.path.exists(path) and not os.path.isfile(path):
        raise PhotoError("not a file")
