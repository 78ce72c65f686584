"""Where a model.tflite lies that was made from weights which came without one: the user's cache folder."""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

FOLDER_VARIABLE = "IMAGE_CLASSIFICATION_KIT_CACHE"  # the environment's own choice of the folder
MAX_FILES, MAX_BYTES = 20, 2 * 10**9  # beyond that the files unused for longest go


def folder() -> Path:
    """The cache folder, which need not exist."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    from platformdirs import user_cache_path  # milliseconds that a chosen folder does not need

    return user_cache_path("image-classification-kit", appauthor=False)


def path_for(weights_sha256: str, preset_name: str | None, class_names: Sequence[str] | None) -> Path:
    """The one place for what is made from these weights under these options."""
    what = json.dumps([weights_sha256, preset_name, class_names])
    return folder() / f"{hashlib.sha256(what.encode()).hexdigest()}.tflite"


def mark_used(path: Path) -> None:
    """Keep a file for longer than those unused since."""
    with contextlib.suppress(OSError):  # another user's cache, read-only: it is as good
        os.utime(path)


def trim(keep: Path) -> None:
    """Remove the files unused for longest, but never `keep`, until the folder is within its bounds."""
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
