"""Files and folders that are still there after a power failure."""

import contextlib
import errno
import os
from pathlib import Path

from image_kit.retries import is_folder, is_there


def sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk. Windows has no such call for folders, some disks have none.

    Raises OSError, which names the path, if the disk has not kept what it took.
    """
    try:
        number = _open(path)
    except OSError:
        return
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(number)


def _open(path: Path) -> int:
    if path.is_file():
        with contextlib.suppress(PermissionError):  # a copy of a photo that is read-only
            return os.open(path, os.O_RDWR)  # Windows asks for that
    return os.open(path, os.O_RDONLY)


def sync_tree(folder: Path) -> None:
    """Wait until a folder and everything in it are on the disk."""
    from image_kit.threads import threads  # 20 ms, which the answer to one photo does not need

    inside = list(folder.rglob("*"))
    list(threads().map(sync, [path for path in (*inside, folder) if not path.is_symlink()]))


def make_folder(path: Path) -> None:
    """Make a folder, and those that it is in, so that they are still there after a power failure."""
    missing = [each for each in (path, *path.parents) if not is_there(each)]
    if not is_folder(path):  # which mkdir would ask too, but once
        path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync(each.parent)
