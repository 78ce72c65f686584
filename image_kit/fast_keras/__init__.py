"""Keras networks that compute the same function faster on a CPU."""

from image_kit.fast_keras.dropout import (
    Dropout as Dropout,
)
from image_kit.fast_keras.optimizers import (
    get_optimizer as get_optimizer,
)
from image_kit.fast_keras.side_by_side import (
    SideBySide as SideBySide,
    shares_in_use as shares_in_use,
)
