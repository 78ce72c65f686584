"""A run that is resumed goes on with what it began with, wherever that is now: the content decides."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from image_kit.errors import UserError
from image_kit.json_files import read_json
from image_kit.weights import read_trained_on

SHOWN = 3  # names of changed photos
BEGAN_WITH = "began_with"  # in environment.json
# What can be given to --resume: what it is, and how its content may differ.
WORDS = {"backbone": "is another network than the one", "groups": "does not say the same groups as the file"}


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


def refuse_other_inputs(run: Path, environment: Path, now: Mapping[str, str | None]) -> None:
    """Raise UserError if the backbone or the groups are not those that a run began with.

    Args:
        run: its folder.
        environment: environment.json of the run, or of one of its seeds. Where it is missing or does not say what the
            run began with, nothing is known, and nothing refused.
        now: {option: digest of its content} as in environment.json; None without one.
    """
    try:
        before = dict(read_json(environment)[BEGAN_WITH])
    except (OSError, ValueError, KeyError, TypeError):  # not begun, by an older version, or damaged
        return
    for name, digest in now.items():
        if name in before and before[name] != digest:
            raise UserError(f"--{name}: {WORDS[name]} that {run} began with; give that one, or start a new run")
