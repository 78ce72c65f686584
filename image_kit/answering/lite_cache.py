"""In the user's cache folder: a model.tflite for each weights file that has none in its own folder."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from image_kit import cache_folder

MAX_FILES, MAX_BYTES = 20, 2 * 10**9  # above that, the least recently used files are removed
READING = 2  # one more when weights of other programs are read in another way than before


def path_for(weights_sha256: str, preset_name: str | None, class_names: Sequence[str] | None) -> Path:
    """The one place for what is made from these weights under these options."""
    what = json.dumps([weights_sha256, preset_name and [preset_name, READING], class_names])
    return cache_folder.folder() / f"{hashlib.sha256(what.encode()).hexdigest()}.tflite"


def fast_path_for(weights_sha256: str) -> Path:
    """The one place for the 8-bit network that is made from these weights, where the run folder cannot be written."""
    return path_for(weights_sha256, "int8", None)


def trim(keep: Path) -> None:
    """Remove the least recently used files, but never `keep`, until the folder is within its limits."""
    cache_folder.trim(keep.parent.glob("*.tflite"), MAX_BYTES, MAX_FILES, keep)
