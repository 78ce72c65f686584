"""Resume a run after its last complete epoch, or refuse to."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from image_kit.errors import UserError
from image_kit.retries import is_file
from image_kit.terminal import name_some
from image_kit.training.run_folder import HISTORY, RunFolder
from image_kit.training.same_photos import refuse_changed_photos
from image_kit.weights import BEST, LAST, Description, read_description, verify_checksum


def load_last_epoch(
    folder: RunFolder, model: keras.Model, description: Description, fingerprints: np.ndarray, names: Sequence[str]
) -> int:
    """Load the weights and optimizer state of the last complete epoch, if there is one.

    Args:
        model: compiled, its optimizer built.
        description: of this training.
        fingerprints: uint64 (n,) of the photos to train and validate on.
        names: of their files.

    Returns:
        The number of complete epochs.

    Raises:
        UserError: weights are damaged or missing; the network has changed; or the photos have changed: a different list
            of classes would mix up the answers, and a photo moved from train to test would be scored as new.
    """
    last = folder.file(LAST)
    if not is_file(last):
        if len(folder.history) > 1:  # a single row: epoch 1 was interrupted before its weights were saved
            raise _missing(last)
        folder.cut_history(0)
        return 0
    before = read_description(last)
    for path in (last, folder.file(BEST)):
        if not is_file(path):
            raise _missing(path)
        read_description(path)
        verify_checksum(path, "this run cannot go on: put back a copy of the file, or start a new run")
    if before is None:
        raise UserError(f"{last}: was not written by this kit, so this run cannot go on; start a new run")
    _check_nothing_changed(folder, before, description, fingerprints, names)
    folder.cut_history(before.epoch)
    model.load_weights(last)
    return before.epoch


def _missing(path: Path) -> UserError:
    return UserError(f"{path}: is missing, so this run cannot go on; put it back, or start a new run")


def _check_nothing_changed(
    folder: RunFolder, before: Description, now: Description, fingerprints: np.ndarray, names: Sequence[str]
) -> None:
    refuse_changed_photos(folder.path, folder.file(LAST), fingerprints, names)
    if (before.class_names, before.preprocessing) != (now.class_names, now.preprocessing):
        changed = f"--resume: the photos have changed since {folder.path} began; put them back, or start a new run"
        renamed = sorted({*before.class_names} ^ {*now.class_names})
        raise UserError(f"{changed} (classes only then or only now: {name_some(renamed)})" if renamed else changed)
    if before.network is not None and before.network != now.network:
        raise UserError(
            f"--resume: the network {now.model} has changed since {folder.path} began; undo the change, or start a new "
            "run"
        )
    if len(folder.history) < before.epoch:
        raise UserError(
            f"{folder.file(HISTORY)}: has fewer rows than the {before.epoch} epochs trained; this run cannot be resumed"
        )
