"""Runs that differ in their seed only, in one folder: runs/NAME-1/seed-0, seed-1, ...; and what they say together.

The seeds are trained in one process. Networks start from the same random numbers and end in the same bytes as runs of
their own (tests/test_train_seeds.py); photos are read and TensorFlow is started once, which saves 3 s for each seed.
"""

import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from image_kit.answering import LITE
from image_kit.call import call
from image_kit.errors import UserError
from image_kit.features import t_quantile
from image_kit.files import replacing, write_json
from image_kit.json_files import read_json
from image_kit.recipe import LARGEST_SEED
from image_kit.retries import is_file, is_folder, is_there
from image_kit.training.run_folder import ENVIRONMENT, METRICS, SETTINGS, RunFolder
from image_kit.training.run_scores import read_minutes, read_run_scores
from image_kit.training.same_photos import refuse_changed_photos, refuse_other_inputs
from image_kit.training.seeds_report import report_seeds
from image_kit.training.settings import Settings
from image_kit.weights import BEST

if TYPE_CHECKING:  # imports keras, and scipy
    from image_kit.training.head_run import HeadRun
    from image_kit.training.run import Run

SUMMARY = "summary.json"


@dataclass(frozen=True)
class SeedScores:
    """The accuracies of several seeds on the same images.

    Attributes:
        values: of each seed, 0..1.
        images: how many each seed was scored on.
        mean: of the values.
        standard_deviation: of the values, with n - 1.
        interval: 95 % interval of the mean over all seeds, from Student's t. It says what the seed does to the result
            on these images; it does not say what other images would do.
    """

    values: tuple[float, ...]
    images: int
    mean: float
    standard_deviation: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, values: Sequence[float], images: int) -> "SeedScores":
        """From two values or more; one value has no spread, and its interval is all of 0..1."""
        mean = statistics.fmean(values)
        if len(values) < 2:
            return cls(tuple(values), images, mean, 0.0, (0.0, 1.0))
        spread = statistics.stdev(values)
        half = t_quantile(len(values) - 1) * spread / len(values) ** 0.5
        return cls(tuple(values), images, mean, spread, (max(0.0, mean - half), min(1.0, mean + half)))

    def sentence(self) -> str:
        """The result in one line."""
        if not self.standard_deviation:
            return f"{100 * self.mean:.1f} % with each of {len(self.values)} seeds"
        low, high = (f"{100 * bound:.1f}" for bound in self.interval)
        spread = f"standard deviation {100 * self.standard_deviation:.1f}"
        over = f"on average over {len(self.values)} seeds"
        return f"{100 * self.mean:.1f} % {over}, {spread} (95 % interval of the average {low} to {high})"


@dataclass(frozen=True)
class SeedsSummary:
    """The content of summary.json.

    Attributes:
        seeds: in their order; the run of seed 3 is in seed-3/.
        chosen: the seed whose weights are in the folder itself: the best on validation images (a head: in
            cross-validation), never the best on test images.
        minutes: of training, all seeds together.
        scores: by what was scored, the most telling first, see `read_run_scores`.
    """

    seeds: tuple[int, ...]
    chosen: int
    minutes: float
    scores: dict[str, SeedScores]


class SeedRuns:
    """The runs of several seeds.

    Attributes:
        settings: of each run; they differ in the seed.
        path: the folder that contains the runs; None before it is made.
    """

    def __init__(self, settings: Sequence[Settings], path: Path | None = None):
        self.settings, self.path = list(settings), path

    @classmethod
    def plan(cls, settings: Settings, count: int) -> "SeedRuns":
        """New runs of the settings' seed and those that follow it. Raises UserError on a number out of range."""
        first = settings.recipe.seed
        if count < 2:
            raise UserError(f"--seeds: must be at least 2, received {count}; one seed is --seed")
        if first + count - 1 > LARGEST_SEED:
            raise UserError(f"--seeds: the last seed must be at most {LARGEST_SEED}; received {first + count - 1}")
        recipes = [replace(settings.recipe, seed=seed) for seed in range(first, first + count)]
        return cls([replace(settings, recipe=recipe) for recipe in recipes])

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether a folder contains runs of several seeds."""
        return any(_seed_of(each) is not None for each in _inside(path))

    @classmethod
    def open(cls, path: Path) -> "SeedRuns":
        """Those of an existing folder. Raises UserError if one of them is damaged, or if all is complete."""
        numbered = sorted((seed, each) for each in _inside(path) if (seed := _seed_of(each)) is not None)
        runs = cls([RunFolder.open(each).read_settings() for _, each in numbered], path)
        if any(settings.recipe.seed != seed for settings, (seed, _) in zip(runs.settings, numbered, strict=True)):
            raise UserError(f"--resume: {path} has runs in folders of other seeds; give them their names back")
        if is_there(path / SUMMARY) and not runs.unfinished():
            raise UserError(f"--resume: {path} is complete; start a new run for other seeds or options")
        return runs

    def unfinished(self) -> list[Settings]:
        """The settings of runs that are not begun, or not complete."""
        return [each for each in self.settings if self.path is None or not self._folder(each).is_scored()]

    def open_run(self, settings: Settings, create: Callable[[Callable[[RunFolder], None]], RunFolder]) -> RunFolder:
        """The folder of one run. For the first one all folders are made, in the one that `create` makes.

        Args:
            settings: of the run.
            create: makes the folder of all, filled by the function that it is given.
        """
        if self.path is None:
            self.path = create(self._fill).path
        return RunFolder.open(self._folder(settings).path)

    def _fill(self, folder: RunFolder) -> None:
        """Make the folders of all runs, so that a run that is killed knows of all of them."""
        for each in self.settings:
            RunFolder(folder.path / f"seed-{each.recipe.seed}").write_settings(each)
        folder.write_settings(self.settings[0])  # tells other commands what all runs are about

    def refuse_changes(self, run: "Run | HeadRun") -> None:
        """Raise UserError if earlier runs were trained on other photos than this one, or with other groups."""
        for settings in self.settings if self.path else []:
            folder = self._folder(settings)
            refuse_other_inputs(self.path or folder.path, folder.file(ENVIRONMENT), run.began_with)
            if is_file(folder.file(BEST)):
                photos = run.data.trained_on, run.data.trained_names
                refuse_changed_photos(self.path or folder.path, folder.file(BEST), *photos)

    def how_to_go_on(self) -> str:
        """The message after Ctrl-C; empty if nothing was begun."""
        if self.path is None:
            return ""
        done = len(self.settings) - len(self.unfinished())
        go_on = call("train.py", "--resume", self.path)
        return f"Seeds complete: {done} of {len(self.settings)}. Go on with: {go_on}"

    def summarize(self) -> SeedsSummary:
        """Read the scores of all runs; copy the weights of one of them into the folder, and write summary.json."""
        assert self.path is not None, "summarize needs trained runs"
        seeds = tuple(each.recipe.seed for each in self.settings)
        metrics = [read_json(self._folder(each).file(METRICS)) for each in self.settings]
        chosen = max(range(len(seeds)), key=lambda index: _validated(metrics[index]))
        summary = SeedsSummary(
            seeds, seeds[chosen], round(sum(map(read_minutes, metrics)), 2), _collect_scores(metrics)
        )
        for name in (BEST, LITE):
            source = self._folder(self.settings[chosen]).file(name)
            if is_file(source):  # model.tflite is missing where LiteRT cannot run the network
                with replacing(self.path / name) as temporary:
                    shutil.copyfile(source, temporary)
        folders = {each.recipe.seed: RunFolder.open(self._folder(each).path) for each in self.settings}
        report_seeds(self.path, summary, {seed: folder.history_columns() for seed, folder in folders.items()})
        write_json(self.path / SUMMARY, asdict(summary))  # last: the runs are complete
        return summary

    def _folder(self, settings: Settings) -> RunFolder:
        assert self.path is not None, "the folder is made with the first run"
        return RunFolder(self.path / f"seed-{settings.recipe.seed}")


def start_afresh() -> None:
    """Forget the networks of the run before, so that the next one's layers are numbered as in a new process."""
    if "keras" in sys.modules:  # a head alone needs none
        sys.modules["keras"].utils.clear_session(free_memory=True)


def _inside(path: Path) -> list[Path]:
    """Folders of seeds. Python's glob would find none where the folder cannot be read."""
    return [each for each in path.iterdir() if each.name.startswith("seed-")] if is_folder(path) else []


def _seed_of(folder: Path) -> int | None:
    number = folder.name.removeprefix("seed-")
    return int(number) if number.isdecimal() and is_file(folder / SETTINGS) else None


def _validated(metrics: dict[str, Any]) -> tuple[float, float]:
    """What orders the seeds, as the epochs of a run: accuracy, then loss, on images that are no test images."""
    *_, score = read_run_scores(metrics).values()
    loss = (metrics.get("cross_validation") or metrics["validation"])["loss"]
    return score.accuracy, -loss


def _collect_scores(metrics: Sequence[dict[str, Any]]) -> dict[str, SeedScores]:
    of_runs = [read_run_scores(each) for each in metrics]
    return {
        name: SeedScores.of([scores[name].accuracy for scores in of_runs], first.images)
        for name, first in of_runs[0].items()
    }
