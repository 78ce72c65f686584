"""Why a training ended, in words."""

import math

import pytest

from image_kit.recipe import AUTO, Recipe
from image_kit.training.run_report import describe_end


def history_of(losses, seconds=30):
    return [{"epoch": i, "loss": 1.0, "val_loss": loss, "seconds": seconds} for i, loss in enumerate(losses, 1)]


@pytest.mark.parametrize(
    ("losses", "recipe", "words"),
    [
        (
            [3, 2, 1],
            Recipe(epochs=3),
            "after all 3 epochs that were asked for.",
        ),
        ([3, 1, 2, 2], Recipe(epochs=9, early_stopping=2), "after epoch 4 of 9: 2 epochs brought nothing new."),
        ([3, 2], Recipe(epochs=9, max_minutes=1), "after epoch 2 of 9: its 1 minutes were over."),
        ([3, 1, 2, 2], Recipe(fine_tune=AUTO, epochs=12, early_stopping=2), "after epoch 4 of 12: 2 epochs"),
        ([3, 2], Recipe(epochs=9), "It stopped after epoch 2."),
        ([], Recipe(backbone="lite0"), "there are no epochs"),
    ],
)
def test_why_it_ended(losses, recipe, words):
    assert words in describe_end(history_of(losses), recipe)


def test_a_loss_that_is_no_number():
    history = [*history_of([1.0]), {"epoch": 2, "loss": math.nan, "val_loss": math.nan, "seconds": 1}]
    assert describe_end(history, Recipe()) == "It stopped in epoch 2, because the loss was no longer a number."
