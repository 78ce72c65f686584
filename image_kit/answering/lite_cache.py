"""The user's cache folder: it contains a model.tflite for each weights file that has none in its own folder."""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

FOLDER_VARIABLE = "IMAGE_CLASSIFICATION_KIT_CACHE"  # environment variable: another folder than the usual one
MAX_FILES, MAX_BYTES = 20, 2 * 10**9  # above that, the least recently used files are removed


def folder() -> Path:
    """The cache folder; it may not exist yet."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    from platformdirs import user_cache_path  # takes milliseconds, which a folder from the environment does not need

    return user_cache_path("image-classification-kit", appauthor=False)


def path_for(weights_sha256: str, preset_name: str | None, class_names: Sequence[str] | None) -> Path:
    """The one place for what is made from these weights under these options."""
    what = json.dumps([weights_sha256, preset_name, class_names])
    return folder() / f"{hashlib.sha256(what.encode()).hexdigest()}.tflite"


def mark_used(path: Path) -> None:
    """Note that a file has just been used, so that it is removed last."""
    with contextlib.suppress(OSError):  # a cache that this user may only read works as well
        os.utime(path)


def trim(keep: Path) -> None:
    """Remove the least recently used files, but never `keep`, until the folder is within its limits."""
    found = []
    for path in keep.parent.glob("*.tflite"):
        with contextlib.suppress(OSError):  # another process has just removed it
            state = path.stat()
            found.append((path != keep, -state.st_mtime, state.st_size, path))
    total = 0
    for number, (_, _, size, path) in enumerate(sorted(found)):
        total += size
        if number and (number >= MAX_FILES or total > MAX_BYTES):
            with contextlib.suppress(OSError):
                path.unlink()
