"""All runs below a folder with what they were trained on and how good they are. It needs no TensorFlow."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from image_kit.call import call
from image_kit.errors import describe_os_error
from image_kit.files import shortened
from image_kit.json_files import read_json
from image_kit.retries import is_folder
from image_kit.terminal import first_lines, say, visible
from image_kit.text_table import table
from image_kit.training.run_folder import METRICS, SETTINGS
from image_kit.training.run_scores import count_score, read_minutes, read_number, read_run_scores
from image_kit.training.seed_runs import SUMMARY
from image_kit.weights import BEST

UNKNOWN = "-"


@dataclass(frozen=True)
class ListedRun:
    """A run; what is not known yet is None.

    Attributes:
        run: its folder.
        data: the folder of photos, or the array data set.
        network: the backbone, or the function in models.py.
        preset: the preset or the folder that train.py was given.
        scored_on: the most telling of what was scored, see `read_run_scores`.
        accuracy: on these images, 0..1; of several seeds the mean.
        interval: the 95 % interval that this number of images leaves; of several seeds the mean of theirs.
        images: how many were scored.
        seeds: how many; 1 for a single run.
        minutes: of training.
        megabytes: of the weights, 1e6 bytes.
    """

    run: str
    data: str
    network: str
    preset: str
    scored_on: str | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    images: int | None = None
    seeds: int = 1
    minutes: float | None = None
    megabytes: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "interval": list(self.interval) if self.interval else None}


def list_runs(folder: Path) -> tuple[list[ListedRun], list[str]]:
    """The runs in a folder, the best first, unfinished ones last; and a line about each folder that is no run.

    Of several seeds in one folder, one entry tells the mean. Hidden folders, and files, are passed over in silence.
    """
    runs, problems = [], []
    for path in sorted(folder.iterdir()) if is_folder(folder) else []:
        if path.name.startswith(".") or not path.is_dir():
            continue
        try:
            runs.append(_read_run(path))
        except FileNotFoundError as error:
            problems.append(f"{path}: passed over, it is not a run folder (no {Path(error.filename).name})")
        except OSError as error:
            problems.append(f"{path}: passed over, it cannot be read ({describe_os_error(error)})")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problems.append(f"{path}: passed over, its files are damaged ({type(error).__name__}: {error})")
    runs.sort(key=lambda run: (run.accuracy is None, -(run.accuracy or 0), run.run))
    return runs, problems


def describe_runs(folder: Path, as_json: bool) -> str:
    """The runs in a folder as a table or as JSON, for stdout; what is no run gets a line on stderr."""
    runs, problems = list_runs(folder)
    for line in first_lines(problems, f"more folders in {folder}/ are passed over too"):
        say(line)
    if as_json:
        return json.dumps([run.as_dict() for run in runs], indent=2) + "\n"
    if not runs:
        say(f"There is no run below {folder}/ yet; train one: {call('train.py')}")
        return ""
    return visible(tabulate_runs(runs)) + "\n"


def tabulate_runs(runs: Sequence[ListedRun]) -> str:
    """One aligned line per run."""
    rows = [("run", "data", "network", "accuracy", "95 % interval", "on", "images", "seeds", "minutes", "MB")]
    return table([*rows, *map(_row, runs)], numbers=False)


def _row(run: ListedRun) -> tuple[str, ...]:
    interval = f"{100 * run.interval[0]:.1f} to {100 * run.interval[1]:.1f}" if run.interval else UNKNOWN
    return (
        run.run,
        run.data,
        run.network,
        "unfinished" if run.accuracy is None else f"{100 * run.accuracy:.1f} %",
        interval,
        run.scored_on or UNKNOWN,
        UNKNOWN if run.images is None else str(run.images),
        str(run.seeds),
        UNKNOWN if run.minutes is None else f"{run.minutes:.1f}",
        UNKNOWN if run.megabytes is None else f"{run.megabytes:.1f}",
    )


def _read_run(path: Path) -> ListedRun:
    settings = _read_object(path / SETTINGS)
    recipe = settings["recipe"]
    network = f"{shortened(recipe.get('backbone') or recipe['model'])}{' fine-tuned' * bool(recipe.get('fine_tune'))}"
    data = shortened(settings["folder"]) if settings.get("folder") else recipe["dataset"]
    named = str(path), str(data), network, str(settings["name"])
    size = (path / BEST).stat().st_size / 1e6 if (path / BEST).exists() else None
    if (path / SUMMARY).exists():
        return ListedRun(*named, **_read_seeds(path), megabytes=size)
    if not (path / METRICS).exists():
        return ListedRun(*named, seeds=len(list(path.glob(f"seed-*/{SETTINGS}"))) or 1, megabytes=size)
    metrics = _read_object(path / METRICS)
    scored_on, score = next(iter(read_run_scores(metrics).items()))
    result = scored_on, score.accuracy, score.interval, score.images
    return ListedRun(*named, *result, minutes=read_minutes(metrics), megabytes=size)


def _read_object(path: Path) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} is not an object")
    return value


def _read_seeds(path: Path) -> dict[str, Any]:
    summary = _read_object(path / SUMMARY)
    (scored_on, scores), *_ = summary["scores"].items()
    score = count_score(scores["mean"], scores["images"])
    of_seeds = [
        read_run_scores(_read_object(metrics))[scored_on].interval
        for seed in summary["seeds"]
        if (metrics := path / f"seed-{int(seed)}" / METRICS).exists()  # they are large, and may be deleted
    ]
    return {
        "scored_on": scored_on,
        "accuracy": score.accuracy,
        "interval": tuple(map(fmean, zip(*of_seeds, strict=True))) if of_seeds else score.interval,
        "images": score.images,
        "seeds": len(summary["seeds"]),
        "minutes": read_number(summary["minutes"]),
    }
