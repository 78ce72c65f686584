"""A run that is resumed goes on with the photos that it began with, wherever they are now: their content decides."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from image_kit.errors import UserError
from image_kit.weights import read_trained_on

SHOWN = 3  # names of changed photos


def refuse_changed_photos(run: Path, weights: Path, trained_on: np.ndarray, names: Sequence[str]) -> None:
    """Raise UserError if the photos to train on are not those behind a run's weights.

    Args:
        run: its folder.
        weights: one of its weights files.
        trained_on: uint64 (n,) fingerprints of the photos now.
        names: the n names of their files; those that are new or have changed are told.
    """
    before = read_trained_on(weights)
    if np.array_equal(np.sort(before), np.sort(trained_on)):
        return
    changed = [name for name, is_known in zip(names, np.isin(trained_on, before), strict=True) if not is_known]
    told = ", ".join(changed[:SHOWN]) + f" and {len(changed) - SHOWN} more" * (len(changed) > SHOWN)
    what = f"new or changed: {told}" if changed else f"{len(before)} before, {len(trained_on)} now"
    raise UserError(f"--resume: the photos have changed since {run} began; put them back, or start a new run ({what})")
