"""report.html of a run: what it knows, put on a page."""

import math
from collections.abc import Mapping, Sequence

from image_kit.answering import Scores
from image_kit.datasets import Data
from image_kit.recipe import Recipe
from image_kit.reports import (
    REPORT,
    ScoredImages,
    TrainingPage,
    history_charts,
    try_to_write,
    write_training_report,
)
from image_kit.training.diagnosis import diagnose
from image_kit.training.head_data import HeadData
from image_kit.training.run_folder import RunFolder
from image_kit.training.settings import Settings

SCORE_NAMES = {
    "cross-validation": "cross-validation: each photo answered by a head that does not know it",
    "test": "test images, which the training never saw",
    "test_without_look_alikes": "test images without those that look like a training photo",
}


def write_run_report(
    folder: RunFolder,
    settings: Settings,
    scores: Mapping[str, Scores],
    details: tuple[str, ScoredImages] | None,
    data: Data | HeadData,
) -> None:
    """Write report.html into the folder of a run; if that fails, say so in one line.

    Args:
        folder: of the run, with its history.
        settings: of the run.
        scores: see `finish_run` and `HeadRun.finish`.
        details: what the page shows image by image: its name, and the images with their answers; None for nothing.
        data: that the run was trained on.
    """

    def write() -> None:
        name, scored = details or ("", None)
        shown = {SCORE_NAMES.get(key, key): each for key, each in scores.items()}
        if scored and not shown:
            shown = {name: scored.scores}
        page = TrainingPage(
            title=folder.path.name,
            summary=_summary(settings, data),
            scores=shown,
            details=scored,
            details_name=name,
            charts=history_charts(folder.history_columns()),
            stopped=describe_end(folder.history, settings.recipe),
            causes=diagnose(folder.history, scored.scores if scored else None, settings.recipe),
            facts=_facts(settings, data),
            notes=data.notes,
        )
        write_training_report(folder.file(REPORT), page)

    try_to_write(write, folder.file(REPORT))


def _summary(settings: Settings, data: Data | HeadData) -> str:
    class_names, counts = data.class_names, _counts(data)
    images = "drawings" if settings.is_demo else "photos" if settings.folder else "images"
    names = ", ".join(class_names[:5]) + (f" and {len(class_names) - 5} more" if len(class_names) > 5 else "")
    network = "A head on pretrained features" if settings.recipe.backbone else f"The network {settings.recipe.model}"
    return f"{network}, trained on {counts['train']:,} {images} of {len(class_names)} classes: {names}."


def _counts(data: Data | HeadData) -> dict[str, int]:
    parts = data.parts if isinstance(data, Data) else data.images
    return {part: len(images.labels) for part, images in parts.items()}


def _facts(settings: Settings, data: Data | HeadData) -> list[tuple[str, str]]:
    recipe = settings.recipe
    facts = [("data", settings.folder or recipe.dataset)]
    facts += [(part, f"{count:,} images") for part, count in _counts(data).items()]
    facts += [("classes", str(len(data.class_names)))]
    facts += [("backbone", recipe.backbone)] if recipe.backbone else [("network", recipe.model)]
    if not recipe.backbone or recipe.fine_tune:
        height, width = recipe.image_size
        rate = f", learning rate {recipe.learning_rate:g}" if recipe.learning_rate else ""
        facts += [
            ("image size", f"{height} x {width} pixels"),
            ("training", f"{recipe.optimizer}{rate}, batches of {recipe.batch_size}"),
            ("augmentation", "yes" if recipe.augment else "no"),
        ]
    return [*facts, ("seed", str(recipe.seed))]


def describe_end(history: Sequence[Mapping[str, float]], recipe: Recipe) -> str:
    """Why a training ended, in a sentence or two.

    Args:
        history: a row for each epoch; [] for a head alone.
        recipe: what was asked for.
    """
    if not history:
        return "A head is computed to its optimum at once, so there are no epochs."
    if not math.isfinite(history[-1]["loss"]):
        return f"It stopped in epoch {len(history)}, because the loss was no longer a number."
    losses, done = [row["val_loss"] for row in history], len(history)
    best, minutes = losses.index(min(losses)) + 1, sum(row["seconds"] for row in history) / 60
    least = f"The validation loss was least in epoch {best}."
    if done >= recipe.epochs:
        return f"It stopped after all {done} epochs that were asked for. {least}"
    if recipe.early_stopping and done - best >= recipe.early_stopping:
        return f"It stopped after epoch {done} of {recipe.epochs}: {done - best} epochs brought nothing new. {least}"
    if recipe.max_minutes and minutes >= recipe.max_minutes:
        return (
            f"It stopped after epoch {done} of {recipe.epochs}: its {recipe.max_minutes:g} minutes were over. {least}"
        )
    return f"It stopped after epoch {done}. {least}"
