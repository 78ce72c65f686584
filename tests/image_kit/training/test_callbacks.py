"""When a training stops early."""

import pytest

from image_kit.recipe import Recipe
from image_kit.training import callbacks


@pytest.mark.parametrize(
    ("losses", "patience", "minutes", "stopped"),
    [
        ([], 1, None, False),
        ([3, 2, 1], 1, None, False),
        ([3, 2, 2], 1, None, True),  # equal is no improvement
        ([1, 2, 3], 3, None, False),
        ([1, 2, 3, 4], 3, None, True),
        ([1, 2, 0.5, 4], 3, None, False),
        ([1, 1, 1], None, None, False),
        ([], None, 1.0, False),
        ([3, 2], None, 1.0, False),  # 40 seconds
        ([3, 2, 1], None, 1.0, True),
        ([3, 2, 2], 1, 9.0, True),
    ],
)
def test_has_stopped(losses, patience, minutes, stopped):
    history = [{"val_loss": loss, "seconds": 20.0} for loss in losses]
    assert callbacks.has_stopped(history, Recipe(early_stopping=patience, max_minutes=minutes)) == stopped
