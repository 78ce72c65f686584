"""Continue a run after its last complete epoch, or refuse to."""

import keras
import numpy as np

from image_kit.errors import UserError
from image_kit.training.run_folder import HISTORY, RunFolder
from image_kit.weights import BEST, LAST, Description, read_description, read_trained_on, verify_checksum


def load_last_epoch(folder: RunFolder, model: keras.Model, description: Description, fingerprints: np.ndarray) -> int:
    """Load the weights and optimizer state of the last complete epoch, if there is one.

    Args:
        model: compiled, its optimizer built.
        description: of this training.
        fingerprints: uint64 (n,) of the photos to train and validate on.

    Returns:
        The number of complete epochs.

    Raises:
        UserError: weights are damaged or missing; the network has changed; or the photos have changed. (With other
            classes the answers would be swapped; a photo moved from train to test would be scored as if it were new.)
    """
    last = folder.file(LAST)
    if not last.is_file():
        if len(folder.history) > 1:  # 1: an epoch that was interrupted before its weights were written
            raise UserError(f"{last}: is missing, so this run cannot go on; put it back, or start a new run")
        folder.cut_history(0)
        return 0
    before = read_description(last)
    for path in (last, folder.file(BEST)):
        read_description(path)
        verify_checksum(path, "this run cannot go on: put back a copy of the file, or start a new run")
    if before is None:
        raise UserError(f"{last}: was not written by this kit, so this run cannot go on; start a new run")
    _check_nothing_changed(folder, before, description, fingerprints)
    folder.cut_history(before.epoch)
    model.load_weights(last)
    return before.epoch


def _check_nothing_changed(folder: RunFolder, before: Description, now: Description, fingerprints: np.ndarray) -> None:
    same = (before.class_names, before.preprocessing) == (now.class_names, now.preprocessing)
    trained_on = read_trained_on(folder.file(LAST))
    if not same or not np.array_equal(np.sort(trained_on), np.sort(fingerprints)):
        raise UserError(
            f"--resume: the photos have changed since {folder.path} began; put them back, or start a new run"
        )
    if before.network is not None and before.network != now.network:
        raise UserError(
            f"--resume: the network {now.model} has changed since {folder.path} began; undo the change, or start a new "
            "run"
        )
    if len(folder.history) < before.epoch:
        raise UserError(
            f"{folder.file(HISTORY)}: some of {before.epoch} epochs are missing; this run cannot be resumed"
        )
