"""The user's cache folder, which holds what can be computed again: converted networks, features of photos."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

FOLDER_VARIABLE = "IMAGE_CLASSIFICATION_KIT_CACHE"  # environment variable: another folder than the usual one


# The folder of a user without a home: nothing is found in it, and it cannot be made.
NO_HOME = Path(os.devnull, "no-home-folder")


def folder() -> Path:
    """The cache folder; it may not exist yet."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(os.path.expanduser(chosen))  # only a shell does so, not what else sets variables: Docker, systemd
    from platformdirs import user_cache_path  # takes milliseconds, which a folder from the environment does not need

    try:
        return user_cache_path("image-classification-kit", appauthor=False)
    except RuntimeError:  # a service's user may have neither HOME nor a name
        return NO_HOME


def mark_used(path: Path) -> None:
    """Note that a file has just been used, so that it is removed last."""
    with contextlib.suppress(OSError):  # a cache that this user may only read works as well
        os.utime(path)


def trim(paths: Iterable[Path], max_bytes: int, max_files: int | None = None, keep: Path | None = None) -> None:
    """Remove the least recently used of some files, but never `keep`, until they are within the limits.

    A file that cannot be removed, because another process has it open or has just removed it, is left out.
    """
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            state = path.stat()
            found.append((path != keep, -state.st_mtime, state.st_size, path))
    total = 0
    for number, (is_other, _, size, path) in enumerate(sorted(found)):
        total += size
        if is_other and (total > max_bytes or (max_files is not None and number >= max_files)):
            with contextlib.suppress(OSError):
                path.unlink()
