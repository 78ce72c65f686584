"""Files and folders that are still there after a power failure, under names that the system takes."""

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from image_kit.retries import is_folder, is_there

# Seconds between the tries to rename. Windows refuses it while a viewer, a virus scanner or a backup has the file open,
# which the latter two do for a moment. Elsewhere a missing permission lasts.
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8) if os.name == "nt" else ()
# Of devices, whatever follows behind a dot.
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
DEVICES = frozenset(("con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in "123456789¹²³")))


def rename_patiently(rename: Callable[[Path, Path], object], path: Path, new: Path) -> None:
    """Rename a file or folder; see `PAUSES`.

    Raises:
        PermissionError: after the last try. It names `new`.
    """
    for pause in PAUSES:
        try:
            rename(path, new)
            return
        except PermissionError:
            time.sleep(pause)
    try:
        rename(path, new)
    except PermissionError as error:
        if not PAUSES:
            raise
        why = "cannot be replaced, perhaps since another program has it open; close it there and try again"
        raise PermissionError(error.errno, why, str(new)) from error


def is_name_of_windows(name: str) -> bool:
    """Whether a file or folder can have this name on Windows."""
    is_device = name.partition(".")[0].rstrip().lower() in DEVICES
    return not (is_device or name.endswith((".", " ")) or any(ord(one) < 32 or one in '<>:"/\\|?*' for one in name))


def sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk. Windows has no such call for folders, some disks have none."""
    try:
        number = _open(path)
    except OSError:
        return
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):  # the disk has not kept what it took
            raise
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
