"""runs/NAME/: everything that a training leaves behind."""

import contextlib
import csv
import io
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from image_kit.call import call
from image_kit.errors import UserError, first_line
from image_kit.files import fill_folder, new_folder, replacing, write_json
from image_kit.json_files import read_json, read_text
from image_kit.recipe import Recipe
from image_kit.retries import is_there, read_again
from image_kit.terminal import say
from image_kit.training.run_scores import read_number
from image_kit.training.settings import Settings
from image_kit.weights import RUNS
from image_kit.windows import is_name_of_windows

SETTINGS, ENVIRONMENT, HISTORY, METRICS = "settings.json", "environment.json", "history.csv", "metrics.json"
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow", "opencv-python-headless", "h5py")


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that decide a result, as far as they are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):  # a head needs no TensorFlow, a tutorial's network no LiteRT
            found[package] = version(package)
    return found


def check_new_name(name: str) -> None:
    """Raise UserError if no new run can have this name: it is not a plain name, or it is taken."""
    if Path(name).name != name or not name or name.startswith("."):
        raise UserError(f"--run: must be a plain name, a folder below {RUNS}/; received {name!r}")
    if sys.platform == "win32" and not is_name_of_windows(name):
        raise UserError(f"--run: Windows has no folders of this name; choose another; received {name!r}")
    if is_there(RUNS / name):
        raise UserError(f"--run: {RUNS / name} exists and is never overwritten; choose another name")


COLUMNS = {"epoch", "seconds", "loss", "accuracy", "val_loss", "val_accuracy"}  # of history.csv; others may follow


class RunFolder:
    """The folder of one run. Its history is in memory too, one dict for each epoch."""

    def __init__(self, path: Path):
        self.path = path
        self.history: list[dict[str, float]] = []

    @classmethod
    def create(
        cls, name: str | None, default: str, fill: Callable[["RunFolder"], object] = lambda run: None
    ) -> "RunFolder":
        """A new folder below runs/: `name`, or the first free one of default-1, default-2, ...

        Args:
            name: a plain name.
            default: see above.
            fill: writes what every run has, so that there is never a folder without it.

        Raises UserError if `name` exists already or is not a plain name.
        """
        if name is None:
            return cls(fill_folder(None, RUNS / default, lambda path: fill(cls(path))))
        check_new_name(name)
        try:
            with new_folder(RUNS / name) as unfinished:
                fill(cls(unfinished))
        except OSError:
            check_new_name(name)  # another command took it just now
            raise
        return cls(RUNS / name)

    @classmethod
    @read_again
    def open(cls, path: Path) -> "RunFolder":
        """An existing run, with its history. Raises UserError if `path` is not a run folder."""
        run = cls(path)
        if not run.file("settings.json").is_file():
            raise UserError(f"--resume: {path} is not a run folder (no settings.json); give one below {RUNS}/")
        if run.file("history.csv").is_file():
            try:
                run.history = _read_history(run.file(HISTORY))
            except (ValueError, TypeError, AttributeError, csv.Error) as error:
                why = first_line(error)
                raise UserError(f"{run.file(HISTORY)}: damaged ({why}); this run cannot be resumed") from None
        return run

    def file(self, name: str) -> Path:
        """The path of a file in this folder."""
        return self.path / name

    def write_settings(self, settings: Settings) -> None:
        """Write settings.json, for `read_settings`."""
        write_json(self.file(SETTINGS), settings.to_dict())

    def read_settings(self, text: str | None = None) -> Settings:
        """The settings in settings.json, or in a text with the same form. Raises UserError if they are damaged."""
        path = self.file(SETTINGS)
        try:
            return Settings.from_json(read_text(path) if text is None else text, path)
        except ValueError as error:
            raise UserError(f"{path}: damaged ({error}); this run cannot be resumed") from None

    def refuse_to_resume(self, before: Recipe, now: Recipe) -> None:
        """Raise UserError if this run is complete, or cannot have the epochs that it is asked for.

        Args:
            before: the run's recipe.
            now: with another number of epochs, perhaps.
        """
        if before.backbone and self.is_scored():
            raise UserError(f"--resume: {self.path} is complete; start a new run for other photos or options")
        if before.learning_rate_schedule == "cosine" and now.epochs != before.epochs:
            raise UserError(
                f"--epochs: {self.path} lowers its learning rate to 0 at the end of epoch {before.epochs}, so it "
                f"cannot have {now.epochs}; start a new run"
            )
        scored = self.scored_epochs()
        if scored and scored == len(self.history) and scored >= now.epochs:
            raise UserError(
                f"--resume: {self.path} is complete with {scored} epochs; add --epochs with a larger number"
            )
        if scored:
            say("This run was complete and scored; its test images will be scored a second time.")

    def is_scored(self) -> bool:
        """Whether metrics.json is there, which is a run's last step."""
        return self._read_scored_epochs() is not None

    def scored_epochs(self) -> int:
        """How many epochs were complete when the test images were scored; 0 if never scored, and of a head alone."""
        return self._read_scored_epochs() or 0

    def _read_scored_epochs(self) -> int | None:
        try:
            return int(read_number(read_json(self.file(METRICS))["epochs"]))
        except (OSError, ValueError, KeyError, TypeError):  # missing or damaged: it will be written again
            return None

    def write_environment(self, **facts: object) -> None:
        """Write environment.json: versions, machine and git commit, and what the caller knows about the device.

        Raises UserError as `refuse_removed`.
        """
        self.refuse_removed()
        commit = git_commit(Path(__file__).resolve().parent)
        environment = {**facts, "platform": platform.platform(), "versions": versions(), "git": commit}
        write_json(self.file(ENVIRONMENT), environment)

    def refuse_removed(self) -> None:
        """Raise UserError if the folder is gone: files written now would make a new one, without what was in it."""
        if not is_there(self.path):
            raise UserError(
                f"{self.path}: was moved or removed during the training; if you have moved it, go on with: "
                f"{call('train.py', '--resume')} and its new place; otherwise train it anew"
            )

    def append_history(self, row: dict[str, float]) -> None:
        """Add one epoch to history.csv. It is on disk when this returns. Raises UserError as `refuse_removed`."""
        self.refuse_removed()
        self.history.append(row)
        self._write_history()

    def cut_history(self, epochs: int) -> None:
        """Keep the first `epochs` rows, which are those of the saved weights."""
        self.history = self.history[:epochs]
        if self.history:
            self._write_history()
        else:
            self.file(HISTORY).unlink(missing_ok=True)

    def _write_history(self) -> None:
        with replacing(self.file(HISTORY)) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.history[0]))
            writer.writeheader()
            writer.writerows(self.history)

    def history_columns(self) -> dict[str, list[float]]:
        """The history in the form of Keras's `History.history`: a list for each metric."""
        return {key: [row[key] for row in self.history] for key in self.history[0]} if self.history else {}


class WorkerRunFolder(RunFolder):
    """The run on a machine that is not the chief: its history stays in memory, and nothing is written."""

    def write_settings(self, settings: Settings) -> None:
        """Do nothing."""

    def write_environment(self, **facts: object) -> None:
        """Do nothing."""

    def refuse_removed(self) -> None:
        """Do nothing: there is no folder."""

    def append_history(self, row: dict[str, float]) -> None:
        """Add one epoch, in memory."""
        self.history.append(row)


def _read_history(path: Path) -> list[dict[str, float]]:
    rows = list(csv.DictReader(io.StringIO(read_text(path), newline="")))
    if rows and (missing := COLUMNS - rows[0].keys()):
        raise ValueError(f"no column {', '.join(sorted(missing))}")
    # A row cut short by a crash has no last value. Its epoch is trained again.
    return [_numbers(row) for row in rows if None not in row.values() and "" not in row.values()]


def _numbers(row: dict[str, str]) -> dict[str, float]:
    return {key: int(value) if value.isdecimal() else float(value) for key, value in row.items()}


def git_commit(folder: Path) -> str | None:
    """The commit checked out in `folder`, followed by "-dirty" if files have changed; None outside a repository."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
