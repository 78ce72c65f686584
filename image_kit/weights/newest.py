"""Which weights a command means: those that are named, or the newest run's."""

import json
from pathlib import Path

from image_kit.errors import UserError

RUNS = Path("runs")
BEST, LAST = "best.weights.h5", "last.weights.h5"


def find_weights(given: Path | None = None, preset_name: str | None = None) -> Path:
    """The weights file that a command means.

    Args:
        given: a weights file, or a run folder, whose best weights are taken.
        preset_name: with nothing given, the newest run must be of this preset.

    Raises UserError if nothing is given and there is no run.
    """
    if given is not None:
        return given / BEST if given.is_dir() else given
    found = [path for path in RUNS.glob(f"*/{BEST}") if preset_name is None or _name_of(path.parent) == preset_name]
    if not found:
        of = f" of {preset_name}" if preset_name else ""
        raise UserError(
            f"--weights: no trained run{of} below {RUNS}/; train one (python train.py) or give a weights file"
        )
    return max(found, key=_finished)


def _finished(weights: Path) -> tuple[bool, float]:
    """Finished runs before unfinished ones, then by the time of their end."""
    end = weights.with_name("metrics.json")
    return (True, end.stat().st_mtime) if end.exists() else (False, weights.stat().st_mtime)


def _name_of(run: Path) -> str | None:
    """The preset or folder that a run was called with; None if its settings cannot be read."""
    try:
        return json.loads((run / "settings.json").read_text())["name"]
    except (OSError, ValueError, KeyError):
        return None
