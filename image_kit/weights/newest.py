"""Which weights a command uses: those that the user names, or those of the newest run."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from image_kit.call import call
from image_kit.errors import UserError
from image_kit.json_files import read_json
from image_kit.named_networks import NamedNetworks
from image_kit.recipe import Recipe
from image_kit.retries import read_again
from image_kit.terminal import say
from image_kit.weights.fallback import Fallback
from image_kit.weights.other_kinds import name_other_folder

RUNS = Path("runs")
BEST, LAST = "best.weights.h5", "last.weights.h5"
ENDS = ("metrics.json", "summary.json")  # the last file of a run, and of runs of several seeds


def add_weights_options(parser: argparse.ArgumentParser, presets: Mapping[str, Recipe]) -> None:
    """Add --weights, and --preset and --class-names for weights that do not describe themselves."""
    parser.add_argument(
        "--weights", metavar="FILE|RUN", type=Path, help="weights file or run folder (default: the newest run)"
    )
    tutorials = [name for name, recipe in presets.items() if not recipe.backbone]  # the others describe themselves
    parser.add_argument("--preset", choices=tutorials, help="the network of weights that do not describe themselves")
    parser.add_argument("--class-names", metavar="A,B,...", type=_names, help="classes of such weights, in index order")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def fallback_from(args: argparse.Namespace, networks: NamedNetworks, presets: Mapping[str, Recipe]) -> Fallback:
    """What the options of `add_weights_options` say."""
    return Fallback(networks, presets, args.preset, args.class_names)


@read_again
def find_weights(given: Path | None = None, name: str | None = None) -> Path:
    """The weights file that a command uses.

    Args:
        given: a weights file, or a run folder, which means its best weights.
        name: if nothing is given, the newest run of this preset or folder is used.

    Raises UserError if nothing is given and there is no run.
    """
    if given is not None:
        path = given / BEST if given.is_dir() else given
        if not path.is_file() and (kind := name_other_folder(given)):
            raise UserError(f"--weights {given}: {kind}")
        return path
    found = [path for path in _trained() if name is None or _name_of(path.parent) == name]
    if not found:
        of = f" of {name}" if name else ""
        raise UserError(
            f"--weights: no trained run{of} below {RUNS}/; train one ({call('train.py')}) or give a weights file"
        )
    return max(found, key=_finished)


def _trained() -> Iterator[Path]:
    """The best weights of each run. Python's glob would pass over a folder that cannot be read in silence."""
    for run in sorted(RUNS.iterdir()) if RUNS.is_dir() else []:
        try:
            if (run / BEST).is_file():
                yield run / BEST
        except PermissionError as error:  # another user's, who shares the folder
            say(f"{run}: passed over, it cannot be read ({error.strerror})")


def _finished(weights: Path) -> tuple[bool, float]:
    """A sort key: any finished run is newer than an unfinished one, then the time of the end decides."""
    for name in ENDS:
        end = weights.with_name(name)
        if end.exists():
            return True, end.stat().st_mtime
    return False, weights.stat().st_mtime


def _name_of(run: Path) -> str | None:
    """The preset or folder that a run was started with; None if its settings cannot be read."""
    try:
        return read_json(run / "settings.json")["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
