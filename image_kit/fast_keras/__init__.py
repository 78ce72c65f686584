"""Keras networks that compute the same function in less time on a CPU. `--plain-keras` leaves all of it out."""

from image_kit.fast_keras.acceleration import accelerate as accelerate, copied as copied
from image_kit.fast_keras.optimizers import faster_optimizer as faster_optimizer
from image_kit.fast_keras.side_by_side import choose_slices as choose_slices, slices_in_use as slices_in_use
from image_kit.fast_keras.steps import (
    choose_steps_per_execution as choose_steps_per_execution,
    choose_validation_batch_size as choose_validation_batch_size,
)
