"""runs/<name>/: everything that a training run leaves behind."""

import contextlib
import csv
import json
import platform
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

from image_kit import files as atomic
from image_kit.errors import UserError
from image_kit.files import first_free
from image_kit.recipe import Augmentation, Recipe
from image_kit.weights import RUNS
from presets import PRESETS

DESCRIPTIVE = {"source", "parameters", "measured", "minutes"}  # of the preset as it stands, not of this run
PACKAGES = ("tensorflow", "keras", "numpy", "pillow", "opencv-python-headless", "h5py")


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that decide a result."""
    from importlib.metadata import version  # 0.03 s that a prediction does not need

    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


def check_new_name(name: str) -> None:
    """Raise UserError if no run can be called `name`, because it is no plain name or is taken."""
    if Path(name).name != name or not name or name.startswith("."):
        raise UserError(f"--run: must be a plain name, a folder below {RUNS}/; received {name!r}")
    if (RUNS / name).exists():
        raise UserError(f"--run: {RUNS / name} exists and is never overwritten; choose another name")


class RunFolder:
    """One run's folder; its history is in memory too, a dict an epoch."""

    def __init__(self, path: Path):
        self.path = path
        self.history: list[dict[str, float]] = []

    @classmethod
    def create(cls, name: str | None, default: str) -> "RunFolder":
        """A new, empty folder below runs/: `name`, or the first free one of default-1, default-2, ...

        Raises UserError if `name` exists already or is no plain name.
        """
        if name is not None:
            check_new_name(name)
            (RUNS / name).mkdir(parents=True)
            return cls(RUNS / name)
        RUNS.mkdir(exist_ok=True)
        while True:
            path = first_free(RUNS / default)
            with contextlib.suppress(FileExistsError):  # another run took it just now
                path.mkdir()
                return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """A run that exists, with its history. Raises UserError if `path` is no run folder."""
        run = cls(path)
        if not run.file("settings.json").is_file():
            raise UserError(f"--resume: {path} is no run folder (no settings.json); give one below {RUNS}/")
        if run.file("history.csv").is_file():
            with open(run.file("history.csv"), newline="") as file:
                rows = list(csv.DictReader(file))
            # A row cut short by a crash has no last value; its epoch is trained again.
            run.history = [_numbers(row) for row in rows if None not in row.values()]
        return run

    def file(self, name: str) -> Path:
        """The path of a file in this folder."""
        return self.path / name

    def write_settings(self, name: str, preset: Recipe, **options) -> None:
        """The resolved recipe, from which `read_settings` can go on; without what only describes the preset."""
        recipe = {key: value for key, value in asdict(preset).items() if key not in DESCRIPTIVE}
        atomic.write_json(self.file("settings.json"), {"name": name, **options, "recipe": recipe})

    def settings_text(self) -> str:
        """The settings as they stand in their file."""
        return self.file("settings.json").read_text()

    def read_settings(self, text: str | None = None) -> tuple[Recipe, dict]:
        """The recipe and the other settings, of the file or of a text like it. Raises UserError if it is damaged."""
        try:
            settings = json.loads(self.settings_text() if text is None else text)
            values = settings.pop("recipe")
            augmentation = values.pop("augmentation")
            if augmentation["brightness_range"]:
                augmentation["brightness_range"] = tuple(augmentation["brightness_range"])
            values["image_size"] = tuple(values["image_size"])
            base = PRESETS.get(settings["name"], PRESETS["elephants_cars"])
            return replace(base, **values, augmentation=Augmentation(**augmentation)), settings
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.file('settings.json')}: damaged ({error}); this run cannot be resumed") from None

    def scored_epochs(self) -> int:
        """After how many epochs this run was complete and its test images scored; 0 if it never was."""
        try:
            return json.loads(self.file("metrics.json").read_text())["epochs"]
        except (OSError, ValueError, KeyError, TypeError):  # none, or damaged: it is made anew
            return 0

    def write_environment(self, **facts) -> None:
        """Versions, machine and git commit, with what the caller knows of the device."""
        root = Path(__file__).resolve().parents[2]
        environment = {**facts, "platform": platform.platform(), "versions": versions(), "git": git_commit(root)}
        atomic.write_json(self.file("environment.json"), environment)

    def append_history(self, row: dict[str, float]) -> None:
        """Add one epoch to history.csv; on disk when this returns."""
        self.history.append(row)
        is_new = len(self.history) == 1
        with open(self.file("history.csv"), "w" if is_new else "a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.history[0]))
            if is_new:
                writer.writeheader()
            writer.writerow(row)

    def cut_history(self, epochs: int) -> None:
        """Keep the first `epochs` rows: those that the saved weights have behind them."""
        self.history = self.history[:epochs]
        if self.history:
            with atomic.replacing(self.file("history.csv")) as temporary, open(temporary, "w", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(self.history[0]))
                writer.writeheader()
                writer.writerows(self.history)
        else:
            self.file("history.csv").unlink(missing_ok=True)

    def history_columns(self) -> dict[str, list[float]]:
        """The history in the form of Keras's `History.history`: a list for each metric."""
        return {key: [row[key] for row in self.history] for key in self.history[0]} if self.history else {}


class UnwrittenRun(RunFolder):
    """The run of a machine that follows a chief: a history in memory, and nothing on disk."""

    def write_settings(self, name: str, preset: Recipe, **options) -> None:
        """Nothing."""

    def settings_text(self) -> str:
        """Empty: the chief has them."""
        return ""

    def write_environment(self, **facts) -> None:
        """Nothing."""

    def append_history(self, row: dict[str, float]) -> None:
        """Add one epoch, in memory."""
        self.history.append(row)


def _numbers(row: dict[str, str]) -> dict[str, float]:
    return {key: int(value) if value.isdecimal() else float(value) for key, value in row.items()}


def git_commit(folder: Path) -> str | None:
    """The commit checked out in `folder`, with "-dirty" after it if files differ; None outside a repository."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
