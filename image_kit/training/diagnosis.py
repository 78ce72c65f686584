"""Why a training is stuck: likely causes, each tested with the run's own numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from image_kit.answering import Scores, wilson_interval
from image_kit.recipe import Recipe
from image_kit.reports import LikelyCause

# A loss above this fraction of ln(classes), the loss of equal probabilities, has hardly fallen. Of the ten presets
# the slowest is below it after its first epoch.
NEAR_CHANCE = 0.9
FAR_ABOVE_CHANCE = 2  # times ln(classes): answers that are sure and wrong, from weights that were thrown about
RISE = 1.02  # a loss that rises by more than 2 % from one epoch to the next did not just vary with the order of images
ALL_OF_ONE_CLASS = 0.98  # of the answers
GAP = 0.15  # of accuracy between training and validation; less is normal for a few hundred images
TOO_MUCH = 10  # the next learning rate to try is larger or smaller by this factor
DEFAULT_RATES = {"sgd": 0.01}  # of Keras's optimizers; the others have .001


def diagnose(history: Sequence[Mapping[str, float]], scores: Scores | None, recipe: Recipe) -> list[LikelyCause]:
    """Why a training did not learn, or not what it should.

    Args:
        history: a row for each epoch with "loss", "accuracy", "val_loss" and "val_accuracy"; [] for a head alone.
        scores: of images that the weights were not fitted to; None if there are none.
        recipe: of the run.

    Returns:
        The likeliest cause first; [] for a training that learned.
    """
    if broken := _find_broken_epoch(history, recipe):
        return [broken]
    is_stuck = scores is not None and not _beats_one_answer(scores)
    causes: list[LikelyCause] = []
    if is_stuck and scores is not None:
        causes += _explain_loss(history, scores, recipe)
        causes += _find_one_answer(scores)
        causes += _compare_with_chance(history, scores)
    return causes + list(_find_gap(history, scores))


def _find_broken_epoch(history: Sequence[Mapping[str, float]], recipe: Recipe) -> LikelyCause | None:
    for row in history:
        for key, what in (("loss", "training"), ("val_loss", "validation")):
            if not math.isfinite(row.get(key, 0.0)):
                return LikelyCause(
                    "The loss is no longer a number",
                    f"In epoch {row['epoch']:.0f} of {len(history)} the {what} loss became {row[key]}.",
                    f"Lower the learning rate: --learning-rate {_lower_rate(recipe):g}.",
                )
    return None


def _beats_one_answer(scores: Scores) -> bool:
    """Whether the answers are clearly better than giving the largest class to every image."""
    return scores.interval[0] > _largest(scores)[1] / scores.total


def _largest(scores: Scores) -> tuple[str, int]:
    """The class with the most images, and how many it has."""
    sizes = scores.confusion.sum(axis=1)
    return scores.class_names[int(sizes.argmax())], int(sizes.max())


def _explain_loss(history: Sequence[Mapping[str, float]], scores: Scores, recipe: Recipe) -> Iterator[LikelyCause]:
    """Causes of a training loss that has not fallen."""
    losses = np.array([row["loss"] for row in history])
    chance = math.log(len(scores.class_names))
    if not len(losses) or losses.min() < NEAR_CHANCE * chance:
        return
    fact = (
        f"The training loss went from {losses[0]:.3g} to {losses[-1]:.3g} in {len(losses)} epochs; "
        f"guessing among {len(scores.class_names)} classes gives {chance:.3g}."
    )
    rate, steps = _rate(recipe), losses[1:] / losses[:-1]
    starts_high = losses.max() > FAR_ABOVE_CHANCE * chance and not _falls_steadily(losses)
    if starts_high or (steps > RISE).sum() * 3 > len(steps):
        yield LikelyCause(
            "The learning rate is too high",
            fact + " A loss that starts high, or jumps up, comes from steps that are too large.",
            f"Lower it from {rate:g}: --learning-rate {_lower_rate(recipe):g}.",
        )
    elif len(losses) > 1 and _falls_steadily(losses):
        yield LikelyCause(
            "The learning rate is too low, or the training too short",
            fact + " It fell a little in every epoch.",
            f"Raise it from {rate:g}: --learning-rate {_higher_rate(recipe):g}; or train longer with --epochs.",
        )
    else:
        yield LikelyCause(
            "The loss does not fall",
            fact,
            f"Try another learning rate than {rate:g}, ten times larger and ten times smaller, and look at "
            "first_batch.png: do the images and their names go together?",
        )


def _falls_steadily(losses: np.ndarray) -> bool:
    return bool((np.diff(losses) < 0).all())


def _usual_rate(recipe: Recipe) -> float:
    return DEFAULT_RATES.get(recipe.optimizer, 0.001)


def _rate(recipe: Recipe) -> float:
    return recipe.learning_rate or _usual_rate(recipe)


def _lower_rate(recipe: Recipe) -> float:
    """The next rate to try: the usual one, if that is lower."""
    rate, usual = _rate(recipe), _usual_rate(recipe)
    return usual if usual < rate else rate / TOO_MUCH


def _higher_rate(recipe: Recipe) -> float:
    rate, usual = _rate(recipe), _usual_rate(recipe)
    return usual if usual > rate else rate * TOO_MUCH


def _find_one_answer(scores: Scores) -> Iterator[LikelyCause]:
    answered = scores.confusion.sum(axis=0)
    if answered.max() >= ALL_OF_ONE_CLASS * scores.total:
        yield LikelyCause(
            "It gives one answer to everything",
            f"{answered.max():,} of {scores.total:,} images were answered {scores.class_names[int(answered.argmax())]}"
            f"; {int(scores.confusion.sum(axis=1)[answered.argmax()]):,} are of that class.",
            "If the classes differ much in size, use --class-weights balanced; if not, change the learning rate.",
        )


def _compare_with_chance(history: Sequence[Mapping[str, float]], scores: Scores) -> Iterator[LikelyCause]:
    """Labels that tell no more than chance: unless the loss says that nothing was learned at all."""
    name, most = _largest(scores)
    losses = [row["loss"] for row in history]
    if losses and min(losses) >= NEAR_CHANCE * math.log(len(scores.class_names)):
        return
    yield LikelyCause(
        "The answers are no better than chance",
        f"{scores.correct:,} of {scores.total:,} images are answered rightly; answering {name} every time would be "
        f"right for {most:,}.",
        "Look through the folders: are the photos in the right ones, and can you tell the classes apart yourself?",
    )


def _find_gap(history: Sequence[Mapping[str, float]], scores: Scores | None) -> Iterator[LikelyCause]:
    """Training images known by heart."""
    rows = [row for row in history if "accuracy" in row and "val_accuracy" in row]
    if not rows or scores is None:
        return
    best = max(rows, key=lambda row: row["val_accuracy"])
    # Dropout and augmentation lower the accuracy on training images, so the gap may be larger than this.
    learned, validated = rows[-1]["accuracy"], best["val_accuracy"]
    highest = wilson_interval(round(validated * scores.total), scores.total)[1]
    if learned - validated > GAP and learned > highest:
        yield LikelyCause(
            "It knows its training images by heart",
            f"In the last epoch {100 * learned:.1f} % of the training images were answered rightly, but of the "
            f"validation images never more than {100 * validated:.1f} %.",
            "Add photos, or use --augment; for a folder of photos, the preset pretrained needs far fewer of them.",
        )
