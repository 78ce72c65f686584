"""What Windows refuses: to rename a file that another program has open, and some names."""

import os
import time
from collections.abc import Callable
from pathlib import Path

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
