"""When a training stops early."""

import pytest

from image_kit.training import callbacks


@pytest.mark.parametrize(
    ("losses", "patience", "stopped"),
    [
        ([], 1, False),
        ([3, 2, 1], 1, False),
        ([3, 2, 2], 1, True),  # equal is no improvement
        ([1, 2, 3], 3, False),
        ([1, 2, 3, 4], 3, True),
        ([1, 2, 0.5, 4], 3, False),
        ([1, 1, 1], None, False),
    ],
)
def test_has_stopped(losses, patience, stopped):
    assert callbacks.has_stopped([{"val_loss": loss} for loss in losses], patience) == stopped
